"""Suites whose rows are what a vendor's boards reach on models: a first token and a rate in each row."""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.rates.compare import compare_rates
from accelsim.validation.rates.tables import of_boards, rows_of
from accelsim.validation.table import Table


@register_suite_kind("boards")
class Boards(SuiteKind):
    """Two rates a row, in the columns of Tenstorrent's table of models."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; systems are found by the packaged index."""
        return compare_rates(suite, of_boards(rows_of(table), table.name))
