"""Other ways through a topology: equal-cost multi-path by seed, or a function of the user's."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import replace

from accelsim.errors import RoutingError
from accelsim.network.topology.base import Path, Topology

_MIX = 0x9E3779B97F4A7C15  # odd constant of splitmix64
_MASK = 2**64 - 1


def with_routing(topology: Topology, path: Path) -> Topology:
    """``topology`` whose routes are those of ``path``: the nodes from one chip to another, both ends included.

    Where a link of such a route is dead, the shortest way around is taken. A route over links that do not exist is an
    error when it is asked for.

    Args:
        topology: The links as built.
        path: From the numbers of two chips, the nodes of the way between them.
    """

    def checked(src: int, dst: int) -> list[int]:
        nodes = list(path(src, dst))
        pairs = list(itertools.pairwise(nodes))
        missing = [pair for pair in pairs if pair not in topology.link_between]
        if nodes[:1] != [src] or nodes[-1:] != [dst] or missing:
            raise RoutingError(
                f"{topology.name}: the routing function's way from {src} to {dst} is {nodes}, "
                f"but it must lead from {src} to {dst} over links that exist (missing: {missing or 'none'})."
            )
        return nodes

    return replace(topology, path=checked)


def with_ecmp(topology: Topology, seed: int = 0) -> Topology:
    """``topology`` whose routes are shortest ones, spread over all of them by a hash of seed, source and destination.

    A pair always takes the same way, as flows do in switches. The number of links counts, not their latency.

    Args:
        topology: The links as built.
        seed: Another one spreads the pairs otherwise.
    """
    hops_to: dict[int, list[int]] = {}
    before: list[list[int]] = [[] for _ in range(topology.num_nodes)]
    for src, dst in topology.link_between:
        before[dst].append(src)

    def hops(dst: int) -> list[int]:
        if dst not in hops_to:
            found = [-1] * topology.num_nodes
            found[dst] = 0
            queue = deque([dst])
            while queue:
                node = queue.popleft()
                for neighbour in before[node]:
                    if found[neighbour] < 0:
                        found[neighbour] = found[node] + 1
                        queue.append(neighbour)
            hops_to[dst] = found
        return hops_to[dst]

    def path(src: int, dst: int) -> list[int]:
        left = hops(dst)
        if left[src] < 0:
            raise RoutingError(
                f"{topology.name}: no route from chip {src} to chip {dst}: they are not connected. Add a link."
            )
        nodes = [src]
        while nodes[-1] != dst:
            nearer = [n for n in topology.neighbours[nodes[-1]] if left[n] == left[nodes[-1]] - 1]
            nodes.append(nearer[_hash(seed, src, dst, nodes[-1]) % len(nearer)])
        return nodes

    return replace(topology, path=path)


def _hash(*values: int) -> int:
    """The same number on every machine and in every run."""
    mixed = 0
    for value in values:
        mixed = ((mixed ^ value) * _MIX + 0x632BE59BD9B4E019) & _MASK
        mixed ^= mixed >> 29
    return mixed
