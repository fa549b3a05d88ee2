"""The laws of :mod:`accelsim.engine.verify` in compiled loops: yes or no, in linear time and little memory.

Large runs are screened with these; only if the answer is no do the slower checks run, to
say which law was broken and where.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._jit import jit, jit_allocating
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array


@jit
def tasks_hold(
    work_ticks: Int64Array,
    nbytes: Int64Array,
    latency_ticks: Int64Array,
    route_ptr: Int64Array,
    route_link: Int32Array,
    bytes_per_tick: FloatArray,
    start_ticks: Int64Array,
    end_ticks: Int64Array,
    relative_slack: float,
) -> int:
    """Return the last end if every task ran and none is too short, else -1."""
    last = 0
    for task in range(len(start_ticks)):
        start, end = start_ticks[task], end_ticks[task]
        if start < 0 or end - start < work_ticks[task] or end - start < latency_ticks[task]:
            return -1
        last = max(last, end)
        if nbytes[task] > 0 and route_ptr[task + 1] > route_ptr[task]:
            slowest = np.inf
            for at in range(route_ptr[task], route_ptr[task + 1]):
                slowest = min(slowest, bytes_per_tick[route_link[at]])
            if end - start - latency_ticks[task] < nbytes[task] / slowest * (1 - relative_slack) - 1.0:
                return -1
    return last


@jit
def dependencies_hold(
    pred_ptr: Int64Array, pred_task: Int32Array, start_ticks: Int64Array, end_ticks: Int64Array
) -> bool:
    """Whether no task starts before its predecessors have ended."""
    for task in range(len(start_ticks)):
        for at in range(pred_ptr[task], pred_ptr[task + 1]):
            if end_ticks[pred_task[at]] > start_ticks[task]:
                return False
    return True


@jit_allocating
def servers_hold(
    server: Int32Array, start_ticks: Int64Array, end_ticks: Int64Array, busy_ticks: Int64Array, makespan_ticks: int
) -> bool:
    """Whether no server does two tasks at once and its busy time is the sum of its tasks."""
    first = np.zeros(len(busy_ticks) + 1, dtype=np.int64)
    busy = np.zeros(len(busy_ticks), dtype=np.int64)
    for task in range(len(server)):
        if server[task] >= 0:
            first[server[task] + 1] += 1
            busy[server[task]] += end_ticks[task] - start_ticks[task]
    for index in range(len(busy)):
        first[index + 1] += first[index]
        if busy[index] != busy_ticks[index] or busy[index] > makespan_ticks:
            return False
    place = first[:-1].copy()
    tasks = np.empty(first[-1], dtype=np.int32)
    for task in range(len(server)):
        if server[task] >= 0:
            tasks[place[server[task]]] = task
            place[server[task]] += 1
    for index in range(len(busy)):
        if not one_at_a_time(tasks[first[index] : first[index + 1]], start_ticks, end_ticks):
            return False
    return True


@jit_allocating
def one_at_a_time(tasks: Int32Array, start_ticks: Int64Array, end_ticks: Int64Array) -> bool:
    """Whether the tasks of one server, sorted by start, do not overlap."""
    starts = start_ticks[tasks]
    in_order = True
    for at in range(1, len(starts)):
        in_order = in_order and starts[at - 1] <= starts[at]
    if not in_order:
        order = np.argsort(starts)
        tasks = tasks[order]
    free = np.int64(0)
    at = 0
    while at < len(tasks):
        start = start_ticks[tasks[at]]
        if start < free:
            return False
        # Of those that start together, all but one must be of no length.
        longest = start
        while at < len(tasks) and start_ticks[tasks[at]] == start:
            end = end_ticks[tasks[at]]
            if end > start and longest > start:
                return False
            longest = max(longest, end)
            at += 1
        free = longest
    return True


@jit_allocating
def links_hold(
    nbytes: Int64Array,
    route_ptr: Int64Array,
    route_link: Int32Array,
    bytes_per_tick: FloatArray,
    link_bytes: Int64Array,
    busy_ticks: Int64Array,
    makespan_ticks: int,
    relative_slack: float,
) -> bool:
    """Whether each link carried what was sent, in no less than the time that takes."""
    sent = np.zeros(len(link_bytes), dtype=np.int64)
    for task in range(len(nbytes)):
        for at in range(route_ptr[task], route_ptr[task + 1]):
            sent[route_link[at]] += nbytes[task]
    for link in range(len(sent)):
        most = bytes_per_tick[link] * busy_ticks[link] * (1 + relative_slack)
        if sent[link] != link_bytes[link] or link_bytes[link] > most:
            return False
        if busy_ticks[link] < 0 or busy_ticks[link] > makespan_ticks:
            return False
    return True
