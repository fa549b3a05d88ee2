"""The graph of several levels at once: chips, groups of chips, groups of groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from accelsim.hardware.level import SystemLevel
from accelsim.network.topology.base import IntArray, Topology, build_topology
from accelsim.network.topology.faults import faults_of_ports


@dataclass(frozen=True, eq=False)
class LevelledTopology:
    """The topology of nested levels and the level of each of its links.

    Attributes:
        topology: All chips, with the links of all levels.
        level: Index of the level of each link. int64[L].
    """

    topology: Topology
    level: IntArray


@dataclass(frozen=True, eq=False)
class _Copies:
    """Copies of one level's topology within the whole.

    Attributes:
        topology: One copy.
        nodes: Node in the whole of each node of each copy. int64[copies, nodes].
        block: Chips of one group of this level.
        rails: Copies that share a group: one per place in the groups inside, or one for a switch.
    """

    topology: Topology
    nodes: IntArray
    block: int
    rails: int


def join_levels(levels: Sequence[SystemLevel]) -> LevelledTopology:
    """Nested levels as one graph: chips are numbered inner level fastest.

    Every chip has its own link at every level. A switch outside joins the ports of all chips; any other topology
    outside joins the chips of the same place in each group, one copy of it per place. A way between groups leaves over
    the outermost level that differs and then, unless that is a switch, goes on inside. One level alone is its own
    graph, so that ways may end at its switches too.
    """
    if len(levels) == 1:
        alone = build_topology(levels[0])
        return LevelledTopology(alone, np.zeros(alone.num_links, dtype=np.int64))
    num_chips = math.prod(level.size for level in levels)
    parts: list[_Copies] = []
    num_nodes, inner = num_chips, 1
    for level in levels:
        part = _embed(level, inner, num_chips, num_nodes)
        parts.append(part)
        num_nodes += part.nodes.shape[0] * (part.topology.num_nodes - part.topology.num_chips)
        inner *= level.size
    copies = [part.nodes.shape[0] for part in parts]
    topology = Topology(
        name=", ".join(part.topology.name for part in parts),
        num_chips=num_chips,
        num_nodes=num_nodes,
        src=np.concatenate([part.nodes[:, part.topology.src].ravel() for part in parts]),
        dst=np.concatenate([part.nodes[:, part.topology.dst].ravel() for part in parts]),
        capacity_bytes_per_s=np.concatenate(
            [np.tile(part.topology.capacity_bytes_per_s, n) for part, n in zip(parts, copies, strict=True)]
        ),
        latency_s=np.concatenate([np.tile(part.topology.latency_s, n) for part, n in zip(parts, copies, strict=True)]),
        coordinates=np.arange(num_chips)[:, None].copy(),
        path=lambda start, end: _path(parts, start, end),
    )
    sizes = [n * part.topology.num_links for part, n in zip(parts, copies, strict=True)]
    return LevelledTopology(topology, np.repeat(np.arange(len(parts)), sizes))


def _embed(level: SystemLevel, inner: int, num_chips: int, num_nodes: int) -> _Copies:
    rails = inner
    if level.topology == "switch":  # one switch for the ports of all chips, whatever the groups inside
        ports = faults_of_ports(level, inner)
        level, rails = replace(level, spec=ports, shape=(inner * level.size,), wrap=(False,)), 1
    topology, block = build_topology(level), inner * level.size // (1 if rails > 1 or inner == 1 else inner)
    chips = np.arange(num_chips).reshape(-1, topology.num_chips, rails).swapaxes(1, 2).reshape(-1, topology.num_chips)
    extra = topology.num_nodes - topology.num_chips
    hubs = num_nodes + np.arange(len(chips) * extra).reshape(len(chips), extra)
    return _Copies(topology, np.concatenate([chips, hubs], 1), block, rails)


def _path(parts: Sequence[_Copies], start: int, end: int) -> list[int]:
    """Nodes from chip to chip, over one level after the other from the outside in."""
    nodes, here = [start], start
    while here != end:
        part = next(part for part in parts if here // part.block == end // part.block)
        copy = here // part.block * part.rails + here % part.rails
        place, target = here % part.block // part.rails, end % part.block // part.rails
        for link in part.topology.route(place, target):
            nodes.append(int(part.nodes[copy, part.topology.dst[link]]))
        here = nodes[-1]
    return nodes
