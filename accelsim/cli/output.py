"""What commands write: JSON to a file or standard output, and small tables of numbers they read."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import ConfigError


def write_json(content: Any, target: str) -> None:
    """Write ``content`` to the file ``target``, or to standard output for ``-``; infinite numbers become null.

    Args:
        content: Plain values.
        target: Path of the file, or ``-``.

    Raises:
        AccelsimError: The file cannot be written.
    """
    from accelsim.files import write_atomic

    text = json.dumps(_finite(content), indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        write_atomic(Path(target), text)


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and content in (float("inf"), float("-inf")):
        return None
    return content


def write_or_print(content: dict[str, Any], target: str | None, show: Callable[[dict[str, Any]], None]) -> None:
    """JSON where it is asked for, and the text of ``show`` unless the JSON goes to standard output.

    Args:
        content: Plain values.
        target: Path of a file, ``-`` for standard output; None: no JSON.
        show: Prints them as text.
    """
    if target is not None:
        write_json(content, target)
    if target != "-":
        show(content)


def read_numbers(
    path: Path, columns: tuple[str, ...], optional: Mapping[str, int] | None = None
) -> list[tuple[int, ...]]:
    """Whole numbers, 0 or more, of these columns of a CSV with a header.

    Args:
        path: A CSV of at most 64 MiB.
        columns: Names of the columns wanted, in the order of the result.
        optional: Further columns behind them, with what they hold where the file has none.

    Raises:
        ConfigError: The file cannot be read, is too large, lacks a column or rows, or a cell is no such number.
    """
    from accelsim.reading import MAX_TABLE_BYTES, read_text

    expected = f"a CSV with the columns {','.join(columns)}"
    lines = read_text(path, expected, MAX_TABLE_BYTES).splitlines()
    reader = csv.DictReader(lines)
    missing = [name for name in columns if name not in (reader.fieldnames or [])]
    if missing:
        raise ConfigError(f"{path}:1: column {missing[0]!r} is missing. The header must name {','.join(columns)}.")
    found = []
    there = [name for name in optional or () if name in (reader.fieldnames or [])]
    columns, absent = (*columns, *there), [value for name, value in (optional or {}).items() if name not in there]
    for row in reader:
        cells = [(row[name] or "").strip() for name in columns]
        wrong = [name for name, cell in zip(columns, cells, strict=True) if not (cell.isascii() and cell.isdigit())]
        if wrong or any(len(cell) > 18 for cell in cells):
            name = (wrong or list(columns))[0]
            raise ConfigError(f"{path}:{reader.line_num}: {name}: {row[name]!r} is no whole number of 0 or more.")
        found.append((*(int(cell) for cell in cells), *absent))
    if not found:
        raise ConfigError(f"{path}: no rows after the header.")
    return found
