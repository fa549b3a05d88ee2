"""Compiled flows: joining and leaving links, and refilling the components that changed.

The numbers are those of :mod:`accelsim.engine.fairshare`, operation by operation.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._heaps import end_remove, end_set, share_move, timer_push
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
    Tasks,
)
from accelsim.engine.taskgraph import FloatArray, Int32Array, Int64Array

_MAX_TICKS = np.int64(2**63 - 1)
_NEVER = np.int64(2**63 - 1)


@jit_inline
def mark_dirty(dirty: Int32Array, dirty_epoch: Int64Array, count: Int64Array, link: int) -> None:
    """Have the component of ``link`` refilled at the end of this tick."""
    if dirty_epoch[link] != count[EPOCH]:
        dirty_epoch[link] = count[EPOCH]
        dirty[count[DIRTY]] = link
        count[DIRTY] += 1


@jit_inline
def join(columns: Columns, flows: Flows, links: Links, count: Int64Array, max_hops: int, task: int, now: int) -> None:
    """Put the flow of ``task`` on its links; its rate is set by the next refill."""
    count[FREE] -= 1
    slot = flows.free[count[FREE]]
    flows.task[slot] = task
    flows.remaining[slot] = columns.nbytes[task]
    flows.rate[slot] = 0.0
    flows.last_ticks[slot] = now
    first, last = columns.route_ptr[task], columns.route_ptr[task + 1]
    for hop in range(last - first):
        link = columns.route_link[first + hop]
        node = slot * max_hops + hop
        head = links.first_node[link]
        flows.next_node[node] = head
        flows.previous_node[node] = -1
        if head >= 0:
            flows.previous_node[head] = node
        else:
            links.busy_since_ticks[link] = now
        links.first_node[link] = node
        links.num_flows[link] += 1
        if last - first > 1:
            links.num_long_flows[link] += 1
        mark_dirty(links.dirty, links.dirty_epoch, count, link)


@jit_inline
def leave(columns: Columns, flows: Flows, links: Links, count: Int64Array, max_hops: int, slot: int, now: int) -> None:
    """Take a flow that has arrived off its links and give its slot back."""
    task = flows.task[slot]
    first, last = columns.route_ptr[task], columns.route_ptr[task + 1]
    for hop in range(last - first):
        link = columns.route_link[first + hop]
        node = slot * max_hops + hop
        after, before = flows.next_node[node], flows.previous_node[node]
        if after >= 0:
            flows.previous_node[after] = before
        if before >= 0:
            flows.next_node[before] = after
        else:
            links.first_node[link] = after
        links.num_flows[link] -= 1
        if last - first > 1:
            links.num_long_flows[link] -= 1
        links.nbytes[link] += columns.nbytes[task]
        if links.num_flows[link] == 0:
            links.busy_ticks[link] += now - links.busy_since_ticks[link]
        mark_dirty(links.dirty, links.dirty_epoch, count, link)
    flows.bottleneck[slot] = -1
    flows.free[count[FREE]] = slot
    count[FREE] += 1


@jit_inline
def end_flows(
    columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, max_hops: int, now: int
) -> None:
    """End the flows that arrive now; their tasks end too, or burn on until their work is done."""
    while count[ENDS] > 0:
        limit = links.end_heap[0]
        if links.end_ticks[limit] != now:
            break
        count[ENDS] = end_remove(links.end_heap, links.end_place, links.end_ticks, count[ENDS], limit)
        node = links.first_node[limit]
        while node >= 0:
            slot = flows.slot_of_node[node]
            node = flows.next_node[node]
            if flows.end_ticks[slot] != now or flows.bottleneck[slot] != limit:
                continue
            task = flows.task[slot]
            leave(columns, flows, links, count, max_hops, slot, now)
            work_end = tasks.start_ticks[task] + columns.work_ticks[task]
            if work_end > now:
                count[TIMERS] = timer_push(tasks.timer_ticks, tasks.timer_items, count[TIMERS], work_end, task)
            else:
                tasks.ending[count[ENDING]] = task
                count[ENDING] += 1


@jit_inline
def set_rate(
    remaining: FloatArray,
    rate: FloatArray,
    last_ticks: Int64Array,
    end_ticks: Int64Array,
    count: Int64Array,
    slot: int,
    share: float,
    now: int,
) -> int:
    """Give a flow its share and return when it ends; a share that stays changes nothing."""
    if rate[slot] != share:
        left = remaining[slot] - rate[slot] * np.float64(now - last_ticks[slot])
        remaining[slot] = left
        last_ticks[slot] = now
        rate[slot] = share
        ticks = np.ceil(left / share)
        if ticks >= np.float64(_MAX_TICKS) or np.int64(ticks) > _MAX_TICKS - now:
            count[STATUS] = OVERFLOW
            end_ticks[slot] = _MAX_TICKS
        else:
            end_ticks[slot] = now + max(np.int64(1), np.int64(ticks))
    return end_ticks[slot]


@jit_inline
def note_rate(pieces: Pieces, count: Int64Array, link: int, rate: float, now: int) -> None:
    """Close the open piece of ``link`` if its rate changes."""
    old = pieces.open_rate[link]
    if rate == old:
        return
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
def refill_single(flows: Flows, links: Links, count: Int64Array, link: int, now: int) -> None:
    """Refill a component of one link: all its flows cross only this link and get equal shares."""
    share = links.capacity[link] / links.num_flows[link]
    earliest = _NEVER
    node = links.first_node[link]
    while node >= 0:
        slot = flows.slot_of_node[node]
        node = flows.next_node[node]
        flows.bottleneck[slot] = link
        end = set_rate(flows.remaining, flows.rate, flows.last_ticks, flows.end_ticks, count, slot, share, now)
        earliest = min(earliest, end)
    count[ENDS] = end_set(links.end_heap, links.end_place, links.end_ticks, count[ENDS], link, earliest)


@jit
def find_component(columns: Columns, flows: Flows, links: Links, filling: Filling, count: Int64Array, link: int) -> int:
    """List the links connected to ``link`` through flows in ``filling.members`` and return how many."""
    epoch = count[EPOCH]
    links.seen_epoch[link] = epoch
    filling.members[0] = link
    size = 1
    visited = 0
    while visited < size:
        node = links.first_node[filling.members[visited]]
        visited += 1
        while node >= 0:
            slot = flows.slot_of_node[node]
            node = flows.next_node[node]
            if flows.frozen[slot] == -epoch:
                continue
            # The negative epoch marks a flow as found, the positive one as frozen.
            flows.frozen[slot] = -epoch
            task = flows.task[slot]
            for at in range(columns.route_ptr[task], columns.route_ptr[task + 1]):
                other = columns.route_link[at]
                if links.seen_epoch[other] != epoch:
                    links.seen_epoch[other] = epoch
                    filling.members[size] = other
                    size += 1
    return size


@jit
def freeze_flows(
    columns: Columns, flows: Flows, links: Links, filling: Filling, count: Int64Array, bottleneck: int, now: int
) -> int:
    """Freeze the unfrozen flows of a bottleneck at its share; list the links they cross, return how many."""
    epoch = count[EPOCH]
    share = filling.share[bottleneck]
    num_touched = 0
    earliest = _NEVER
    node = links.first_node[bottleneck]
    while node >= 0:
        slot = flows.slot_of_node[node]
        node = flows.next_node[node]
        if flows.frozen[slot] == epoch:
            continue
        flows.frozen[slot] = epoch
        flows.bottleneck[slot] = bottleneck
        end = set_rate(flows.remaining, flows.rate, flows.last_ticks, flows.end_ticks, count, slot, share, now)
        earliest = min(earliest, end)
        task = flows.task[slot]
        for at in range(columns.route_ptr[task], columns.route_ptr[task + 1]):
            other = columns.route_link[at]
            if filling.crossing[other] == 0:
                filling.touched[num_touched] = other
                num_touched += 1
            filling.crossing[other] += 1
    filling.earliest_ticks[bottleneck] = earliest
    return num_touched


@jit
def subtract_share(filling: Filling, bottleneck: int, num_touched: int, size: int) -> int:
    """Take the frozen flows' share off the links they cross; return the size of the heap of shares."""
    share = filling.share[bottleneck]
    for at in range(num_touched):
        link = filling.touched[at]
        crossing = filling.crossing[link]
        filling.crossing[link] = 0
        filling.unfrozen[link] -= crossing
        left = 0.0 if link == bottleneck else max(0.0, filling.remaining[link] - share * crossing)
        filling.remaining[link] = left
        place = filling.place[link]
        if filling.unfrozen[link] > 0:
            filling.share[link] = left / filling.unfrozen[link]
            share_move(filling.heap, filling.place, filling.share, size, place, link)
            continue
        filling.place[link] = -1
        size -= 1
        last = filling.heap[size]
        if last != link:
            share_move(filling.heap, filling.place, filling.share, size, place, last)
    return size


