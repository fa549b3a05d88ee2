"""The critical path: the chain of tasks that decides the makespan, by operator, resource and cause.

It is followed backwards from the task that ends last.  Each task started when a predecessor ended or when its server
became free; that task is the one before it.  The path covers the makespan without gaps, so its parts sum to it, and
making anything faster that is not on it changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.critical import critical_path
from accelsim.engine.taskgraph import NO_SERVER, TaskGraph
from accelsim.engine.timeline import Timeline

FloatArray = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

#: Cause of what the engine added to a task's time alone, and of the time in which nothing runs.
CONTENTION, IDLE = "contention", "idle"


@dataclass(frozen=True, slots=True)
class CriticalPart:
    """Time on the critical path of one operator, by resource and cause.

    Attributes:
        block: Block of the operator; empty for the time in which nothing runs.
        operator: Label of the tasks.
        resource: Server that worked, or first link that carried.
        cause: Cause of the time, as in the ledger.
        time_s: Seconds, all repetitions.
    """

    block: str
    operator: str
    resource: str
    cause: str
    time_s: float


#: Seconds by block, operator, resource and cause, as of :class:`CriticalPart`.
PathTimes = dict[tuple[str, str, str, str], float]


def critical_parts(
    graph: TaskGraph, timeline: Timeline, parts_s: Mapping[str, FloatArray], block: str, repeat: int = 1
) -> tuple[CriticalPart, ...]:
    """Parts of the critical path of one stage; they sum to its makespan times ``repeat``.

    Args:
        graph: What ran.
        timeline: How it ran.
        parts_s: Time of each task alone, by cause. float64[T] each.
        block: Name of the stage.
        repeat: How often it ran.
    """
    rows = {cause: column[None] for cause, column in parts_s.items()}
    found: PathTimes = {}
    add_times(found, times_of_runs(graph, timeline.start_ticks[None], timeline.end_ticks[None], rows, block), repeat)
    return parts_of(found)


def parts_of(times: PathTimes) -> tuple[CriticalPart, ...]:
    """The parts with these times."""
    return tuple(CriticalPart(*place, time_s) for place, time_s in times.items())


def add_times(total: PathTimes, times: PathTimes, repeat: int = 1) -> None:
    """Add to ``total`` what runs once in ``times`` and is repeated.

    Args:
        total: Changed in place.
        times: Of one repetition.
        repeat: How often that ran.
    """
    for place, time_s in times.items():
        total[place] = total.get(place, 0.0) + time_s * repeat


def times_of_runs(
    graph: TaskGraph, start: Int64Array, end: Int64Array, parts_s: Mapping[str, FloatArray], block: str
) -> PathTimes:
    """Times of the critical paths of runs with different sizes, added up.

    The path of one run is one of every run in which its tasks follow one another without gaps, too.

    Args:
        graph: Structure of what ran.
        start: Start of each task. int64[R, T].
        end: End of each task. int64[R, T].
        parts_s: Time of each task alone, by cause. float64[R, T] each, or [1, T] where all runs are alike.
        block: Name of the stage.
    """
    found: PathTimes = {}
    left = np.arange(len(start))
    while left.size:
        path, gap_ticks = critical_path(graph, start[left[0]], end[left[0]])
        alike = _is_path(path, start[left], end[left])
        alike[0] = True
        rows, left = left[alike], left[~alike]
        took_s = (end[np.ix_(rows, path)] - start[np.ix_(rows, path)]) / TICKS_PER_S
        first = np.zeros(1, dtype=np.int64)
        alone = {c: column[np.ix_(rows if len(column) > 1 else first, path)] for c, column in parts_s.items()}
        add_times(found, _summed(graph, path, took_s, alone, block))
        if gap_ticks:
            add_times(found, {("", "", "", IDLE): gap_ticks / TICKS_PER_S})
    return found


def _is_path(path: Int64Array, start: Int64Array, end: Int64Array) -> npt.NDArray[np.bool_]:
    """For each run whether the tasks of ``path``, last first, fill its makespan."""
    begins, ends = start[:, path], end[:, path]
    follow = (begins[:, :-1] == ends[:, 1:]).all(axis=1)
    is_path: npt.NDArray[np.bool_] = follow & (begins[:, -1] == 0) & (ends[:, 0] == end.max(axis=1))
    return is_path


def _summed(
    graph: TaskGraph, path: Int64Array, took_s: FloatArray, alone: Mapping[str, FloatArray], block: str
) -> PathTimes:
    """Time of the tasks of a path by label and cause, summed over runs; rows are runs."""
    alone_s = sum(alone.values(), np.zeros((1, len(path))))
    # A task that overlaps its work with a transfer may take less than the sum of its parts: scale these down.
    scale = np.where(alone_s > 0, np.minimum(1.0, took_s / np.maximum(alone_s, 1e-300)), 0.0)
    seconds = {cause: (column * scale).sum(axis=0) for cause, column in alone.items()}
    added = took_s - alone_s * scale
    # Ticks round every task by half a femtosecond; only more than that is contention.
    contention = np.where(added <= 1e-9 * took_s, 0.0, added).sum(axis=0)
    seconds[CONTENTION] = seconds.get(CONTENTION, np.zeros(len(path))) + contention
    labels, place = np.unique(graph.label[path], return_inverse=True)
    resources = [_resource(graph, int(path[np.argmax(place == i)])) for i in range(len(labels))]
    sums = {cause: np.bincount(place, column, len(labels)) for cause, column in seconds.items()}
    return {
        (block, graph.labels[int(label)], resources[i], cause): float(column[i])
        for i, label in enumerate(labels)
        for cause, column in sums.items()
        if column[i] > 0
    }


def _resource(graph: TaskGraph, task: int) -> str:
    if graph.server[task] != NO_SERVER:
        return graph.servers[int(graph.server[task])]
    route = graph.route(task)
    return graph.links[int(route[0])] if len(route) else ""
