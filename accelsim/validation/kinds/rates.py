"""Suites whose rows are published rates of whole systems."""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.rates.compare import compare_rates
from accelsim.validation.rates.tables import checked, rows_of
from accelsim.validation.table import Table


@register_suite_kind("rates")
class Rates(SuiteKind):
    """Seconds per token, or to the first one, behind rates of many vendors; ``data/README.md`` has the columns."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; systems are found by the packaged index."""
        return compare_rates(suite, checked(rows_of(table), table.name))
