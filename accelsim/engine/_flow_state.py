"""The flows and links of a compiled run, and the record of rates: structs of arrays, grown where needed."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from accelsim.engine._link_heap import LinkHeap, Records, new_link_heap
from accelsim.engine._state import FREE
from accelsim.engine.fair.grid import RateGrid
from accelsim.engine.taskgraph import Int32Array, Int64Array, TaskGraph

AnyScalar = TypeVar("AnyScalar", bound=np.generic)

# What one event reads of a flow or a link lies in one cache line, hence records.
_FLOW = np.dtype(
    [
        ("remaining", np.float64),
        ("rate", np.float64),
        ("last_ticks", np.int64),
        ("end_ticks", np.int64),
        ("task", np.int32),
        ("num_hops", np.int32),
    ],
    align=True,
)
_LEVEL = np.dtype([("level", np.int64), ("limit", np.int64)], align=True)
_HOP = np.dtype([("next", np.int32), ("previous", np.int32), ("slot", np.int32), ("link", np.int32)], align=True)
_LINK = np.dtype(
    [
        ("capacity", np.int64),
        ("used", np.int64),
        ("level", np.int64),
        ("first_hop", np.int32),
        ("num_flows", np.int32),
        ("num_long", np.int32),
        ("num_rising", np.int32),
        ("num_limited", np.int32),
        ("marks", np.int32),
        ("nbytes", np.int64),
        ("busy_ticks", np.int64),
        ("busy_since_ticks", np.int64),
    ],
    align=True,
)


class Flows(NamedTuple):
    """Flows on their way, in reusable slots.

    Attributes:
        slots: Bytes left, rate in bytes per tick, when it last changed, when the flow arrives, its task and hops.
        levels: Rate in whole units, above any capacity while the flow rises, and the link that sets it, then -1.
        hops: Slot ``s`` on the link of its hop ``h``, at ``s * max_hops + h``; the hops on a link are a list.
        free: Slots that are free.
        max_hops: Links of the longest route.
        units_per_byte_per_tick: What a level is divided by to give a rate.
    """

    slots: Records
    levels: Records
    hops: Records
    free: Int32Array
    max_hops: int
    units_per_byte_per_tick: float


class Links(NamedTuple):
    """State of the links.

    Attributes:
        links: Of each link, in units: capacity, what flows that do not rise use of it, and the level of the flows that
            it limits; how many flows it has, those that are long (cross other links too), that rise, that it limits;
            marks; bytes carried, time with a flow on it, and since when there is one.
        marked: Links with marks in this tick.
        ends: By the next arrival of a flow that they limit.
        pending: By the level at which they may fill, while levels are worked out.
    """

    links: Records
    marked: Int64Array
    ends: LinkHeap
    pending: LinkHeap


class Pieces(NamedTuple):
    """Recorded pieces of link rates in units, and the open piece of each link; no room if nothing is recorded."""

    link: Int32Array
    start_ticks: Int64Array
    end_ticks: Int64Array
    rate: Int64Array
    open_rate: Int64Array
    open_since_ticks: Int64Array


class Moving(NamedTuple):
    """All that moves: the flows, the links they share, and the record of their rates."""

    flows: Flows
    links: Links
    pieces: Pieces


def new_flows(slots: int, max_hops: int, grid: RateGrid) -> Flows:
    """Return free slots.

    Args:
        slots: Flows under way at once.
        max_hops: Links of the longest route.
        grid: Unit of the levels.
    """
    return Flows(
        slots=np.zeros(slots, dtype=_FLOW),
        levels=np.zeros(slots, dtype=_LEVEL),
        hops=np.zeros(slots * max_hops, dtype=_HOP),
        free=np.arange(slots, dtype=np.int32)[::-1].copy(),
        max_hops=max_hops,
        units_per_byte_per_tick=grid.units_per_byte_per_tick,
    )


def grown_flows(flows: Flows, needed: int, count: Int64Array) -> Flows:
    """Return the same flows with room for more.

    Args:
        flows: The slots there are.
        needed: Free slots to add at least.
        count: Counters, of which the free slots are raised.
    """
    old = len(flows.slots)
    size = max(2 * old, old + needed)
    free = flows.free[: int(count[FREE])]
    count[FREE] += size - old
    return flows._replace(
        slots=_longer(flows.slots, size),
        levels=_longer(flows.levels, size),
        hops=_longer(flows.hops, size * flows.max_hops),
        # New slots go under the old free ones, so that low slots, hot in cache, are used first.
        free=_longer(np.concatenate([np.arange(size - 1, old - 1, -1, dtype=np.int32), free]), size),
    )


def _longer(array: npt.NDArray[AnyScalar], size: int) -> npt.NDArray[AnyScalar]:
    """The same entries, and room for others up to ``size``."""
    longer = np.zeros(size, dtype=array.dtype)
    longer[: len(array)] = array
    return longer


def new_links(graph: TaskGraph, grid: RateGrid) -> Links:
    """Return links without flows.

    Args:
        graph: Whose links they are.
        grid: Unit of their capacities.
    """
    size = graph.num_links
    links = np.zeros(size, dtype=_LINK)
    links["capacity"] = grid.units(graph.capacity_bytes_per_s)
    links["first_hop"] = -1
    return Links(
        links=links,
        marked=np.empty(size, dtype=np.int64),
        ends=new_link_heap(size),
        pending=new_link_heap(size),
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
        rate=np.empty(room, dtype=np.int64),
        open_rate=np.zeros(num_links if record else 0, dtype=np.int64),
        open_since_ticks=np.zeros(num_links if record else 0, dtype=np.int64),
    )


def grown_pieces(pieces: Pieces) -> Pieces:
    """Return the same pieces with twice the room."""
    longer = {name: np.resize(getattr(pieces, name), 2 * len(pieces.link)) for name in Pieces._fields[:4]}
    return pieces._replace(**longer)
