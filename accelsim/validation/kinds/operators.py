"""Suites whose rows are operators, priced one by one by the cost models."""

from __future__ import annotations

from accelsim.validation.compare import MeasuredComparison, compare_table
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.table import Table


@register_suite_kind("operators")
class Operators(SuiteKind):
    """Seconds of operators, collectives and exchanges."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`."""
        return compare_table(suite, table, machines)
