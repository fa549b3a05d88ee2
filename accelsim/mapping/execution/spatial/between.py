"""Ways between the chips of a spatial run: trees over the links of the system's own topology.

A run numbers chips along a walk on which neighbours follow each other (a snake through a mesh of dies), because groups
are laid down in order of the model.  What one chip sends to several is one tree, each link once; summands of several
chips are added up where their ways meet.  Links carry the share of their bandwidth that payload reaches.

Not modelled: chips of a group that share ports to the level outside, the way from a rectangle to the edge of its chip,
summands of several rectangles of one chip before they leave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

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
        """Name and capacity of every link."""
        topology, levels = self._graph.topology, tuple(self.system.levels.values())
        node = {seat: f"chip{chip}" for chip, seat in enumerate(self._seats)}
        ends = zip(topology.src.tolist(), topology.dst.tolist(), self._graph.level.tolist(), strict=True)
        rates = topology.capacity_bytes_per_s.tolist()
        return tuple(
            (
                f"{levels[level].name} {node.get(src, f'switch{src}')}->{node.get(dst, f'switch{dst}')}",
                rate * payload_fraction(levels[level]),
            )
            for (src, dst, level), rate in zip(ends, rates, strict=True)
        )

    def multicast(self, source: int, targets: tuple[int, ...]) -> ChipTree:
        """The tree from one chip to others.

        Args:
            source: Chip that sends.
            targets: Chips that receive, each once.
        """
        return multicast_tree(self._graph.topology, self._seats[source], [self._seats[chip] for chip in targets])

    def reduction(self, sources: tuple[int, ...], target: int) -> ChipTree:
        """The tree of summands of several chips to where their sum goes.

        Args:
            sources: Chips that send, each once.
            target: Chip that receives.
        """
        return reduction_tree(self._graph.topology, [self._seats[chip] for chip in sources], self._seats[target])

    def crossings(self, tree: ChipTree) -> dict[str, float]:
        """Links of each level that every byte of a tree crosses; to a switch and from it is one crossing."""
        topology, levels = self._graph.topology, tuple(self.system.levels)
        found: dict[str, float] = {}
        for link in tree.links:
            is_cable = max(int(topology.src[link]), int(topology.dst[link])) < topology.num_chips
            name = levels[int(self._graph.level[link])]
            found[name] = found.get(name, 0.0) + (1.0 if is_cable else 0.5)
        return found


def payload_fraction(level: SystemLevel) -> float:
    """Share of the bandwidth that payload reaches in a stream: that of the library's best protocol."""
    return max((protocol.efficiency for protocol in level.collectives.protocols.values()), default=1.0)
