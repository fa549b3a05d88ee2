"""Trees over the links of a topology: a message to several chips forks on its way, summands of several meet on theirs.

Where a way meets the tree that is there, it follows the tree, so no node gets a message twice or sends a sum twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accelsim.network.topology.base import Topology

#: Links of each of several ways, in order of travel.
Ways = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class ChipTree:
    """Links that join one chip with several.

    Attributes:
        links: Each once, rising.
        branches: Links between the root and each leaf, in order of travel.
        latency_s: Of the longest branch.
    """

    links: tuple[int, ...]
    branches: tuple[tuple[int, ...], ...]
    latency_s: float


def multicast_tree(topology: Topology, root: int, leaves: Sequence[int], ways: Ways | None = None) -> ChipTree:
    """The tree over which ``root`` reaches all of ``leaves``.

    Args:
        topology: Links and routes.
        root: Chip that sends.
        leaves: Chips that receive, at least one, none of them the root.
        ways: Links from the root to each leaf; default: those of ``topology.route``.
    """
    entered: dict[int, int] = {}  # link by which the tree comes to each node
    for way in ways or [topology.route(root, leaf) for leaf in leaves]:
        for link in reversed(way):
            if int(topology.dst[link]) in entered:
                break
            entered[int(topology.dst[link])] = link
    branches = [_walk(leaf, root, entered, lambda link: int(topology.src[link]))[::-1] for leaf in leaves]
    return _tree(topology, branches)


def reduction_tree(topology: Topology, leaves: Sequence[int], root: int, ways: Ways | None = None) -> ChipTree:
    """The tree over which summands of ``leaves`` are added up on their way to ``root``.

    Args:
        topology: Links and routes.
        leaves: Chips that send, at least one, none of them the root.
        root: Chip that gets the sum.
        ways: Links from each leaf to the root; default: those of ``topology.route``.
    """
    left: dict[int, int] = {}  # link by which the sum leaves each node
    for way in ways or [topology.route(leaf, root) for leaf in leaves]:
        for link in way:
            if int(topology.src[link]) in left:
                break
            left[int(topology.src[link])] = link
    return _tree(topology, [_walk(leaf, root, left, lambda link: int(topology.dst[link])) for leaf in leaves])


def _walk(node: int, root: int, links: dict[int, int], next_of: Callable[[int], int]) -> list[int]:
    found: list[int] = []
    while node != root:
        found.append(links[node])
        node = next_of(links[node])
    return found


def _tree(topology: Topology, branches: Sequence[Sequence[int]]) -> ChipTree:
    return ChipTree(
        links=tuple(sorted({link for branch in branches for link in branch})),
        branches=tuple(tuple(branch) for branch in branches),
        latency_s=max(topology.latency_of(branch) for branch in branches),
    )


def walk_order(topology: Topology) -> tuple[int, ...]:
    """All chips in an order in which neighbours follow each other as far as links allow: a snake on a grid.

    From chip 0 on, the next is the nearest chip that is left, the lowest of several.
    """
    order, left, here = [0], set(range(1, topology.num_chips)), 0
    while left:
        here = _nearest(topology, here, left)
        left.remove(here)
        order.append(here)
    return tuple(order)


def _nearest(topology: Topology, start: int, among: set[int]) -> int:
    """The chip of ``among`` that is fewest links from ``start``; the lowest one that nothing reaches."""
    seen, ring = {start}, [start]
    while ring:
        ring = sorted({node for one in ring for node in topology.neighbours[one]} - seen)
        seen.update(ring)
        for node in ring:
            if node in among:
                return node
    return min(among)
