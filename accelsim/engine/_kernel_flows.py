"""Compiled flows: joining and leaving links, and arriving at the rates that :mod:`accelsim.engine.fair` gives them."""

from __future__ import annotations

import numpy as np

from accelsim.engine._flow_state import Flows, Links, Moving, Pieces
from accelsim.engine._heaps import timer_push
from accelsim.engine._jit import jit, jit_inline
from accelsim.engine._link_heap import Records, heap_put, heap_remove
from accelsim.engine._state import (
    ENDING,
    ENDS,
    FREE,
    JOINING,
    MARKED,
    OVERFLOW,
    PIECES,
    STATUS,
    TIMERS,
    Columns,
    Tasks,
)
from accelsim.engine.fair._levels import CROSSED, LIMITS, RISING, mark, update_levels
from accelsim.engine.taskgraph import Int64Array

_MAX_TICKS = 2**63 - 1


@jit_inline
def join(columns: Columns, flows: Flows, links: Links, count: Int64Array, task: int, now: int) -> None:
    """Put the flow of a task on its links, where it rises until it has a level.

    Args:
        columns: The graph.
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        task: Which one.
        now: This tick.
    """
    count[FREE] -= 1
    slot = flows.free[count[FREE]]
    first = columns.route_ptr[task]
    num_hops = columns.route_ptr[task + 1] - first
    flow = flows.slots[slot]
    flow["task"] = task
    flow["num_hops"] = num_hops
    flow["remaining"] = columns.nbytes[task]
    flow["rate"] = 0.0
    flow["last_ticks"] = now
    flows.levels[slot]["level"] = RISING
    flows.levels[slot]["limit"] = -1
    for hop in range(num_hops):
        index = int(np.int64(columns.route_link[first + hop]))
        link = links.links[index]
        if link["num_flows"] == 0:
            link["busy_since_ticks"] = now
        here = slot * flows.max_hops + hop
        first_here = link["first_hop"]
        node = flows.hops[here]
        node["next"] = first_here
        node["previous"] = -1
        node["slot"] = slot
        node["link"] = index
        if first_here >= 0:
            flows.hops[first_here]["previous"] = here
        link["first_hop"] = here
        link["num_flows"] += 1
        link["num_rising"] += 1
        if num_hops > 1:
            link["num_long"] += 1
        mark(links, count, index, CROSSED)


@jit_inline
def stand_up(flows: Flows, links: Links, slot: int, hop: int) -> None:
    """Take a flow off one of its links.

    Args:
        flows: State of all flows.
        links: State of all links.
        slot: Which flow.
        hop: Which of its links.
    """
    here = flows.hops[slot * flows.max_hops + hop]
    link = links.links[here["link"]]
    link["num_flows"] -= 1
    link["used"] -= flows.levels[slot]["level"]
    if flows.slots[slot]["num_hops"] > 1:
        link["num_long"] -= 1
    after, before = here["next"], here["previous"]
    if after >= 0:
        flows.hops[after]["previous"] = before
    if before >= 0:
        flows.hops[before]["next"] = after
    else:
        link["first_hop"] = after


@jit_inline
def leave(columns: Columns, flows: Flows, links: Links, count: Int64Array, slot: int, now: int) -> None:
    """Take a flow that has arrived off its links and give its slot back.

    Args:
        columns: The graph.
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        slot: Which flow.
        now: This tick.
    """
    nbytes = columns.nbytes[flows.slots[slot]["task"]]
    limit = flows.levels[slot]["limit"]
    links.links[limit]["num_limited"] -= 1
    mark(links, count, limit, LIMITS)
    for hop in range(flows.slots[slot]["num_hops"]):
        stand_up(flows, links, slot, hop)
        index = int(np.int64(flows.hops[slot * flows.max_hops + hop]["link"]))
        link = links.links[index]
        link["nbytes"] += nbytes
        if link["num_flows"] == 0:
            link["busy_ticks"] += now - link["busy_since_ticks"]
        mark(links, count, index, CROSSED)
    flows.free[count[FREE]] = slot
    count[FREE] += 1


@jit_inline
def end_flows(columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, now: int) -> None:
    """End the flows that arrive now; their tasks end too, or burn on until their work is done.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        now: This tick.
    """
    while count[ENDS] > 0 and links.ends.entries[0]["key"] == now:
        limit = links.ends.entries[0]["link"]
        count[ENDS] = heap_remove(links.ends, count[ENDS], limit)
        hop = links.links[limit]["first_hop"]
        while hop >= 0:
            slot = flows.hops[hop]["slot"]
            hop = flows.hops[hop]["next"]
            if flows.levels[slot]["limit"] != limit or flows.slots[slot]["end_ticks"] != now:
                continue
            task = flows.slots[slot]["task"]
            leave(columns, flows, links, count, slot, now)
            work_end = tasks.start_ticks[task] + columns.work_ticks[task]
            if work_end > now:
                count[TIMERS] = timer_push(
                    tasks.timer_ticks, tasks.timer_items, count[TIMERS], work_end, int(np.int64(task))
                )
            else:
                tasks.ending[count[ENDING]] = task
                count[ENDING] += 1


