"""The compiled twin of the SimPy engine: the same timeline to the tick, for millions of tasks.

Struct-of-arrays state, reversed CSR dependencies, binary heaps, and rates of only the flows
whose level changes (:mod:`accelsim.engine.fair`), compiled by numba and cached on disk.  What a task
graph means is said in :mod:`accelsim.engine.simpy_engine`; a property test holds the two
together.  Not offered here: processes of the user's own, capacities that change.
"""

from __future__ import annotations

import time

import numpy as np

from accelsim.engine import _state as state
from accelsim.engine._flow_state import (
    Flows,
    Moving,
    Pieces,
    grown_flows,
    grown_pieces,
    new_flows,
    new_links,
    new_pieces,
)
from accelsim.engine._kernel import run_kernel, turn_round
from accelsim.engine.clock import MAX_TICKS, OVERFLOW_REMEDY, TICKS_PER_S, ClockOverflowError
from accelsim.engine.deadlock import deadlock_error
from accelsim.engine.fair.grid import RateGrid
from accelsim.engine.taskgraph import Int64Array, TaskGraph
from accelsim.engine.template import root_tasks
from accelsim.engine.timeline import LinkRates, Timeline, sorted_rates

_FIRST_SLOTS = 256


def run_compiled(graph: TaskGraph, record_rates: bool = False) -> Timeline:
    """Run a graph and return its timeline, not yet verified.

    Args:
        graph: What to run.
        record_rates: Also deliver the piecewise rate of every link.

    Raises:
        DeadlockError: Tasks are left and nothing can happen any more.
        ClockOverflowError: The run is longer than the clock holds.
    """
    began_s = time.perf_counter()
    tasks = state.new_tasks(graph)
    servers = state.new_servers(graph, tasks)
    grid = RateGrid.of(graph.capacity_bytes_per_s)
    links = new_links(graph, grid)
    count = np.zeros(state.NUM_COUNTERS, dtype=np.int64)
    moving = Moving(_first_flows(graph, grid), links, new_pieces(graph.num_links, record_rates))
    pieces = _run_with_room(graph, tasks, servers, moving, count)
    now = int(count[state.NOW])
    if count[state.STATUS] == state.OVERFLOW:
        raise ClockOverflowError(f"the run passes {MAX_TICKS / TICKS_PER_S:.0f} s: {OVERFLOW_REMEDY}")
    if count[state.DONE] < graph.num_tasks:
        raise deadlock_error(graph, _really_started(tasks), tasks.end_ticks, now)
    return Timeline(
        start_ticks=tasks.start_ticks,
        end_ticks=tasks.end_ticks,
        link_bytes=links.links["nbytes"].copy(),
        link_busy_ticks=links.links["busy_ticks"].copy(),
        server_busy_ticks=servers.busy_ticks,
        makespan_ticks=now,
        engine="compiled",
        wall_s=time.perf_counter() - began_s,
        rates=_rates(pieces, int(count[state.PIECES]), grid) if record_rates else None,
    )


def _first_flows(graph: TaskGraph, grid: RateGrid) -> Flows:
    """Slots for the first flows of a graph."""
    max_hops = max(1, int(graph.num_hops.max(initial=0)))
    return new_flows(_FIRST_SLOTS, max_hops, grid)


def _run_with_room(
    graph: TaskGraph, tasks: state.Tasks, servers: state.Servers, moving: Moving, count: Int64Array
) -> Pieces:
    """Run the kernel, making room for flows and pieces whenever it asks for it; return the pieces."""
    columns = _columns(graph)
    count[state.FREE] = _FIRST_SLOTS
    roots = root_tasks(graph)
    tasks.ready[: len(roots)] = roots
    count[state.READY] = len(roots)
    while True:
        run_kernel(columns, tasks, servers, moving, count)
        if count[state.STATUS] != state.SHORT_OF_ROOM:
            return moving.pieces
        count[state.STATUS] = state.FINISHED
        if count[state.JOINING] > count[state.FREE]:
            moving = moving._replace(flows=grown_flows(moving.flows, int(count[state.JOINING]), count))
        if len(moving.pieces.link) - count[state.PIECES] < len(moving.pieces.open_rate):
            moving = moving._replace(pieces=grown_pieces(moving.pieces))


def _columns(graph: TaskGraph) -> state.Columns:
    succ_ptr = np.zeros(graph.num_tasks + 1, dtype=np.int64)
    succ_task = np.empty(len(graph.pred_task), dtype=np.int32)
    turn_round(graph.pred_ptr, graph.pred_task, succ_ptr, succ_task)
    return state.Columns(
        server=graph.server,
        work_ticks=graph.work_ticks,
        nbytes=graph.nbytes,
        latency_ticks=graph.latency_ticks,
        route_ptr=graph.route_ptr,
        route_link=graph.route_link,
        succ_ptr=succ_ptr,
        succ_task=succ_task,
    )


def _really_started(tasks: state.Tasks) -> Int64Array:
    """Starts of the tasks that ended: when nothing can happen any more, none is running."""
    return np.where(tasks.end_ticks >= 0, tasks.start_ticks, -1)


def _rates(pieces: Pieces, used: int, grid: RateGrid) -> LinkRates:
    """Cut the recorded pieces to length; all are closed, since every flow has arrived."""
    bytes_per_s = grid.bytes_per_s(pieces.rate[:used])
    return sorted_rates(pieces.link[:used], pieces.start_ticks[:used], pieces.end_ticks[:used], bytes_per_s)
