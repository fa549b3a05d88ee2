"""Measured tables: a CSV read into plain columns, checked cell by cell, without pandas.

Every complaint names ``file:line:column``.  Unknown columns are kept as they are; a blank cell of a column that the
row's operator does not need is no error.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.reading import MAX_TABLE_BYTES, decode, read_bytes
from accelsim.registry import did_you_mean
from accelsim.validation.operations import OPERATIONS, of_kernel

Array = NDArray[np.float64]
Rows = NDArray[np.intp]

PREDICTED = "predicted_s"
MEASURED = "time_s"
_KEYS = ("hardware", "op", "dtype", "timing")
_MAX_PROBLEMS = 20
_MAX_EXTENT = 2.0**53  # above it a float is no exact whole number


@dataclass(frozen=True, eq=False)
class Table:
    """A measured table as text, by column.

    Attributes:
        name: File, for messages.
        columns: Cells by column, in the order of the file.
        lines: Line of the file each row ends at.
        sha256: Hash of the file.
        files: File of each row, where there are several.
        unread: Lines whose cells are not as many as the columns, in a file that was read leniently.
    """

    name: str
    columns: Mapping[str, list[str]]
    lines: list[int]
    sha256: str = ""
    files: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.lines)

    def text(self, column: str) -> list[str]:
        """Cells of a column, blank where the table has no such column."""
        return self.columns.get(column) or [""] * len(self)

    def require(self, columns: Iterable[str]) -> None:
        """Complain about columns that the table has not.

        Args:
            columns: Names of those that a reader needs.

        Raises:
            ConfigError: Some are missing; names them and what is there.
        """
        missing = [column for column in columns if column not in self.columns]
        if missing:
            raise ConfigError(f"{self.name}:1: columns missing: {', '.join(missing)}. Here: {', '.join(self.columns)}.")

    def where(self, row: int, column: str) -> str:
        """``file:line:column`` of a cell.

        Args:
            row: Which row, from 0.
            column: Name of its column.
        """
        return f"{self.file(row)}:{self.lines[row]}:{column}"

    def file(self, row: int) -> str:
        """File of a row."""
        return self.files[row] if self.files else self.name

    def groups(self) -> dict[tuple[str, str, str, str], Rows]:
        """Rows by (hardware, op, dtype, timing), in the order of their first row; ``op`` is that of their kernel."""
        found: dict[tuple[str, str, str, str], list[int]] = {}
        cells = zip(*(self.text(key) for key in (*_KEYS, "kernel")), strict=True)
        for row, (hardware, op, dtype, timing, kernel) in enumerate(cells):
            found.setdefault((hardware, of_kernel(op, kernel), dtype, timing), []).append(row)
        return {key: np.array(rows, dtype=np.intp) for key, rows in found.items()}

    def take(self, rows: Iterable[int]) -> Table:
        """The table of these rows alone."""
        chosen = list(rows)
        columns = {name: [cells[row] for row in chosen] for name, cells in self.columns.items()}
        files = tuple(self.files[row] for row in chosen) if self.files else ()
        return replace(self, columns=columns, lines=[self.lines[row] for row in chosen], files=files)

    def with_column(self, name: str, cells: Sequence[str]) -> Table:
        """The table with one column set; a new one comes last.

        Args:
            name: Name of the column, present or new.
            cells: Its text, one per row.
        """
        return replace(self, columns={**self.columns, name: list(cells)})

    def extents(self, op: str, rows: Rows) -> dict[str, Array]:
        """Whole numbers of the columns that ``op`` reads, for ``rows`` of a checked table.

        Args:
            op: An operator of the table, which says the columns that it needs and those it may have.
            rows: Indices of rows, all of this operator.

        Returns:
            Float64[rows] per column; a blank optional cell has the default of the operator.
        """
        operation = OPERATIONS[op]
        found = {name: self.numbers(name, rows) for name in operation.needs}
        for name, default in (operation.optional or {}).items():
            found[name] = np.nan_to_num(self.numbers(name, rows), nan=default)
        return found

    def numbers(self, column: str, rows: Rows) -> Array:
        """Cells as floats; NaN where a cell is blank or no number.

        Args:
            column: Name of the column.
            rows: Indices of the rows wanted, in the order of the result.
        """
        cells = self.text(column)
        chosen = [cells[row] for row in rows]
        try:
            return np.array(chosen, dtype=np.float64)
        except ValueError:
            return np.array([_number(cell) for cell in chosen], dtype=np.float64)

    def csv(self) -> str:
        """The table as CSV."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(zip(*self.columns.values(), strict=True))
        return out.getvalue()


def read_table(path: str | Path, *, lenient: bool = False) -> Table:
    """Read a CSV; nothing is checked but its form.

    Args:
        path: The file.
        lenient: Put rows with another number of cells than columns aside (``unread``) instead of refusing the file:
            published tables have commas in texts that nobody quoted.

    Raises:
        ConfigError: The file cannot be read, is no UTF-8, has no or repeated column names, no rows, or a row with
            another number of cells than columns.
    """
    name = str(path)
    content = read_bytes(path, "a CSV file", MAX_TABLE_BYTES)
    text = decode(content, name)
    return parse_table(text, name, hashlib.sha256(content).hexdigest(), lenient=lenient)


