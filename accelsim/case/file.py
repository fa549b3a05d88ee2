"""The file form of a case: a small YAML with ``kind: case`` and one key per option.

::

    schema_version: 1
    kind: case
    model: llama3-8b
    system: nvidia-dgx-h100:8
    phase: {kind: decode, batch: 8, context: 4096, steps: 1}
    plan: tp=8
    overrides: {chip.clock: 1.6 GHz}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelsim.config.document import Document
from accelsim.config.loader import load_document
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

KIND, SCHEMA_VERSION = "case", 1
#: Options whose value may be a path.
_PATHS = ("model", "system", "profile", "constraints")


def is_case(document: Document) -> bool:
    """Whether a file says that it is a case."""
    node = document.root.children.get("kind")
    return node is not None and node.value == KIND


def read_case_file(path: Path, names: Sequence[str]) -> tuple[dict[str, Any], Document]:
    """What a case file states, by option, and the file; paths of files beside it are taken from there.

    Args:
        path: The file.
        names: Known options.

    Raises:
        ConfigError: The file cannot be read, is no case, or has an unknown key; names the line.
    """
    document = load_document(path)
    if not is_case(document):
        raise ConfigError(f"{document.root.where}: not a case. Write 'kind: case' at its top.")
    stated = dict(document.data)  # type: ignore[arg-type]
    version = stated.pop("schema_version", None)
    if version != SCHEMA_VERSION:
        raise ConfigError(f"{document.root.where}: schema_version: expected {SCHEMA_VERSION}, got {version!r}.")
    stated.pop("kind")
    for key in stated:
        if key not in names:
            near = did_you_mean(key, list(names))
            raise ConfigError(f"{document.where(key)}: unknown key {key!r}. Known: {', '.join(names)}.{near}")
    return {key: _map_paths(key, value, lambda text: _beside(path, text)) for key, value in stated.items()}, document


def case_text(path: Path, stated: Mapping[str, Any]) -> str:
    """Text of a case file at ``path`` that states these options; paths of files are relative to it.

    Args:
        path: Where the text will be written.
        stated: Plain values by option.
    """
    lines = [f"schema_version: {SCHEMA_VERSION}", f"kind: {KIND}"]
    for key, value in stated.items():
        value = _map_paths(key, value, lambda text: _relative(path, text))
        lines.append(f"{key}: {json.dumps(value, ensure_ascii=False)}")  # JSON is YAML
    return "\n".join(lines) + "\n"


def _map_paths(key: str, value: Any, change: Callable[[str], str]) -> Any:
    """``value`` with the paths in it changed: the whole of some options, files that a plan names."""
    if not isinstance(value, str):
        return value
    if key in _PATHS:
        return change(value)
    if key != "plan":
        return value
    items = (item.partition("=") for item in value.split(","))
    return ",".join(f"{name}{equals}{change(text) if equals else text}" for name, equals, text in items)


def _beside(file: Path, value: str) -> str:
    name, colon, size = value.partition(":")
    is_here = not Path(name).is_absolute() and (file.parent / name).is_file()
    return f"{file.parent / name}{colon}{size}" if is_here else value


def _relative(file: Path, value: str) -> str:
    name, colon, size = value.partition(":")
    if not Path(name).exists() or (Path(name).name == name and not Path(name).suffix):
        return value
    return f"{os.path.relpath(name, file.parent)}{colon}{size}"
