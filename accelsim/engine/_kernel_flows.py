"""Compiled flows: joining and leaving links, and refilling the components that changed.

The numbers are those of :mod:`accelsim.engine.fairshare`, operation by operation.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._heaps import end_remove, end_set, share_push, share_replace, timer_push
from accelsim.engine._jit import jit, jit_inline
from accelsim.engine._state import (
    DIRTY,
    ENDING,
    ENDS,
    EPOCH,
    FREE,
    JOINING,
    OVERFLOW,
    PIECES,
    STATUS,
    TIMERS,
    Columns,
    Filling,
    Flows,
    Links,
    Pieces,
    Records,
    Tasks,
)
from accelsim.engine.taskgraph import Int64Array

_MAX_TICKS = 2**63 - 1
_NEVER = 2**63 - 1


@jit_inline
def mark_dirty(links: Links, count: Int64Array, link: int) -> None:
    """Have the component of ``link`` refilled at the end of this tick."""
    if links.links[link]["is_dirty"] == 0:
        links.links[link]["is_dirty"] = 1
        links.dirty[count[DIRTY]] = link
        count[DIRTY] += 1


@jit_inline
def join(columns: Columns, flows: Flows, links: Links, count: Int64Array, task: int, now: int) -> None:
    """Put the flow of ``task`` on its links; its rate is set by the next refill."""
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
    for hop in range(num_hops):
        index = columns.route_link[first + hop]
        link = links.links[index]
        here = slot * flows.max_hops + hop
        head = link["first_node"]
        node = flows.nodes[here]
        node["next"] = head
        node["previous"] = -1
        node["link"] = index
        if head >= 0:
            flows.nodes[head]["previous"] = here
        else:
            link["busy_since_ticks"] = now
        link["first_node"] = here
        link["num_flows"] += 1
        if num_hops > 1:
            link["num_long_flows"] += 1
        mark_dirty(links, count, index)


@jit_inline
def leave(columns: Columns, flows: Flows, links: Links, count: Int64Array, slot: int, now: int) -> None:
    """Take a flow that has arrived off its links and give its slot back."""
    flow = flows.slots[slot]
    num_hops = flow["num_hops"]
    nbytes = columns.nbytes[flow["task"]]
    for hop in range(num_hops):
        node = flows.nodes[slot * flows.max_hops + hop]
        index = node["link"]
        link = links.links[index]
        after, before = node["next"], node["previous"]
        if after >= 0:
            flows.nodes[after]["previous"] = before
        if before >= 0:
            flows.nodes[before]["next"] = after
        else:
            link["first_node"] = after
        link["num_flows"] -= 1
        if num_hops > 1:
            link["num_long_flows"] -= 1
        links.nbytes[index] += nbytes
        if link["num_flows"] == 0:
            link["busy_ticks"] += now - link["busy_since_ticks"]
        mark_dirty(links, count, index)
    flow["bottleneck"] = -1
    flows.free[count[FREE]] = slot
    count[FREE] += 1


@jit_inline
def end_flows(columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, now: int) -> None:
    """End the flows that arrive now; their tasks end too, or burn on until their work is done."""
    while count[ENDS] > 0 and links.heap_ticks[0] == now:
        limit = links.heap[0]
        count[ENDS] = end_remove(links.heap_ticks, links.heap, links.links, count[ENDS], limit)
        node = links.links[limit]["first_node"]
        while node >= 0:
            slot = flows.nodes[node]["slot"]
            node = flows.nodes[node]["next"]
            if flows.slots[slot]["end_ticks"] != now or flows.slots[slot]["bottleneck"] != limit:
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


@jit
def set_rate(slots: Records, count: Int64Array, slot: int, bottleneck: int, share: float, now: int) -> int:
    """Give a flow its share and return when it ends; a share that stays changes nothing."""
    flow = slots[slot]
    flow["bottleneck"] = bottleneck
    if flow["rate"] != share:
        left = flow["remaining"] - flow["rate"] * np.float64(now - flow["last_ticks"])
        flow["remaining"] = left
        flow["last_ticks"] = now
        flow["rate"] = share
        ticks = np.ceil(left / share)
        if ticks >= np.float64(_MAX_TICKS) or np.int64(ticks) > _MAX_TICKS - now:
            count[STATUS] = OVERFLOW
            flow["end_ticks"] = _MAX_TICKS
        else:
            flow["end_ticks"] = now + max(1, int(ticks))
    end: int = flow["end_ticks"]
    return end


@jit_inline
def is_recorded(pieces: Pieces) -> bool:
    """Whether rates are to be recorded."""
    return len(pieces.open_rate) > 0


@jit_inline
def note_rate(pieces: Pieces, count: Int64Array, link: int, rate: float, now: int) -> None:
    """Close the open piece of ``link`` if its rate changes."""
    old = pieces.open_rate[link]
    if rate != old:
        since = pieces.open_since_ticks[link]
        if old > 0.0 and now > since:
            at = count[PIECES]
            pieces.link[at] = link
            pieces.start_ticks[at] = since
            pieces.end_ticks[at] = now
            pieces.rate[at] = old
            count[PIECES] = at + 1
        pieces.open_rate[link] = rate
        pieces.open_since_ticks[link] = now


@jit_inline
def refill_single(flows: Flows, links: Links, count: Int64Array, index: int, now: int) -> None:
    """Refill a component of one link: all its flows cross only this link and get equal shares."""
    link = links.links[index]
    share = link["capacity"] / link["num_flows"]
    earliest = _NEVER
    node = link["first_node"]
    while node >= 0:
        slot = flows.nodes[node]["slot"]
        node = flows.nodes[node]["next"]
        earliest = min(earliest, set_rate(flows.slots, count, slot, index, share, now))
    count[ENDS] = end_set(links.heap_ticks, links.heap, links.links, count[ENDS], index, earliest)


@jit
def find_component(flows: Flows, links: Links, filling: Filling, count: Int64Array, link: int) -> int:
    """List the links connected to ``link`` through flows in ``filling.members`` and return how many."""
    epoch = count[EPOCH]
    links.links[link]["epoch"] = epoch
    filling.members[0] = link
    size = 1
    visited = 0
    while visited < size:
        node = links.links[filling.members[visited]]["first_node"]
        visited += 1
        while node >= 0:
            slot = flows.nodes[node]["slot"]
            node = flows.nodes[node]["next"]
            flow = flows.slots[slot]
            if flow["epoch"] == -epoch:
                continue
            # The negative epoch marks a flow as found, the positive one as frozen.
            flow["epoch"] = -epoch
            for at in range(slot * flows.max_hops, slot * flows.max_hops + flow["num_hops"]):
                other = flows.nodes[at]["link"]
                if links.links[other]["epoch"] != epoch:
                    links.links[other]["epoch"] = epoch
                    filling.members[size] = other
                    size += 1
    return size


@jit
def freeze_flows(flows: Flows, links: Links, filling: Filling, count: Int64Array, bottleneck: int, now: int) -> int:
    """Freeze the unfrozen flows of a bottleneck at its share; list the links they cross, return how many."""
    epoch = count[EPOCH]
    share = filling.links[bottleneck]["share"]
    num_touched = 0
    earliest = _NEVER
    node = links.links[bottleneck]["first_node"]
    while node >= 0:
        slot = flows.nodes[node]["slot"]
        node = flows.nodes[node]["next"]
        flow = flows.slots[slot]
        if flow["epoch"] == epoch:
            continue
        flow["epoch"] = epoch
        earliest = min(earliest, set_rate(flows.slots, count, slot, bottleneck, share, now))
        for at in range(slot * flows.max_hops, slot * flows.max_hops + flow["num_hops"]):
            other = flows.nodes[at]["link"]
            if filling.links[other]["crossing"] == 0:
                filling.touched[num_touched] = other
                num_touched += 1
            filling.links[other]["crossing"] += 1
    filling.links[bottleneck]["earliest_ticks"] = earliest
    return num_touched


@jit
def lower_entry(filling: Filling, size: int, index: int) -> int:
    """Give link ``index``, whose share fell by a rounding error, an entry as low as that; return the size."""
    share = filling.links[index]["share"]
    if size < len(filling.heap):
        return share_push(filling.heap_shares, filling.heap, size, share, index)
    # No room for one more: lower the entry it has, by sifting it up from where it is.
    for at in range(size):
        if filling.heap[at] == index:
            return max(size, share_push(filling.heap_shares, filling.heap, at, share, index))
    return size


@jit
def subtract_share(filling: Filling, bottleneck: int, num_touched: int, size: int) -> int:
    """Take the frozen flows' share off the links they cross; return the size of the heap of shares."""
    share = filling.links[bottleneck]["share"]
    for at in range(num_touched):
        index = filling.touched[at]
        link = filling.links[index]
        crossing = link["crossing"]
        link["crossing"] = 0
        link["unfrozen"] -= crossing
        left = 0.0 if index == bottleneck else max(0.0, link["remaining"] - share * crossing)
        link["remaining"] = left
        if link["unfrozen"] > 0:
            before = link["share"]
            link["share"] = left / link["unfrozen"]
            # Shares rise from round to round, save for rounding: only then is an entry too large.
            if link["share"] < before:
                size = lower_entry(filling, size, index)
    return size


