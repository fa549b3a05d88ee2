"""The floor of a spatial run: every group on its rectangle, and the links that flows between rectangles cross."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.hardware.system import System
from accelsim.mapping.execution.spatial.between import Between
from accelsim.network.noc import (
    CoarseMesh,
    MeshRoutes,
    Rectangle,
    rect_to_rect_flows,
    rect_to_rects_flows,
)
from accelsim.network.on_chip import on_chip_network

#: Blocks of the coarse mesh along the shorter side of a typical rectangle; more blocks, more tasks.
_BLOCKS_PER_SIDE = 1
_FINE = 2**40  # bytes of the transfer from which the shares of lanes are read

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a group lives.

    Attributes:
        chip: Number of the chip.
        rectangle: Its tiles.
    """

    chip: int
    rectangle: Rectangle


@dataclass(frozen=True, eq=False)
class Lanes:
    """A transfer from one spot to others as flows side by side.

    Attributes:
        routes: Links of each lane, ids of the floor; of a lane to several spots the links of its tree, each once.
        latency_s: First byte of each lane. float64[lanes].
        shares: Part of the bytes that each lane carries, running sum. float64[lanes].
        hops: Core hops of each lane on a chip. float64[lanes].
        level: Name of the optical layer that is crossed, or None on a chip's mesh.
        branches: Links of each lane to each spot, where there are several.
        crossings: Links of each system level that every byte crosses; empty on a chip.
        turns: For each lane, what it waits its turn for, as light paths that share wavelengths do; empty: nothing.
        set_s: Part of the latency in which a light path is set. float64[lanes], where there are turns.
    """

    routes: tuple[tuple[int, ...], ...]
    latency_s: FloatArray
    shares: FloatArray
    hops: FloatArray
    level: str | None = None
    branches: tuple[tuple[tuple[int, ...], ...], ...] = ()
    crossings: Mapping[str, float] = field(default_factory=dict)
    turns: tuple[str, ...] = ()
    set_s: FloatArray | float = 0.0

    def lane_bytes(self, nbytes: int) -> npt.NDArray[np.int64]:
        """Whole bytes of each lane that sum to ``nbytes``. int64[lanes]."""
        ends = np.rint(self.shares * nbytes).astype(np.int64)
        return np.diff(ends, prepend=0)

    @property
    def stays(self) -> bool:
        """Whether the bytes stay on the tiles where they are."""
        return not any(self.routes)


_ONE, _NONE = np.ones(1), np.zeros(1)
#: Between groups that share their tiles.
_HERE = Lanes(((),), _NONE, _ONE, _NONE)


