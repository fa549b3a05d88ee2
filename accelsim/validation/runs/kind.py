"""Suites whose rows are whole runs of engines; a kind says how a row is read."""

from __future__ import annotations

from typing import ClassVar

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds._translate import LeftOut
from accelsim.validation.kinds.base import SuiteKind
from accelsim.validation.machines import Machines
from accelsim.validation.runs.compare import MeasuredRun, Row, compare_runs, measured_runs
from accelsim.validation.table import Table


class EngineRuns(SuiteKind):
    """Seconds of runs, each simulated by the pipeline with the launch profile of its framework.

    Attributes:
        needs: Columns that every file has.
    """

    needs: ClassVar[tuple[str, ...]] = ()

    def read(self, row: Row) -> MeasuredRun | LeftOut:
        """A row as a run, or why it is left out.

        Args:
            row: Cells by column.

        Raises:
            ValueError: A cell is no number.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how a row is read")

    def runs(self, table: Table) -> list[MeasuredRun | LeftOut]:
        """The rows of a table as runs, or why they are left out.

        Args:
            table: In the columns of the suite.

        Raises:
            ConfigError: A column is missing, or a cell cannot be meant.
        """
        table.require(self.needs)
        return measured_runs(table, self.read)

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; systems are those of the packaged catalog."""
        return compare_runs(suite, self.runs(table))