@jit
def refill_component(flows: Flows, links: Links, filling: Filling, count: Int64Array, members: int, now: int) -> None:
    """Fill the links ``filling.members[:members]``, a whole component, and set the ends of its flows."""
    size = int(np.int64(0))  # A plain 0 is of a type of its own.
    for at in range(members):
        index = filling.members[at]
        link = filling.links[index]
        capacity, num_flows = links.links[index]["capacity"], links.links[index]["num_flows"]
        link["remaining"] = capacity
        link["unfrozen"] = num_flows
        link["earliest_ticks"] = _NEVER
        if num_flows > 0:
            link["share"] = capacity / num_flows
            size = share_push(filling.heap_shares, filling.heap, size, link["share"], index)
    while size > 0:
        index = filling.heap[0]
        link = filling.links[index]
        if link["unfrozen"] == 0:
            size -= 1
            share_replace(filling.heap_shares, filling.heap, size, filling.heap_shares[size], filling.heap[size])
        elif filling.heap_shares[0] != link["share"]:
            share_replace(filling.heap_shares, filling.heap, size, link["share"], index)
        else:
            num_touched = freeze_flows(flows, links, filling, count, index, now)
            size = subtract_share(filling, index, num_touched, size)
    for at in range(members):
        index = filling.members[at]
        earliest = filling.links[index]["earliest_ticks"]
        if earliest == _NEVER:
            count[ENDS] = end_remove(links.heap_ticks, links.heap, links.links, count[ENDS], index)
        else:
            count[ENDS] = end_set(links.heap_ticks, links.heap, links.links, count[ENDS], index, earliest)


