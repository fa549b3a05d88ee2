"""What a kind of suite is: a table in the columns of its source in, predictions beside measurements out."""

from __future__ import annotations

from accelsim.registry import Registry
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.machines import Machines
from accelsim.validation.table import Table


class SuiteKind:
    """Compares the rows of suites of one kind, shipped or in a file with the same columns."""

    def operators(self, table: Table) -> Table:
        """The rows that are operators, in the columns of ``accelsim validate --data``: what a calibration is fitted to.

        Args:
            table: In the columns of the suite.
        """
        return table

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """Predictions beside the measurements of ``table``.

        A row that lacks facts, or names what is not modelled, has no prediction (NaN) and a note that says why; rows
        are never dropped silently.

        Args:
            suite: Name that the rows of errors carry.
            table: Its rows, or those of the user's file, in the columns of the suite.
            machines: Chips and systems by the hardware names of the table.

        Raises:
            ConfigError: A column that is missing, or a cell that cannot be meant, by file, line and column.
        """
        raise NotImplementedError(f"{type(self).__name__} compares no rows")


SUITE_KINDS: Registry[type[SuiteKind]] = Registry("kind of suite", "accelsim.validation.kinds")
register_suite_kind = SUITE_KINDS.register
