"""The packaged problems, or a folder laid out like them."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from accelsim.errors import ConfigError


class Folder:
    """A folder of problems.

    Args:
        path: On disk; None: those shipped with the package.
    """

    def __init__(self, path: Path | None = None) -> None:
        packaged = files("accelsim.validation") / "data" / "placement"
        self._root: Traversable = packaged if path is None else path
        if not self._root.is_dir():
            raise ConfigError(f"--data {path}: no such folder. Give one with qap/, floorplan/ and wafer/ in it.")

    def names(self, kind: str) -> list[str]:
        """Names of the JSON files of a folder in it, in the order of the alphabet; none if it is not there."""
        folder = self._root / kind
        if not folder.is_dir():
            return []
        return sorted(entry.name.removesuffix(".json") for entry in folder.iterdir() if entry.name.endswith(".json"))

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        return (self._root / name).is_file()

    def read(self, name: str) -> str:
        """Text of a file.

        Raises:
            ConfigError: It is not there or no text.
        """
        try:
            return (self._root / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{self._root}/{name}: cannot be read ({error}). See the README of the folder."
            ) from error
