"""The ledger of a run in which everything overlaps: the latency by cause is that of the critical path.

Rows keep the time of every execution, so operators that overlap sum to more than the latency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from accelsim.engine.taskgraph import TaskGraph
from accelsim.engine.timeline import Timeline
from accelsim.mapping.price import PricedOperator
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.results.account import Ledger, OperatorSum, total_ledger
from accelsim.results.path import CriticalPart, critical_parts, critical_path

__all__ = ["account_pipeline", "cause_of_time", "critical_path"]


def account_pipeline(lowered: LoweredPipeline, timeline: Timeline, main_memory: str) -> Ledger:
    """Book a run of one graph: rows from what ran, causes from the critical path.

    Raises:
        VerificationError: The causes do not add up to the makespan.
    """
    rows: dict[tuple[str, str], OperatorSum] = {}
    for booking in lowered.bookings:
        operator, cost = booking.operator, booking.cost
        row = rows.setdefault((booking.block, operator.name), OperatorSum(operator, main_memory))
        row.add(PricedOperator(operator, cost), cost.work_s, booking.count, 1)
    stage = lowered.program.stages[0]
    critical = critical_parts(stage.graph, timeline, lowered.parts_s, stage.name)
    closed = [row.close(block) for (block, _), row in rows.items()]
    return total_ledger(closed, _by_cause(critical), timeline.makespan_s, critical)


def cause_of_time(
    graph: TaskGraph, timeline: Timeline, parts_s: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, float]:
    """Seconds of the makespan by cause.

    Args:
        graph: What ran.
        timeline: How it ran.
        parts_s: Time of each task alone, by cause. float64[T] each.
    """
    return _by_cause(critical_parts(graph, timeline, parts_s, "stage"))


def _by_cause(parts: Iterable[CriticalPart]) -> dict[str, float]:
    causes: dict[str, float] = defaultdict(float)
    for part in parts:
        causes[part.cause] += part.time_s
    return dict(causes)
