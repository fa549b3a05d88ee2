"""The arrays a compiled run works on: structs of arrays, allocated once, grown where needed.

Arrays sized by the number of tasks are ``np.empty``: the system gives memory only to
the pages that are really touched, so the bounds may be generous.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array, TaskGraph

Records = npt.NDArray[np.void]

# Places in the array of counters.
TIMERS, ENDS, FREE, DIRTY, DONE, READY, ENDING, JOINING, PIECES, EPOCH, STATUS, NOW, NUM_COUNTERS = range(13)

FINISHED, OVERFLOW, SHORT_OF_ROOM = range(3)


# What one event reads of a flow, a hop or a link lies in one cache line, hence records.
_FLOW = np.dtype(
    [
        ("remaining", np.float64),
        ("rate", np.float64),
        ("last_ticks", np.int64),
        ("end_ticks", np.int64),
        ("epoch", np.int64),
        ("task", np.int32),
        ("bottleneck", np.int32),
        ("num_hops", np.int32),
    ],
    align=True,
)
_NODE = np.dtype([("next", np.int32), ("previous", np.int32), ("slot", np.int32), ("link", np.int32)], align=True)
_LINK = np.dtype(
    [
        ("capacity", np.float64),
        ("end_ticks", np.int64),
        ("busy_ticks", np.int64),
        ("busy_since_ticks", np.int64),
        ("epoch", np.int64),
        ("first_node", np.int32),
        ("num_flows", np.int32),
        ("num_long_flows", np.int32),
        ("end_place", np.int32),
        ("is_dirty", np.int32),
    ],
    align=True,
)
_FILLING = np.dtype(
    [
        ("remaining", np.float64),
        ("share", np.float64),
        ("earliest_ticks", np.int64),
        ("unfrozen", np.int32),
        ("crossing", np.int32),
    ],
    align=True,
)


class Columns(NamedTuple):
    """The task graph, with dependencies turned round."""

    server: Int32Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array
    route_ptr: Int64Array
    route_link: Int32Array
    succ_ptr: Int64Array
    succ_task: Int32Array


class Tasks(NamedTuple):
    """State of the tasks."""

    start_ticks: Int64Array
    end_ticks: Int64Array
    missing: Int32Array
    ready: Int32Array
    ending: Int32Array
    joining: Int32Array
    timer_ticks: Int64Array
    timer_items: Int32Array


class Servers(NamedTuple):
    """State of the servers; the queue of ``s`` is ``heap[head[s]:tail[s]]``, by (priority, ready tick, id) of tasks.

    ``ready_ticks`` is the column of the tasks' starts: it holds the ready tick while a task waits.
    """

    running: Int32Array
    busy_ticks: Int64Array
    heap: Int32Array
    head: Int64Array
    tail: Int64Array
    in_order: Int32Array
    priority: Int32Array
    ready_ticks: Int64Array


class Flows(NamedTuple):
    """Flows on their way, in reusable slots; hop ``h`` of slot ``s`` is node ``s * max_hops + h``."""

    slots: Records
    nodes: Records
    free: Int32Array
    max_hops: int


class Links(NamedTuple):
    """State of the links, a heap of the links by the next end of a flow, and what must be refilled."""

    links: Records
    nbytes: Int64Array
    heap_ticks: Int64Array
    heap: Int32Array
    dirty: Int32Array


class Filling(NamedTuple):
    """Scratch of one water filling.

    The heap holds, for every link with unfrozen flows, an entry no larger than its share;
    entries are brought up to date only when they come to the top.
    """

    links: Records
    members: Int32Array
    touched: Int32Array
    heap_shares: FloatArray
    heap: Int32Array


class Pieces(NamedTuple):
    """Recorded pieces of link rates, and the open piece of each link; no room if nothing is recorded."""

    link: Int32Array
    start_ticks: Int64Array
    end_ticks: Int64Array
    rate: FloatArray
    open_rate: FloatArray
    open_since_ticks: Int64Array


class Moving(NamedTuple):
    """All that moves: the flows, the links they share, and what setting and recording their rates needs."""

    flows: Flows
    links: Links
    filling: Filling
    pieces: Pieces


def new_tasks(graph: TaskGraph) -> Tasks:
    """Return the state before the first tick, its ready tasks filled in."""
    size = graph.num_tasks
    return Tasks(
        start_ticks=np.full(size, -1, dtype=np.int64),
        end_ticks=np.full(size, -1, dtype=np.int64),
        missing=graph.num_predecessors.astype(np.int32),
        ready=np.empty(size, dtype=np.int32),
        ending=np.empty(size, dtype=np.int32),
        joining=np.empty(size, dtype=np.int32),
        timer_ticks=np.empty(size, dtype=np.int64),
        timer_items=np.empty(size, dtype=np.int32),
    )


def new_servers(graph: TaskGraph, tasks: Tasks) -> Servers:
    """Return idle servers; each gets the room in the common queue array that its tasks may need.

    Args:
        graph: Whose server each task wants.
        tasks: State of all tasks; the ready ticks of those that wait stand where their starts will.
    """
    counts = np.bincount(graph.server + np.int64(1), minlength=graph.num_servers + 1)[1:]
    first = np.cumsum(counts) - counts
    return Servers(
        running=np.zeros(graph.num_servers, dtype=np.int32),
        busy_ticks=np.zeros(graph.num_servers, dtype=np.int64),
        heap=np.empty(int(counts.sum()), dtype=np.int32),
        head=first.astype(np.int64),
        tail=first.astype(np.int64),
        in_order=np.ones(graph.num_servers, dtype=np.int32),
        priority=graph.priority,
        ready_ticks=tasks.start_ticks,
    )


def new_flows(slots: int, max_hops: int) -> Flows:
    """Return ``slots`` slots; the caller keeps the list of free ones.

    Args:
        slots: Flows under way at once.
        max_hops: Links of the longest route.
    """
    nodes = np.zeros(slots * max_hops, dtype=_NODE)
    nodes["slot"] = np.repeat(np.arange(slots, dtype=np.int32), max_hops)
    return Flows(
        slots=np.zeros(slots, dtype=_FLOW),
        nodes=nodes,
        free=np.arange(slots, dtype=np.int32)[::-1].copy(),
        max_hops=max_hops,
    )


def grown_flows(flows: Flows, needed: int, count: Int64Array) -> Flows:
    """Return the same flows with room for at least ``needed`` more.

    Args:
        flows: The slots there are.
        needed: Free slots to add at least.
        count: Counters, of which the free slots are raised.
    """
    old = len(flows.slots)
    grown = new_flows(max(2 * old, old + needed), flows.max_hops)
    grown.slots[:old] = flows.slots
    grown.nodes[: old * flows.max_hops] = flows.nodes
    # New slots go under the old free ones, so that low slots, hot in cache, are used first.
    fresh = len(grown.slots) - old
    free = int(count[FREE])
    grown.free[:fresh] = np.arange(len(grown.slots) - 1, old - 1, -1)
    grown.free[fresh : fresh + free] = flows.free[:free]
    count[FREE] += fresh
    return grown


def new_links(graph: TaskGraph) -> Links:
    """Return empty links."""
    size = graph.num_links
    links = np.zeros(size, dtype=_LINK)
    links["capacity"] = graph.capacity_bytes_per_s / TICKS_PER_S
    links["first_node"] = -1
    links["end_place"] = -1
    return Links(
        links=links,
        nbytes=np.zeros(size, dtype=np.int64),
        heap_ticks=np.empty(size, dtype=np.int64),
        heap=np.empty(size, dtype=np.int32),
        dirty=np.empty(size, dtype=np.int32),
    )


def new_filling(num_links: int) -> Filling:
    """Return scratch for components of up to all links."""
    return Filling(
        links=np.zeros(num_links, dtype=_FILLING),
        members=np.empty(num_links, dtype=np.int32),
        touched=np.empty(num_links, dtype=np.int32),
        heap_shares=np.empty(2 * num_links, dtype=np.float64),
        heap=np.empty(2 * num_links, dtype=np.int32),
    )


def new_pieces(num_links: int, record: bool) -> Pieces:
    """Return room for the first pieces (none, if nothing is to be recorded).

    Args:
        num_links: Links of the graph.
        record: Whether rates are recorded.
    """
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
