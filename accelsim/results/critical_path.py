"""The ledger of a run in which everything overlaps: the latency by cause is that of the critical path.

The path is followed backwards from the task that ends last: each task started when a predecessor ended or when its
server became free, and that task is the one before it.  Each task on the path is booked by the causes of its time
alone; what the engine added is contention.  The path covers the whole latency without gaps.

Rows keep the time of every execution, so operators that overlap sum to more than the latency.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.engine.timeline import Timeline
from accelsim.mapping.price import PricedOperator
from accelsim.mapping.spatial.lowering import LoweredPipeline
from accelsim.results.account import CONTENTION, IDLE, Ledger, OperatorSum, total_ledger


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
    graph = lowered.program.stages[0].graph
    cause_s = cause_of_time(graph, timeline, lowered.parts_s)
    return total_ledger([row.close(block) for (block, _), row in rows.items()], cause_s, timeline.makespan_s)


def cause_of_time(
    graph: TaskGraph, timeline: Timeline, parts_s: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, float]:
    """Seconds of the makespan by cause.

    Args:
        graph: What ran.
        timeline: How it ran.
        parts_s: Time of each task alone, by cause. float64[T] each.
    """
    path, gap_ticks = critical_path(graph, timeline)
    causes: dict[str, float] = defaultdict(float)
    took_s = (timeline.end_ticks[path] - timeline.start_ticks[path]) / TICKS_PER_S
    parts = {cause: column[path] for cause, column in parts_s.items()}
    alone_s = sum(parts.values(), np.zeros(len(path)))
    # A task that overlaps its work with a transfer may take less than the sum of its parts: scale these down.
    scale = np.where(alone_s > 0, np.minimum(1.0, took_s / np.maximum(alone_s, 1e-300)), 0.0)
    for cause, column in parts.items():
        causes[cause] += float((column * scale).sum())
    causes[CONTENTION] += float(np.maximum(took_s - alone_s * scale, 0.0).sum())
    causes[IDLE] += gap_ticks / TICKS_PER_S
    return dict(causes)


def critical_path(graph: TaskGraph, timeline: Timeline) -> tuple[npt.NDArray[np.int64], int]:
    """Tasks that decide the makespan, last first, and ticks in which none of them ran (0 but for a bug)."""
    start, end = timeline.start_ticks, timeline.end_ticks
    before = _before_on_server(graph, timeline)
    path: list[int] = []
    gap = 0
    task = int(np.argmax(end))
    while True:
        path.append(task)
        candidates = [int(p) for p in graph.predecessors(task)]
        if before[task] >= 0:
            candidates.append(int(before[task]))
        if not candidates:
            return np.array(path, dtype=np.int64), gap + int(start[task])
        previous = max(candidates, key=lambda one: (int(end[one]), -one))
        gap += int(start[task] - end[previous])
        task = previous


def _before_on_server(graph: TaskGraph, timeline: Timeline) -> npt.NDArray[np.int64]:
    """The task that held a task's server before it; -1 for the first and for tasks without a server."""
    order = np.lexsort((np.arange(graph.num_tasks), timeline.end_ticks, timeline.start_ticks, graph.server))
    before = np.full(graph.num_tasks, -1, dtype=np.int64)
    same = (graph.server[order][1:] == graph.server[order][:-1]) & (graph.server[order][1:] != NO_SERVER)
    before[order[1:][same]] = order[:-1][same]
    return before