@jit
def refill_component(
    columns: Columns, flows: Flows, links: Links, filling: Filling, count: Int64Array, members: int, now: int
) -> None:
    """Fill the links ``filling.members[:members]``, a whole component, and set the ends of its flows."""
    size = 0
    for at in range(members):
        link = filling.members[at]
        filling.remaining[link] = links.capacity[link]
        filling.unfrozen[link] = links.num_flows[link]
        filling.earliest_ticks[link] = _NEVER
        if links.num_flows[link] > 0:
            filling.share[link] = links.capacity[link] / links.num_flows[link]
            share_move(filling.heap, filling.place, filling.share, size, size, link)
            size += 1
    while size > 0:
        bottleneck = filling.heap[0]
        num_touched = freeze_flows(columns, flows, links, filling, count, bottleneck, now)
        size = subtract_share(filling, bottleneck, num_touched, size)
    for at in range(members):
        link = filling.members[at]
        earliest = filling.earliest_ticks[link]
        if earliest == _NEVER:
            count[ENDS] = end_remove(links.end_heap, links.end_place, links.end_ticks, count[ENDS], link)
        else:
            count[ENDS] = end_set(links.end_heap, links.end_place, links.end_ticks, count[ENDS], link, earliest)


@jit_inline
def refill(
    columns: Columns,
    flows: Flows,
    links: Links,
    filling: Filling,
    pieces: Pieces,
    count: Int64Array,
    now: int,
    record: bool,
) -> None:
    """Refill the components of all dirty links, each once."""
    for at in range(count[DIRTY]):
        link = links.dirty[at]
        if links.seen_epoch[link] == count[EPOCH]:
            continue
        if links.num_flows[link] == 0:
            count[ENDS] = end_remove(links.end_heap, links.end_place, links.end_ticks, count[ENDS], link)
            if record:
                note_rate(pieces, count, link, 0.0, now)
        elif links.num_long_flows[link] == 0:
            refill_single(flows, links, count, link, now)
            if record:
                note_rate(pieces, count, link, links.capacity[link], now)
        else:
            members = find_component(columns, flows, links, filling, count, link)
            refill_component(columns, flows, links, filling, count, members, now)
            if record:
                for member in filling.members[:members]:
                    note_rate(pieces, count, member, links.capacity[member] - filling.remaining[member], now)
    count[DIRTY] = 0
    count[EPOCH] += 1


@jit_inline
def start_flows(
    columns: Columns, tasks: Tasks, flows: Flows, links: Links, count: Int64Array, max_hops: int, now: int
) -> None:
    """Put all flows that begin at this tick on their links."""
    for at in range(count[JOINING]):
        join(columns, flows, links, count, max_hops, tasks.joining[at], now)
    count[JOINING] = 0
