"""The critical path of a run: the chain of tasks that decides the makespan.

It is followed backwards from the task that ends last.  Each task started when a predecessor ended or when its server
became free; that task is the one before it.  The path covers the makespan without gaps.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine.taskgraph import NO_SERVER, Int64Array, TaskGraph


def critical_path(graph: TaskGraph, start: Int64Array, end: Int64Array) -> tuple[Int64Array, int]:
    """Tasks that decide the makespan, last first, and ticks in which none of them ran (0 but for a bug).

    Args:
        graph: The tasks with their servers and predecessors.
        start: Tick at which each started. int64[tasks].
        end: Tick at which each ended. int64[tasks].
    """
    before = _before_on_server(graph, start, end)
    path: list[int] = []
    gap = 0
    task = int(np.argmax(end))
    while True:
        path.append(task)
        previous, previous_end = int(before[task]), int(end[before[task]])
        for one in graph.predecessors(task).tolist():
            ended = int(end[one])
            if previous < 0 or ended > previous_end or (ended == previous_end and one < previous):
                previous, previous_end = one, ended
        if previous < 0:
            return np.array(path, dtype=np.int64), gap + int(start[task])
        gap += int(start[task]) - previous_end
        task = previous


def _before_on_server(graph: TaskGraph, start: Int64Array, end: Int64Array) -> Int64Array:
    """The task that held a task's server before it; -1 for the first and for tasks without a server."""
    order = np.lexsort((np.arange(graph.num_tasks), end, start, graph.server))
    before = np.full(graph.num_tasks, -1, dtype=np.int64)
    same = (graph.server[order][1:] == graph.server[order][:-1]) & (graph.server[order][1:] != NO_SERVER)
    before[order[1:][same]] = order[:-1][same]
    return before