def parse_table(text: str, name: str = "<text>", sha256: str = "", *, lenient: bool = False) -> Table:
    """The table in a text; see :func:`read_table`.

    Args:
        text: Content of a CSV with a header.
        name: What messages call it, e.g. the path of its file.
        sha256: Hash of the file it came from, for the record; empty where there is none.
        lenient: See :func:`read_table`.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    unread: list[int] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        _check_header(header, name)
        for row in reader:
            if not row:
                continue
            if len(row) != len(header) and lenient:
                unread.append(reader.line_num)
                continue
            if len(row) != len(header):
                raise ConfigError(
                    f"{name}:{reader.line_num}: {len(row)} cells, but the header has {len(header)} columns."
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise ConfigError(f"{name}:{reader.line_num}: not a CSV row ({error}).") from error
    if not rows:
        raise ConfigError(f"{name}: no rows after the header. Give one row per measured operator.")
    cells = [list(column) for column in zip(*rows, strict=True)]
    columns = dict(zip(header, cells, strict=True))
    for key in _KEYS:
        if key in columns:
            columns[key] = [cell.strip() for cell in columns[key]]
    return Table(name, columns, lines, sha256, unread=tuple(unread))


def _check_header(header: list[str], name: str) -> None:
    if not any(header):
        raise ConfigError(f"{name}:1: no column names. The first line names the columns, e.g. hardware,op,dtype,m,n,k.")
    repeated = sorted({column for column in header if header.count(column) > 1})
    if repeated:
        raise ConfigError(f"{name}:1: column {repeated[0]!r} occurs twice. Give each column its own name.")


def joined(tables: Sequence[Table]) -> Table:
    """Several tables one after the other; columns that one lacks are blank there."""
    names = dict.fromkeys(name for table in tables for name in table.columns)
    columns = {name: [cell for table in tables for cell in table.text(name)] for name in names}
    digest = hashlib.sha256("".join(table.csv() for table in tables).encode()).hexdigest()
    name = ", ".join(dict.fromkeys(table.name for table in tables))
    files = tuple(table.file(row) for table in tables for row in range(len(table)))
    return Table(name, columns, [line for table in tables for line in table.lines], digest, files)


def check_table(table: Table, *, measured: bool, hardware: bool = True) -> None:
    """Complain about every cell that cannot be meant.

    Args:
        table: The table.
        measured: Whether ``time_s`` is needed.
        hardware: Whether the ``hardware`` column is needed.

    Raises:
        ConfigError: A needed column is missing, an operator or element type is unknown, or an extent is no positive
            whole number; up to twenty problems, one per line.
    """
    needed = [*(("hardware",) if hardware else ()), "op", "dtype", *((MEASURED,) if measured else ())]
    missing = [column for column in needed if column not in table.columns]
    if missing:
        known = list(table.columns)
        raise ConfigError(
            "\n".join(f"{table.name}:1: column {c!r} is missing. Columns here: {', '.join(known)}." for c in missing)
        )
    problems: list[tuple[int, str]] = []
    for (device, op, dtype, _), rows in table.groups().items():
        first = int(rows[0])
        if hardware and not device:
            problems.append((first, f"{table.where(first, 'hardware')}: blank. Name a chip or a system."))
        problems += _name_problems(table, first, op, dtype)
        if op in OPERATIONS:
            problems += _extent_problems(table, op, rows)
    if measured:
        problems += _number_problems(table, MEASURED, np.arange(len(table)), whole=False, least=0.0)
    if problems:
        texts = list(dict.fromkeys(text for _, text in sorted(problems)))
        shown, more = texts[:_MAX_PROBLEMS], len(texts) - _MAX_PROBLEMS
        raise ConfigError("\n".join([*shown, *([f"... and {more} more."] if more > 0 else [])]))


def _name_problems(table: Table, row: int, op: str, dtype: str) -> list[tuple[int, str]]:
    problems = []
    if op not in OPERATIONS:
        known = list(OPERATIONS)
        text = f"{table.where(row, 'op')}: unknown operator {op!r}. Known: {', '.join(known)}.{did_you_mean(op, known)}"
        problems.append((row, text))
    names = [member.value for member in DType]
    if dtype not in names:
        text = f"{table.where(row, 'dtype')}: unknown type {dtype!r}. Known: {', '.join(names)}."
        problems.append((row, text + did_you_mean(dtype, names)))
    return problems


def _extent_problems(table: Table, op: str, rows: Rows) -> list[tuple[int, str]]:
    operation = OPERATIONS[op]
    problems: list[tuple[int, str]] = []
    for column in operation.needs:
        if column not in table.columns:
            needs = ", ".join(operation.needs)
            text = f"{table.name}:1: column {column!r} is missing; rows of {op} need {needs}."
            problems.append((-1, text))
        else:
            problems += _number_problems(table, column, rows, whole=True, least=1.0)
    for column, default in (operation.optional or {}).items():
        if column in table.columns:
            given = np.array([row for row in rows if table.columns[column][row].strip()], dtype=np.intp)
            least = 0.0 if column in operation.flags else float(default)
            problems += _number_problems(table, column, given, whole=True, least=least)
    return problems


def _number_problems(table: Table, column: str, rows: Rows, *, whole: bool, least: float) -> list[tuple[int, str]]:
    """Cells that are no number, not whole, or too small; zero is too small for a time."""
    values = table.numbers(column, rows)
    good = np.isfinite(values) & (values >= least) & (values < _MAX_EXTENT)
    good &= (values == np.floor(values)) if whole else (values > 0.0)
    wanted = f"a whole number of at least {least:.0f}" if whole else "a positive number of seconds"
    problems = []
    for row in rows[~good].tolist():
        cell = table.columns[column][row]
        what = f"{cell!r} is not {wanted}" if cell.strip() else f"blank; expected {wanted}"
        problems.append((row, f"{table.where(row, column)}: {what}."))
    return problems


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
