"""Ways between the chips of a spatial run: trees over the links of the system's own topology.

A run numbers chips along a walk on which neighbours follow each other (a snake through a mesh of dies), because groups
are laid down in order of the model.  What one chip sends to several is one tree, each link once; summands of several
chips are added up where their ways meet.  Links carry the share of their bandwidth that payload reaches.

Where the chips of a group share ports to the level outside, these are links too, one each way between a group and a
switch or a neighbour.  What goes to several chips of such a group comes in once and goes on inside, and a sum leaves it
once.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.hardware.level import SystemLevel
from accelsim.hardware.system import System
from accelsim.network.topology.levels import LevelledTopology, join_levels
from accelsim.network.topology.trees import ChipTree, multicast_tree, reduction_tree, walk_order


@dataclass(frozen=True)
class Between:
    """The links between the chips of a system, with the chips in the order of a run.

    Attributes:
        system: Its levels.
    """

    system: System

    @cached_property
    def _graph(self) -> LevelledTopology:
        return join_levels(tuple(self.system.levels.values()))

    @cached_property
    def _seats(self) -> tuple[int, ...]:
        """Chip of the topology of each chip of the run."""
        return walk_order(self._graph.topology)

    @cached_property
    def links(self) -> tuple[tuple[str, float], ...]:
        """Name and capacity of every link between chips, then of shared ports."""
        return self._own_links + tuple(port.link for port in self._ports)

    @cached_property
    def _own_links(self) -> tuple[tuple[str, float], ...]:
        topology, levels = self._graph.topology, tuple(self.system.levels.values())
        node = {seat: f"chip{chip}" for chip, seat in enumerate(self._seats)}
        ends = zip(topology.src.tolist(), topology.dst.tolist(), self._graph.level.tolist(), strict=True)
        rates, shares = topology.capacity_bytes_per_s.tolist(), [payload_fraction(level) for level in levels]
        return tuple(
            (
                f"{levels[level].name} {node.get(src, f'switch{src}')}->{node.get(dst, f'switch{dst}')}",
                rate * shares[level],
            )
            for (src, dst, level), rate in zip(ends, rates, strict=True)
        )

    def multicast(self, source: int, targets: tuple[int, ...]) -> ChipTree:
        """The tree from one chip to others.

        Args:
            source: Chip that sends.
            targets: Chips that receive, each once.
        """
        root, leaves, topology = self._seats[source], [self._seats[chip] for chip in targets], self._graph.topology
        ways = [itertools.pairwise(self._stops(root, leaf, leaves)) for leaf in leaves]
        return multicast_tree(topology, root, leaves, [_joined(topology.route(*pair) for pair in way) for way in ways])

    def reduction(self, sources: tuple[int, ...], target: int) -> ChipTree:
        """The tree of summands of several chips to where their sum goes.

        Args:
            sources: Chips that send, each once.
            target: Chip that receives.
        """
        root, leaves, topology = self._seats[target], [self._seats[chip] for chip in sources], self._graph.topology
        ways = [itertools.pairwise(self._stops(root, leaf, leaves)[::-1]) for leaf in leaves]
        return reduction_tree(topology, leaves, root, [_joined(topology.route(*pair) for pair in way) for way in ways])

    def with_ports(self, links: Sequence[int]) -> tuple[int, ...]:
        """Links with the shared ports that they go through, each once.

        Args:
            links: Of a tree.
        """
        first, port_of = len(self._own_links), self._port_of
        ports = (first + port_of[link] for link in links if link in port_of)
        return tuple(dict.fromkeys((*links, *ports)))

    def crossings(self, tree: ChipTree) -> dict[str, float]:
        """Links of each level that every byte of a tree crosses; to a switch and from it is one crossing."""
        topology, levels = self._graph.topology, tuple(self.system.levels)
        found: dict[str, float] = {}
        for link in tree.links:
            is_cable = max(int(topology.src[link]), int(topology.dst[link])) < topology.num_chips
            name = levels[int(self._graph.level[link])]
            found[name] = found.get(name, 0.0) + (1.0 if is_cable else 0.5)
        return found

    @cached_property
    def _ports(self) -> tuple[_Ports, ...]:
        """Ports that chips of a group share, of all levels."""
        topology, names = self._graph.topology, list(self.system.levels)
        found: list[_Ports] = []
        for index, (inside, level) in enumerate(self._groups):
            if not shares_ports(level, inside):
                continue
            alike: dict[tuple[str, str], list[int]] = {}
            for link in np.flatnonzero(self._graph.level == index).tolist():
                ends = (int(end[link]) for end in (topology.src, topology.dst))
                pair = [f"group{n // inside}" if n < topology.num_chips else f"switch{n}" for n in ends]
                alike.setdefault((pair[0], pair[1]), []).append(link)
            for (src, dst), links in alike.items():
                rate = sum(self._own_links[link][1] for link in links) * (level.spec.ports_per_group or inside) / inside
                found.append(_Ports((f"{names[index]} ports {src}->{dst}", rate), tuple(links)))
        return tuple(found)

    @cached_property
    def _port_of(self) -> dict[int, int]:
        return {link: at for at, ports in enumerate(self._ports) for link in ports.shared_by}

    @cached_property
    def _groups(self) -> list[tuple[int, SystemLevel]]:
        """Chips of one member of each level, and the level."""
        levels = tuple(self.system.levels.values())
        inside = itertools.accumulate((level.size for level in levels), operator.mul, initial=1)
        return list(zip(inside, levels, strict=False))

    def _stops(self, root: int, leaf: int, leaves: Sequence[int]) -> list[int]:
        """Chips at which a way between root and leaf turns: it goes through shared ports at their first leaf."""
        apart = [(inside, level) for inside, level in self._groups if root // inside != leaf // inside]
        inside, level = apart[-1]
        gate = leaf
        if shares_ports(level, inside):
            gate = next(other for other in leaves if other // inside == leaf // inside)
        return [root, leaf] if gate == leaf else [root, *self._stops(gate, leaf, leaves)]


@dataclass(frozen=True, slots=True)
class _Ports:
    """Ports that the chips of a group share towards a switch or another group.

    Attributes:
        link: Name and capacity.
        shared_by: Links between chips that go through them.
    """

    link: tuple[str, float]
    shared_by: tuple[int, ...]


def shares_ports(level: SystemLevel, inside: int) -> bool:
    """Whether chips of a group have fewer ports to a level than there are chips.

    Args:
        level: The level outside the group.
        inside: Chips of the group.
    """
    return level.spec.ports_per_group is not None and level.spec.ports_per_group < inside


def payload_fraction(level: SystemLevel) -> float:
    """Share of the bandwidth that payload reaches in a stream: that of the library's best protocol."""
    return max((protocol.efficiency for protocol in level.collectives.protocols.values()), default=1.0)


def _joined(routes: Iterable[Sequence[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(routes))