@jit_inline
def refill(
    flows: Flows,
    links: Links,
    filling: Filling,
    pieces: Pieces,
    count: Int64Array,
    now: int,
) -> None:
    """Refill the components of all dirty links, each once."""
    for at in range(count[DIRTY]):
        index = links.dirty[at]
        link = links.links[index]
        link["is_dirty"] = 0
        if link["epoch"] == count[EPOCH]:
            continue
        if link["num_flows"] == 0:
            count[ENDS] = end_remove(links.heap_ticks, links.heap, links.links, count[ENDS], index)
            if is_recorded(pieces):
                note_rate(pieces, count, index, 0.0, now)
        elif link["num_long_flows"] == 0:
            refill_single(flows, links, count, index, now)
            if is_recorded(pieces):
                note_rate(pieces, count, index, link["capacity"], now)
        else:
            members = find_component(flows, links, filling, count, index)
            refill_component(flows, links, filling, count, members, now)
            if is_recorded(pieces):
                for place in range(members):
                    member = filling.members[place]
                    used = links.links[member]["capacity"] - filling.links[member]["remaining"]
                    note_rate(pieces, count, member, used, now)
    count[DIRTY] = 0
    count[EPOCH] += 1


@jit_inline
def start_flows(columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, now: int) -> None:
    """Put all flows that begin at this tick on their links."""
    for at in range(count[JOINING]):
        join(columns, flows, links, count, tasks.joining[at], now)
    count[JOINING] = 0
