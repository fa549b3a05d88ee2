"""The code on docs/hardware.md runs, and what it asserts holds."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "hardware.md"


def test_the_code_blocks_of_the_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 1
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["two-islands.yaml"]