@jit_inline
def set_rate(flow: Records, count: Int64Array, rate: float, now: int) -> None:
    """Move a flow at that rate from now on; a rate that stays changes nothing.

    Args:
        flow: State of the flow.
        count: Counters; becomes ``OVERFLOW`` where the clock would.
        rate: Bytes per tick.
        now: This tick.
    """
    if flow["rate"] == rate and rate > 0.0:
        return
    left = flow["remaining"] - flow["rate"] * np.float64(now - flow["last_ticks"])
    flow["remaining"] = left
    flow["last_ticks"] = now
    flow["rate"] = rate
    # No rate where a link has less than a unit for each of its flows: that takes longer than the clock holds.
    ticks = np.ceil(left / rate) if rate > 0.0 else np.inf
    if ticks >= np.float64(_MAX_TICKS) or np.int64(ticks) > _MAX_TICKS - now:
        count[STATUS] = OVERFLOW
        flow["end_ticks"] = _MAX_TICKS
    else:
        flow["end_ticks"] = now + max(1, int(ticks))


@jit
def note_rate(links: Links, pieces: Pieces, count: Int64Array, index: int, now: int) -> None:
    """Close the open piece of a link if its rate changes.

    Args:
        links: State of all links.
        pieces: The record.
        count: Counters.
        index: Which link.
        now: This tick.
    """
    rate, old = links.links[index]["used"], pieces.open_rate[index]
    if rate != old:
        since = pieces.open_since_ticks[index]
        if old > 0 and now > since:
            at = count[PIECES]
            pieces.link[at] = index
            pieces.start_ticks[at] = since
            pieces.end_ticks[at] = now
            pieces.rate[at] = old
            count[PIECES] = at + 1
        pieces.open_rate[index] = rate
        pieces.open_since_ticks[index] = now


@jit
def set_arrivals(moving: Moving, count: Int64Array, index: int, now: int) -> None:
    """Set the rates of the flows that a link limits, and when it comes up for the first of them.

    Args:
        moving: Flows, links, and the record of rates.
        count: Counters.
        index: The link.
        now: This tick.
    """
    flows, links, pieces = moving.flows, moving.links, moving.pieces
    link = links.links[index]
    if link["num_limited"] == 0:
        count[ENDS] = heap_remove(links.ends, count[ENDS], index)
        return
    rate = np.float64(link["level"]) / flows.units_per_byte_per_tick
    earliest = _MAX_TICKS
    hop = link["first_hop"]
    while hop >= 0:
        slot = flows.hops[hop]["slot"]
        hop = flows.hops[hop]["next"]
        if flows.levels[slot]["limit"] != index:
            continue
        set_rate(flows.slots[slot], count, rate, now)
        earliest = min(earliest, flows.slots[slot]["end_ticks"])
        if len(pieces.open_rate) > 0:
            for at in range(slot * flows.max_hops, slot * flows.max_hops + flows.slots[slot]["num_hops"]):
                note_rate(links, pieces, count, int(np.int64(flows.hops[at]["link"])), now)
    count[ENDS] = heap_put(links.ends, count[ENDS], index, earliest)


@jit_inline
def refill(moving: Moving, count: Int64Array, now: int) -> None:
    """Bring levels, rates and arrivals up to date.

    Args:
        moving: Flows, links, and the record of rates.
        count: Counters.
        now: This tick.
    """
    links, pieces = moving.links, moving.pieces
    update_levels(moving.flows, links, count)
    for at in range(count[MARKED]):
        index = links.marked[at]
        marks = links.links[index]["marks"]
        links.links[index]["marks"] = 0
        if marks & LIMITS != 0:
            set_arrivals(moving, count, index, now)
        if len(pieces.open_rate) > 0 and marks & CROSSED != 0:
            note_rate(links, pieces, count, index, now)
    count[MARKED] = 0


@jit_inline
def start_flows(columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, now: int) -> None:
    """Put all flows that begin at this tick on their links.

    Args:
        columns: The graph.
        tasks: State of all tasks.
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        now: This tick.
    """
    for at in range(count[JOINING]):
        join(columns, flows, links, count, tasks.joining[at], now)
    count[JOINING] = 0
