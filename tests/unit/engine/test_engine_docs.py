"""The code on docs/engine.md runs, top to bottom, and what it asserts holds."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "engine.md"
MODULES = ("clock", "names", "taskgraph", "fair.filling", "fair.grid", "run")


def test_the_code_blocks_of_the_page_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert len(blocks) == 7
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_hold(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(f"accelsim.engine.{name}"))
    assert attempted > 0
    assert failed == 0
