"""Whole chip: each operator spans the chip, or a region of it, one after another."""

from __future__ import annotations

from typing import ClassVar

from accelsim.mapping.execution.base import register_execution
from accelsim.mapping.parallel.keys import PARALLEL_KEYS
from accelsim.mapping.plan_keys import PlanKey, RowsByCols

REGION = PlanKey(
    "region", RowsByCols(), "ROWSxCOLS of cores one operator spans; layers fill as many regions as their weights need."
)


@register_execution("whole_chip")
class WholeChip:
    """Operators one after another on the whole chip, or on regions that a token visits in turn."""

    keys: ClassVar[tuple[PlanKey, ...]] = (*PARALLEL_KEYS, REGION)
