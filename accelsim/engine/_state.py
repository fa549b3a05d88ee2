"""The arrays a compiled run works on: structs of arrays, allocated once, grown where needed.

Arrays sized by the number of tasks are ``np.empty``: the system gives memory only to
the pages that are really touched, so the bounds may be generous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array, TaskGraph

# Places in the array of counters.
TIMERS, ENDS, FREE, DIRTY, DONE, READY, ENDING, JOINING, PIECES, EPOCH, STATUS, NOW, NUM_COUNTERS = range(13)

FINISHED, OVERFLOW, SHORT_OF_ROOM = range(3)


class Columns(NamedTuple):
    """The task graph, with dependencies turned round."""

    server: Int32Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array
    priority: Int32Array
    route_ptr: Int64Array
    route_link: Int32Array
    succ_ptr: Int64Array
    succ_task: Int32Array


class Tasks(NamedTuple):
    """State of the tasks; ``start_ticks`` holds the ready tick while a task waits in a queue."""

    start_ticks: Int64Array
    end_ticks: Int64Array
    missing: Int32Array
    ready: Int32Array
    ending: Int32Array
    joining: Int32Array
    timer_ticks: Int64Array
    timer_items: Int32Array


class Servers(NamedTuple):
    """State of the servers; the queue of ``s`` is ``heap[head[s]:tail[s]]``."""

    running: Int32Array
    busy_ticks: Int64Array
    heap: Int32Array
    head: Int64Array
    tail: Int64Array
    in_order: Int32Array


class Flows(NamedTuple):
    """Flows on their way, in reusable slots; hop ``h`` of slot ``s`` is node ``s * max_hops + h``."""

    task: Int32Array
    remaining: FloatArray
    rate: FloatArray
    last_ticks: Int64Array
    end_ticks: Int64Array
    bottleneck: Int32Array
    frozen: Int64Array
    free: Int32Array
    next_node: Int32Array
    previous_node: Int32Array
    slot_of_node: Int32Array


class Links(NamedTuple):
    """State of the links: flows as linked lists, earliest end of a flow limited by each link."""

    capacity: FloatArray
    first_node: Int32Array
    num_flows: Int32Array
    num_long_flows: Int32Array
    nbytes: Int64Array
    busy_ticks: Int64Array
    busy_since_ticks: Int64Array
    end_ticks: Int64Array
    end_heap: Int32Array
    end_place: Int32Array
    dirty: Int32Array
    dirty_epoch: Int64Array
    seen_epoch: Int64Array


class Filling(NamedTuple):
    """Scratch of one water filling."""

    members: Int32Array
    touched: Int32Array
    remaining: FloatArray
    unfrozen: Int32Array
    crossing: Int32Array
    share: FloatArray
    heap: Int32Array
    place: Int32Array
    earliest_ticks: Int64Array


class Pieces(NamedTuple):
    """Recorded pieces of link rates, and the open piece of each link."""

    link: Int32Array
    start_ticks: Int64Array
    end_ticks: Int64Array
    rate: FloatArray
    open_rate: FloatArray
    open_since_ticks: Int64Array


def new_tasks(graph: TaskGraph) -> Tasks:
    """Return the state before the first tick, its ready tasks filled in."""
    size = graph.num_tasks
    return Tasks(
        start_ticks=np.full(size, -1, dtype=np.int64),
        end_ticks=np.full(size, -1, dtype=np.int64),
        missing=np.diff(graph.pred_ptr).astype(np.int32),
        ready=np.empty(size, dtype=np.int32),
        ending=np.empty(size, dtype=np.int32),
        joining=np.empty(size, dtype=np.int32),
        timer_ticks=np.empty(size, dtype=np.int64),
        timer_items=np.empty(size, dtype=np.int32),
    )


def new_servers(graph: TaskGraph) -> Servers:
    """Return idle servers; each gets the room in the common queue array that its tasks may need."""
    counts = np.bincount(graph.server + np.int64(1), minlength=graph.num_servers + 1)[1:]
    first = np.cumsum(counts) - counts
    return Servers(
        running=np.zeros(graph.num_servers, dtype=np.int32),
        busy_ticks=np.zeros(graph.num_servers, dtype=np.int64),
        heap=np.empty(int(counts.sum()), dtype=np.int32),
        head=first.astype(np.int64),
        tail=first.astype(np.int64),
        in_order=np.ones(graph.num_servers, dtype=np.int32),
    )


def new_flows(slots: int, max_hops: int) -> Flows:
    """Return ``slots`` slots; the caller keeps the list of free ones."""
    nodes = slots * max_hops
    return Flows(
        task=np.empty(slots, dtype=np.int32),
        remaining=np.empty(slots, dtype=np.float64),
        rate=np.empty(slots, dtype=np.float64),
        last_ticks=np.empty(slots, dtype=np.int64),
        end_ticks=np.empty(slots, dtype=np.int64),
        bottleneck=np.full(slots, -1, dtype=np.int32),
        frozen=np.zeros(slots, dtype=np.int64),
        free=np.arange(slots, dtype=np.int32)[::-1].copy(),
        next_node=np.empty(nodes, dtype=np.int32),
        previous_node=np.empty(nodes, dtype=np.int32),
        slot_of_node=np.repeat(np.arange(slots, dtype=np.int32), max_hops),
    )


def grown_flows(flows: Flows, needed: int, max_hops: int, count: Int64Array) -> Flows:
    """Return the same flows with room for at least ``needed`` more."""
    old = len(flows.task)
    grown = new_flows(max(2 * old, old + needed), max_hops)
    for name in Flows._fields:
        if name not in ("free", "slot_of_node"):
            column = getattr(flows, name)
            getattr(grown, name)[: len(column)] = column
    # New slots go under the old free ones, so that low slots, hot in cache, are used first.
    fresh = len(grown.task) - old
    free = int(count[FREE])
    grown.free[:fresh] = np.arange(len(grown.task) - 1, old - 1, -1)
    grown.free[fresh : fresh + free] = flows.free[:free]
    count[FREE] += fresh
    return grown


def new_links(graph: TaskGraph) -> Links:
    """Return empty links."""
    size = graph.num_links
    return Links(
        capacity=graph.capacity_bytes_per_s / TICKS_PER_S,
        first_node=np.full(size, -1, dtype=np.int32),
        num_flows=np.zeros(size, dtype=np.int32),
        num_long_flows=np.zeros(size, dtype=np.int32),
        nbytes=np.zeros(size, dtype=np.int64),
        busy_ticks=np.zeros(size, dtype=np.int64),
        busy_since_ticks=np.zeros(size, dtype=np.int64),
        end_ticks=np.full(size, -1, dtype=np.int64),
        end_heap=np.empty(size, dtype=np.int32),
        end_place=np.full(size, -1, dtype=np.int32),
        dirty=np.empty(size, dtype=np.int32),
        dirty_epoch=np.zeros(size, dtype=np.int64),
        seen_epoch=np.zeros(size, dtype=np.int64),
    )


def new_filling(num_links: int) -> Filling:
    """Return scratch for components of up to all links."""
    return Filling(
        members=np.empty(num_links, dtype=np.int32),
        touched=np.empty(num_links, dtype=np.int32),
        remaining=np.empty(num_links, dtype=np.float64),
        unfrozen=np.empty(num_links, dtype=np.int32),
        crossing=np.zeros(num_links, dtype=np.int32),
        share=np.empty(num_links, dtype=np.float64),
        heap=np.empty(num_links, dtype=np.int32),
        place=np.full(num_links, -1, dtype=np.int32),
        earliest_ticks=np.empty(num_links, dtype=np.int64),
    )


def new_pieces(num_links: int, record: bool) -> Pieces:
    """Return room for the first pieces (none, if nothing is to be recorded)."""
    room = 2 * num_links if record else 0
    return Pieces(
        link=np.empty(room, dtype=np.int32),
        start_ticks=np.empty(room, dtype=np.int64),
        end_ticks=np.empty(room, dtype=np.int64),
        rate=np.empty(room, dtype=np.float64),
        open_rate=np.zeros(num_links if record else 0, dtype=np.float64),
        open_since_ticks=np.zeros(num_links if record else 0, dtype=np.int64),
    )


def grown_pieces(pieces: Pieces) -> Pieces:
    """Return the same pieces with twice the room."""
    longer = {name: np.resize(getattr(pieces, name), 2 * len(pieces.link)) for name in Pieces._fields[:4]}
    return pieces._replace(**longer)