@dataclass(frozen=True)
class Floor:
    """Spots of all groups over the chips of a system.

    Links are the coarse mesh of each chip, one after the other, then those between chips
    (:mod:`~accelsim.mapping.execution.spatial.between`).
    """

    system: System
    spots: tuple[Spot, ...]

    @cached_property
    def mesh(self) -> CoarseMesh:
        """Coarse mesh of one chip; blocks are about as wide as a typical rectangle.

        Raises:
            ConfigError: The chip has no on-chip network.
        """
        sides = [min(spot.rectangle.rows, spot.rectangle.cols) for spot in self.spots]
        return on_chip_network(self.system.chip, max(1, round(float(np.median(sides)) / _BLOCKS_PER_SIDE)))

    @property
    def light_w(self) -> float:
        """Power of light over the chips: none over a mesh."""
        return 0.0

    @cached_property
    def num_chips(self) -> int:
        """Chips in use."""
        return max(spot.chip for spot in self.spots) + 1

    @cached_property
    def links(self) -> tuple[tuple[str, float], ...]:
        """Name and capacity of every link."""
        between = self._between.links if self.num_chips > 1 else ()
        if self.system.chip.noc is None:
            return between
        on_chip = tuple(
            (name if self.num_chips == 1 else f"chip{chip}.{name}", float(rate))
            for chip in range(self.num_chips)
            for name, rate in zip(self.mesh.link_names, self.mesh.capacity_bytes_per_s, strict=True)
        )
        return on_chip + between

    @cached_property
    def _between(self) -> Between:
        return Between(self.system)

    @cached_property
    def _first_between(self) -> int:
        """Number of the first link between chips."""
        return len(self.links) - len(self._between.links)

    @cached_property
    def _known(self) -> dict[tuple[tuple[int, ...], tuple[int, ...]], Lanes]:
        return {}

    def lanes(self, producers: tuple[int, ...], consumers: tuple[int, ...]) -> Lanes:
        """How bytes go from one group to others, all on its chip or all elsewhere, or from several groups to their sum.

        Args:
            producers: Groups that send; several only where there is one consumer.
            consumers: Groups that receive.
        """
        key = producers, consumers
        if key not in self._known:
            sources, targets = (tuple(self.spots[group] for group in ends) for ends in key)
            if sources[0].chip != targets[0].chip:
                self._known[key] = self._between_chips(sources, targets)
            elif set(sources) == set(targets):
                self._known[key] = _HERE
            elif len(producers) == len(consumers) == 1:
                self._known[key] = self._lanes(producers[0], consumers[0])
            else:
                is_sum = len(producers) > 1
                self._known[key] = self._tree(*(consumers, producers) if is_sum else (producers, consumers), is_sum)
        return self._known[key]

    def _tree(self, root: tuple[int, ...], leaves: tuple[int, ...], is_sum: bool) -> Lanes:
        """Lanes that fork on their way from the blocks of the root to the leaves, or meet on the way back to it.

        A lane has the union of its routes: dimension-order routes to one block meet in a tree as those from one do.
        """
        rectangles = [self.spots[leaf].rectangle for leaf in leaves]
        every = rect_to_rects_flows(self.mesh, self.spots[root[0]].rectangle, rectangles, _FINE)
        ends = [(flows.dst, flows.src) if is_sum else (flows.src, flows.dst) for flows in every]
        routes = [self.mesh.routes(*pair) for pair in ends]
        base = self.spots[root[0]].chip * len(self.mesh.link_names)
        trees = [sorted({link for one in routes for link in one[lane].tolist()}) for lane in range(len(every[0].src))]
        return Lanes(
            routes=tuple(tuple(base + link for link in tree) for tree in trees),
            latency_s=np.max([self.mesh.latency_s(one) for one in routes], axis=0),
            shares=np.cumsum(every[0].nbytes) / _FINE,
            hops=np.array([self.mesh.num_hops[tree].sum() for tree in trees]),
            level=self.mesh.level,
            branches=tuple(self._links_of(one, base) for one in routes),
        )

    def _links_of(self, routes: MeshRoutes, base: int) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple((base + routes[lane]).tolist()) for lane in range(len(routes.ptr) - 1))

    def _lanes(self, producer: int, consumer: int) -> Lanes:
        source, target = self.spots[producer], self.spots[consumer]
        flows = rect_to_rect_flows(self.mesh, source.rectangle, target.rectangle, _FINE)
        routes = self.mesh.routes(flows.src, flows.dst)
        base = source.chip * len(self.mesh.link_names)
        return Lanes(
            routes=self._links_of(routes, base),
            latency_s=self.mesh.latency_s(routes),
            shares=np.cumsum(flows.nbytes) / _FINE,
            hops=routes.sum_over(self.mesh.num_hops),
            level=self.mesh.level,
        )

    def _between_chips(self, sources: tuple[Spot, ...], targets: tuple[Spot, ...]) -> Lanes:
        """One lane over the tree to all chips of ``targets``, or from all chips of ``sources``."""
        senders = tuple(dict.fromkeys(spot.chip for spot in sources))
        readers = tuple(dict.fromkeys(spot.chip for spot in targets))
        is_sum = len(sources) > 1
        ends = [spot.chip for spot in (sources if is_sum else targets)]
        between = self._between
        tree = between.reduction(senders, readers[0]) if is_sum else between.multicast(senders[0], readers)
        branch_of = dict(zip(senders if is_sum else readers, tree.branches, strict=True))
        return Lanes(
            routes=(self._numbered(tree.links),),
            latency_s=_ONE * tree.latency_s,
            shares=_ONE,
            hops=_NONE,
            branches=tuple((self._numbered(branch_of[chip]),) for chip in ends) if len(ends) > 1 else (),
            crossings=between.crossings(tree),
        )

    def _numbered(self, links: Sequence[int]) -> tuple[int, ...]:
        """Links between chips by their numbers on the floor."""
        return tuple(self._first_between + link for link in links)

    def alone_s(self, lanes: Lanes, lane_bytes: npt.NDArray[np.int64]) -> FloatArray:
        """Time of each lane on idle links: latency and its bytes over the narrowest link. float64[lanes].

        Args:
            lanes: Routes side by side with their latencies.
            lane_bytes: What goes over each. int64[lanes].
        """
        capacity = np.array([self.capacity_of(route) for route in lanes.routes])
        return np.asarray(lanes.latency_s + lane_bytes / capacity, dtype=np.float64)

    def capacity_of(self, route: Sequence[int]) -> float:
        """Narrowest link of a route, in bytes/s; infinite for an empty one."""
        return min((self.links[link][1] for link in route), default=math.inf)
