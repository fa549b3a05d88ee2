"""docs/architecture.md names every room of the package, every decorator, and only files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "accelsim"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`([^`\s]+)`", PAGE)


def rooms() -> list[str]:
    """Folders of the package that hold files of ours."""
    files = (path for suffix in ("*.py", "*.csv") for path in PACKAGE.rglob(suffix))
    return sorted({f"{file.parent.relative_to(ROOT).as_posix()}/" for file in files})


def test_every_room_has_a_row() -> None:
    assert set(rooms()) == {room for room in re.findall(r"^\| `(accelsim/[^`]*)` \|", PAGE, re.MULTILINE)}


@pytest.mark.parametrize("name", sorted({name for name in NAMED if "/" in name}))
def test_every_file_that_is_named_is_there(name: str) -> None:
    path = ROOT / name
    while "NAME" in path.name or "NAME" in path.parent.name:  # yours: the folder it goes to is there
        path = path.parent
    assert path.exists()


def test_every_decorator_has_a_row() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    pattern = re.compile(r"^(?:def )?(register_\w+)(?: = |\()", re.MULTILINE)
    ours = {name for text in texts for name in pattern.findall(text)}
    assert ours == {name.removeprefix("@") for name in NAMED if name.startswith("@")}
    assert len(ours) >= 15
