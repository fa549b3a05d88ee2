"""Graphs in which one task follows another: their times are sums, for many sizes of the tasks at once.

A graph is *serial* if at every moment all tasks that could start wait for one and the same server, or there is only
one.  The server then takes them one by one in an order that dependencies, priorities and ids decide alone, whatever
they last; so no flow ever shares a link, each task takes what it takes alone, and it starts when the one before ends.
Whether that holds is read off the structure of the graph, before any time is known.

Only where two tasks wait for a server may a task of no length matter: tasks that it makes ready are then as old as
those that wait already, and the lower id goes first instead of the older one.  Such tasks are named in the order, and
sizes in which one of them takes no time are left to an engine.

Not modelled: anything new; an engine gives the same to the tick, which a property test demands.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import MAX_TICKS
from accelsim.engine.fair.grid import RateGrid
from accelsim.engine.runs import Runs
from accelsim.engine.taskgraph import NO_SERVER, FloatArray, Int64Array, TaskGraph, successors
from accelsim.engine.verify import verify_timeline

#: Graphs of more tasks are not looked at: the search is a Python loop, and an engine plays them as fast.
MOST_TASKS = 10_000

#: Longer times are left to an engine, which says what the clock cannot hold.
_LONGEST = MAX_TICKS // 4


@dataclass(frozen=True, slots=True)
class SerialOrder:
    """The one order in which the tasks of a graph run.

    Attributes:
        tasks: Ids in that order. int64[T].
        must_last: Tasks that have to take time for the order to hold.
    """

    tasks: Int64Array
    must_last: Sequence[int]


def serial_order(graph: TaskGraph) -> SerialOrder | None:
    """The order of a serial graph; None for a graph that is not serial (or cannot finish)."""
    size = graph.num_tasks
    if not 0 < size <= MOST_TASKS:
        return None
    server, priority = graph.server.tolist(), graph.priority.tolist()
    succ_ptr, succ_task = (column.tolist() for column in successors(graph))
    missing = graph.num_predecessors.tolist()
    waiting = [(priority[task], -1, task) for task in range(size) if not missing[task]]
    waiting.sort()
    order: list[int] = []
    must_last: list[int] = []
    while waiting:
        holders = {server[task] for _, _, task in waiting}
        if len(holders) > 1 or (NO_SERVER in holders and len(waiting) > 1):
            return None
        task = heappop(waiting)[2]
        successors_of_task = succ_task[succ_ptr[task] : succ_ptr[task + 1]]
        others_wait, place = bool(waiting), len(order)
        order.append(task)
        for successor in successors_of_task:
            missing[successor] -= 1
            if not missing[successor]:
                heappush(waiting, (priority[successor], place, successor))
                if others_wait:
                    must_last.append(task)
    return SerialOrder(np.array(order, dtype=np.int64), must_last) if len(order) == size else None


def run_serial(graph: TaskGraph, sizes: Sequence[Int64Array], order: SerialOrder) -> Runs | None:
    """Runs of a serial graph with the work, bytes and latencies of each row; None where an engine has to play them.

    Args:
        graph: The structure.
        sizes: ``work_ticks``, ``nbytes`` and ``latency_ticks``. int64[R, T] each.
        order: Its order.

    Raises:
        VerificationError: The first or last run breaks a conservation law (a bug).
    """
    began_s = time.perf_counter()
    work, nbytes, latency = sizes
    if max(int(work.max()), int(latency.max())) >= _LONGEST:
        return None
    transfer_ticks = _transfer_ticks(graph, nbytes)
    took = np.maximum(work, latency + transfer_ticks)
    if took.sum(axis=1, dtype=np.float64).max() >= _LONGEST or (took[:, order.must_last] == 0).any():
        return None
    on_links = _per_link(graph, np.concatenate([nbytes, transfer_ticks]))
    end = np.empty_like(took)
    end[:, order.tasks] = np.cumsum(took[:, order.tasks], axis=1)
    runs = Runs(
        start_ticks=end - took,
        end_ticks=end,
        link_bytes=on_links[: len(took)],
        link_busy_ticks=on_links[len(took) :],
        server_busy_ticks=_per_group(graph.server, took, graph.num_servers),
        makespan_ticks=end[:, order.tasks[-1]].copy(),
        engine="serial",
        wall_s=time.perf_counter() - began_s,
    )
    for row in {0, len(runs) - 1}:
        one = graph.with_sizes(*(column[row] for column in sizes))
        verify_timeline(one, runs.timeline(row))
    return runs


def _transfer_ticks(graph: TaskGraph, nbytes: Int64Array) -> Int64Array:
    """Time of each transfer alone on its route, as the engines round it; 0 without bytes or route."""
    rate = np.full(graph.num_tasks, np.inf)
    routed = np.flatnonzero(graph.num_hops > 0)
    grid = RateGrid.of(graph.capacity_bytes_per_s)
    capacity = grid.units(graph.capacity_bytes_per_s) / grid.units_per_byte_per_tick
    if routed.size:
        rate[routed] = np.minimum.reduceat(capacity[graph.route_link], graph.route_ptr[routed])
    with np.errstate(divide="ignore", invalid="ignore"):
        ticks: FloatArray = np.ceil(nbytes / rate)
    moves = (nbytes > 0) & np.isfinite(rate)
    found: Int64Array = np.where(moves, np.maximum(1.0, np.minimum(ticks, _LONGEST)), 0.0).astype(np.int64)
    return found


def _per_link(graph: TaskGraph, values: Int64Array) -> Int64Array:
    """Sum over the tasks that cross each link, row by row."""
    crossing = np.repeat(np.arange(graph.num_tasks), graph.num_hops)
    return _per_group(graph.route_link, values[:, crossing], graph.num_links)


def _per_group(group: npt.NDArray[np.int32], values: Int64Array, num_groups: int) -> Int64Array:
    """Sum of the columns of each group; columns of group -1 count nowhere."""
    total = np.zeros((len(values), num_groups), dtype=np.int64)
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    if order.size:
        found, first = np.unique(group[order], return_index=True)
        total[:, found] = np.add.reduceat(values[:, order], first, axis=1)
    return total
