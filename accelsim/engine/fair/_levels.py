"""Fair rates kept up to date, compiled: only flows whose level changes are touched.

Before an update every flow that stays has a level and a link that limits it.  Flows that joined are *rising*: they
have neither yet.  Links that lost or gained flows are looked at in order of the lowest level at which they may fill:

- A link that is full at that level freezes its rising flows there, and lowers those that are above; the links that a
  lowered flow crosses have room now and are looked at again, if they limit flows.
- A link that was full at that level and is not any more lets the flows it limits rise again.
- Otherwise it is looked at again at the next level at which it may fill.

Levels below the one at hand are final, so each flow ends where the definition
(:mod:`accelsim.engine.fair.filling`) puts it, to the unit: a property test compares the engines.

The flows of a link are not read before that may matter: those that do not rise take what they take, so a link with
``r`` rising ones of ``n`` cannot fill below ``(capacity - used - n) // r``.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._flow_state import Flows, Links
from accelsim.engine._jit import jit, jit_inline
from accelsim.engine._link_heap import Records, heap_put, heap_remove
from accelsim.engine._state import MARKED, PENDING
from accelsim.engine.taskgraph import Int64Array

RISING = 2**62
"""Level of a flow that has none yet: above any capacity."""

CROSSED, LIMITS = 1, 2
"""Marks of a link: it gained or lost a flow; it became, or ceased to be, the limit of one."""

_NEVER = 2**63 - 1


@jit_inline
def mark(links: Links, count: Int64Array, index: int, what: int) -> None:
    """Have what follows for a link worked out at the end of this tick.

    Args:
        links: State of all links.
        count: Counters.
        index: Which link.
        what: ``CROSSED`` or ``LIMITS``.
    """
    link = links.links[index]
    if link["marks"] == 0:
        links.marked[count[MARKED]] = index
        count[MARKED] += 1
    link["marks"] |= what


@jit_inline
def may_fill_at(link: Records, least: int) -> int:
    """Return a level, at or above ``least``, below which a link neither fills nor lets flows rise; or never.

    Args:
        link: State of the link.
        least: The level at hand.
    """
    level = _NEVER
    room = link["capacity"] - link["used"] - link["num_flows"]
    if link["num_rising"] > 0:
        level = room // link["num_rising"]
    elif room < 0:
        level = least
    if link["num_limited"] > 0:
        level = min(level, int(link["level"]))
    return max(level, least)


@jit
def look_at(links: Links, count: Int64Array, index: int, level: int) -> None:
    """Have a link looked at when that level is at hand, or before.

    Args:
        links: State of all links.
        count: Counters.
        index: Which link.
        level: Which level.
    """
    place = links.pending.place[index]
    if place < 0 or level < links.pending.entries[place]["key"]:
        count[PENDING] = heap_put(links.pending, count[PENDING], index, level)


@jit_inline
def freeze(flows: Flows, links: Links, slot: int, level: int) -> None:
    """Count a flow that rose as one of that level on all its links.

    Args:
        flows: State of all flows.
        links: State of all links.
        slot: Which flow.
        level: Its level.
    """
    for at in range(slot * flows.max_hops, slot * flows.max_hops + flows.slots[slot]["num_hops"]):
        link = links.links[flows.hops[at]["link"]]
        link["used"] += level
        link["num_rising"] -= 1


@jit_inline
def lower(flows: Flows, links: Links, count: Int64Array, slot: int, index: int, level: int) -> None:
    """Bring a flow down to the level of a link that is full, which gives room to the others it crosses.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        slot: Which flow.
        index: The link that is full.
        level: Its level.
    """
    limit = flows.levels[slot]["limit"]
    links.links[limit]["num_limited"] -= 1
    mark(links, count, limit, LIMITS)
    gain = flows.levels[slot]["level"] - level
    for at in range(slot * flows.max_hops, slot * flows.max_hops + flows.slots[slot]["num_hops"]):
        other = int(np.int64(flows.hops[at]["link"]))
        link = links.links[other]
        link["used"] -= gain
        if other != index and link["num_limited"] > 0 and link["level"] >= level:
            look_at(links, count, other, link["level"])


@jit
def fill_link(flows: Flows, links: Links, count: Int64Array, index: int, level: int) -> None:
    """Bring all flows of a full link down to its level, rising ones among them.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        index: The link.
        level: The level at which it is full.
    """
    link = links.links[index]
    hop = link["first_hop"]
    while hop >= 0:
        slot = flows.hops[hop]["slot"]
        hop = flows.hops[hop]["next"]
        if flows.levels[slot]["level"] <= level:
            continue
        if flows.levels[slot]["level"] == RISING:
            freeze(flows, links, slot, level)
        else:
            lower(flows, links, count, slot, index, level)
        flows.levels[slot]["level"] = level
        flows.levels[slot]["limit"] = index
        link["num_limited"] += 1
    link["level"] = level
    mark(links, count, index, LIMITS)


@jit
def release(flows: Flows, links: Links, count: Int64Array, index: int, level: int) -> None:
    """Let the flows that a link limits rise again: it has room above that level.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        index: The link.
        level: The level of those flows.
    """
    link = links.links[index]
    hop = link["first_hop"]
    while hop >= 0:
        slot = flows.hops[hop]["slot"]
        hop = flows.hops[hop]["next"]
        if flows.levels[slot]["limit"] != index:
            continue
        flows.levels[slot]["level"] = RISING
        flows.levels[slot]["limit"] = -1
        for at in range(slot * flows.max_hops, slot * flows.max_hops + flows.slots[slot]["num_hops"]):
            other = int(np.int64(flows.hops[at]["link"]))
            links.links[other]["used"] -= level
            links.links[other]["num_rising"] += 1
            if other != index:
                look_at(links, count, other, may_fill_at(links.links[other], level))
    link["num_limited"] = 0
    mark(links, count, index, LIMITS)


@jit
def visit(flows: Flows, links: Links, count: Int64Array, index: int, level: int) -> None:
    """Decide whether a link is full at the level at hand, and do what follows.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        index: The link.
        level: The level at hand.
    """
    link = links.links[index]
    again = may_fill_at(link, level)
    if again == level:
        left, above = link["capacity"], np.int64(link["num_flows"])
        hop = link["first_hop"]
        while hop >= 0:
            rate = flows.levels[flows.hops[hop]["slot"]]["level"]
            hop = flows.hops[hop]["next"]
            if rate < level:
                left -= rate
                above -= 1
        if above == 0:
            return
        again = left // above
        if again <= level:
            fill_link(flows, links, count, index, level)
            return
        if link["num_limited"] > 0:
            if link["level"] == level:
                release(flows, links, count, index, level)
            else:
                again = min(again, link["level"])
    if again < _NEVER:
        count[PENDING] = heap_put(links.pending, count[PENDING], index, again)


@jit
def share_equally(flows: Flows, links: Links, count: Int64Array, index: int) -> None:
    """Share a link whose flows cross no other one.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
        index: The link.
    """
    link = links.links[index]
    num_flows = link["num_flows"]
    level = link["capacity"] // num_flows if num_flows > 1 else link["capacity"]
    hop = link["first_hop"]
    while hop >= 0:
        slot = flows.hops[hop]["slot"]
        hop = flows.hops[hop]["next"]
        flows.levels[slot]["level"] = level
        flows.levels[slot]["limit"] = index
    link["level"] = level
    link["used"] = level * num_flows
    link["num_limited"] = num_flows
    link["num_rising"] = 0
    mark(links, count, index, LIMITS)


@jit_inline
def update_levels(flows: Flows, links: Links, count: Int64Array) -> None:
    """Give every flow its level, after flows joined and left the marked links.

    Args:
        flows: State of all flows.
        links: State of all links.
        count: Counters.
    """
    lowest = int(np.int64(0))  # A plain 0 is of a type of its own.
    for at in range(count[MARKED]):
        index = links.marked[at]
        if links.links[index]["marks"] & CROSSED == 0:
            continue
        if links.links[index]["num_long"] == 0:
            share_equally(flows, links, count, index)
        else:
            level = may_fill_at(links.links[index], lowest)
            if level < _NEVER:
                look_at(links, count, index, level)
    while count[PENDING] > 0:
        index, level = links.pending.entries[0]["link"], links.pending.entries[0]["key"]
        count[PENDING] = heap_remove(links.pending, count[PENDING], index)
        visit(flows, links, count, index, level)
