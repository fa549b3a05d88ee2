"""The measured sets shipped with the package, by name, and what the models say of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from pydantic import Field

from accelsim.config.loader import load_document, validate
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SUITE_KINDS
from accelsim.validation.machines import Machines
from accelsim.validation.predict import Note
from accelsim.validation.rigs import our_name
from accelsim.validation.table import Table, joined, parse_table, read_table


class LeftOut(Spec):
    """Rows that are not compared."""

    where: Mapping[str, str] = Field(description="Cells by column that all must agree.")
    why: str = Field(description="What makes them no measurement of what the model predicts.")


class SuiteSpec(Spec):
    """One measured set."""

    file: str = Field(description="Table beside the index.")
    through: str = Field("operators", description="What its rows are: a kind of suite.")
    hardware: str = Field("", description="Hardware of all rows, where the table has no such column.")
    title: str = Field(description="What was measured.")
    source: str = Field(description="Where the numbers come from.")
    licence: str = Field(description="Licence of the source.")
    calibrates: Sequence[str] = Field((), description="Operators whose rows the shipped calibrations are fitted to.")
    leaves_out: Sequence[LeftOut] = Field((), description="Rows that are not compared.")


class SuiteIndex(Spec):
    """The packaged index of suites."""

    schema_version: Literal[1]
    kind: Literal["suites"]
    suites: Mapping[str, SuiteSpec] = Field(description="Suites by name.")


@cache
def suites() -> Mapping[str, SuiteSpec]:
    """All suites by name."""
    with as_file(files("accelsim.validation") / "data" / "suites.yaml") as path:
        return validate(load_document(path), SuiteIndex).spec.suites


def suite(name: str) -> SuiteSpec:
    """The suite called ``name``.

    Raises:
        ConfigError: There is none; lists what there is.
    """
    known = suites()
    if name not in known:
        raise ConfigError(f"unknown suite {name!r}. Known: {', '.join(known)}.{did_you_mean(name, list(known))}")
    return known[name]


def suite_table(name: str) -> Table:
    """The rows of a suite that are compared, with their hardware.

    Raises:
        ConfigError: Unknown suite.
    """
    spec = suite(name)
    text = (files("accelsim.validation") / "data" / spec.file).read_text(encoding="utf-8")
    return _as_in(spec, parse_table(text, spec.file))


def calibration_table(chip: str) -> Table:
    """The shipped rows that the calibration of ``chip`` is fitted to, in one table.

    Raises:
        ConfigError: There are none.
    """
    parts = []
    for name, spec in suites().items():
        table = SUITE_KINDS.get(spec.through)().operators(suite_table(name)) if spec.calibrates else None
        if table is not None:
            pairs = zip(table.text("hardware"), table.text("op"), strict=True)
            rows = [i for i, (hardware, op) in enumerate(pairs) if our_name(hardware) == chip and op in spec.calibrates]
            parts += [table.take(rows)] if rows else []
    if not parts:
        raise ConfigError(f"no measurements of {chip!r} are shipped. Give some with --data FILE.csv.")
    return joined(parts)


def run_suite(name: str, machines: Machines | None = None, data: Path | None = None) -> MeasuredComparison:
    """Predictions against the measurements of one suite.

    Args:
        name: One of the shipped sets.
        machines: Chips and systems by the hardware names of the table; None: those of the catalog.
        data: A table in the columns of the suite to compare instead of the shipped one.

    Raises:
        ConfigError: Unknown suite, one none of whose rows can be priced, or a file in other columns.
    """
    table = suite_table(name) if data is None else _as_in(suite(name), read_table(data, lenient=True))
    found = SUITE_KINDS.get(suite(name).through)().compare(name, table, machines or Machines())
    if not table.unread:
        return found
    text = f"left out: {table.name}:{table.unread[0]} and its like have another number of cells than columns"
    return replace(found, notes=(*found.notes, Note("", "", "", len(table.unread), True, text)))


def run_suites(names: Iterable[str] = ()) -> list[MeasuredComparison]:
    """Several suites in order; all of them when none is named."""
    chosen = list(dict.fromkeys(names)) or list(suites())
    for name in chosen:
        suite(name)  # a wrong name is told before minutes of work
    machines = Machines()
    return [run_suite(name, machines) for name in chosen]


def _as_in(spec: SuiteSpec, table: Table) -> Table:
    """``table`` with the hardware of the suite, where it names none, less the rows its rules leave out."""
    if spec.hardware and "hardware" not in table.columns:
        table = table.with_column("hardware", [spec.hardware] * len(table))
    for left_out in spec.leaves_out:
        columns = [(table.text(column), cell) for column, cell in left_out.where.items()]
        table = table.take(row for row in range(len(table)) if any(cells[row] != cell for cells, cell in columns))
    return table
