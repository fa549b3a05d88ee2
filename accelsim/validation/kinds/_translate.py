"""Tables in the columns of their source: read row by row into ours, and compared; rows left out are named with why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from accelsim.errors import ConfigError
from accelsim.validation.compare import MeasuredComparison, compare_table
from accelsim.validation.kinds.base import SuiteKind
from accelsim.validation.machines import Machines
from accelsim.validation.predict import Note
from accelsim.validation.table import Table

Row = Mapping[str, str]
Translate = Callable[[Row], "Row | LeftOut"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not compared, and the rule that says so."""

    why: str


def translated(table: Table, translate: Translate) -> tuple[Table, tuple[Note, ...]]:
    """The rows that mean something here in the columns of operators, and a note for each kind of the others.

    Args:
        table: In the columns of the source.
        translate: A row of the source to a row in the columns of ``accelsim validate --data``, or why it is left out.
    """
    cells = [dict(zip(table.columns, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]
    read = [translate(row) for row in cells]
    ours = [row for row in read if not isinstance(row, LeftOut)]
    lines = [table.lines[i] for i, row in enumerate(read) if not isinstance(row, LeftOut)]
    names = list(dict.fromkeys(name for row in ours for name in row))
    columns = {name: [row.get(name, "") for row in ours] for name in names}
    whys = Counter(row.why for row in read if isinstance(row, LeftOut))
    notes = tuple(Note("", "", "", count, True, f"left out: {why}") for why, count in whys.items())
    return Table(table.name, columns, lines, table.sha256), notes


class Translated(SuiteKind):
    """Suites of operators in the columns of their source; a member says how a row is read.

    Attributes:
        needs: Columns that every file has.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def row(self, row: Row) -> Row | LeftOut:
        """A row of the source in the columns of operators, or why it is left out.

        Args:
            row: Cells by column.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how a row is read")

    def operators(self, table: Table) -> Table:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        table.require(self.needs)
        return translated(table, self.row)[0]

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        table.require(self.needs)
        ours, left_out = translated(table, self.row)
        if not len(ours):
            whys = "; ".join(f"{note.points} {note.text}" for note in left_out) or "it has none"
            raise ConfigError(f"{table.name}: no row can be compared: {whys}.")
        found = compare_table(suite, ours, machines)
        return replace(found, notes=(*found.notes, *left_out))


def seconds(microseconds: str) -> str:
    """A cell of seconds of one of microseconds; one that is no number stays, to be complained about."""
    try:
        return repr(float(np.float64(microseconds) * 1e-6))
    except ValueError:
        return microseconds
