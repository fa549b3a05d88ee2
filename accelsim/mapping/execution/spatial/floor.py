"""The floor of a spatial run: every group on its rectangle, and the links that flows between rectangles cross."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.hardware.system import System
from accelsim.mapping.execution.spatial.across import Across
from accelsim.mapping.execution.spatial.between import Between
from accelsim.mapping.execution.spatial.lanes import FloatArray, Lanes, Spot
from accelsim.network.noc import (
    CoarseMesh,
    MeshRoutes,
    rect_to_rect_flows,
    rect_to_rects_flows,
)
from accelsim.network.on_chip import on_chip_network

#: Blocks of the coarse mesh along the shorter side of a typical rectangle; more blocks, more tasks.
_BLOCKS_PER_SIDE = 1
_FINE = 2**40  # bytes of the transfer from which the shares of lanes are read


_ONE, _NONE = np.ones(1), np.zeros(1)
#: Between groups that share one tile.
_HERE = Lanes(((),), _NONE, _ONE, _NONE)


@dataclass(frozen=True)
class Floor:
    """Spots of all groups over the chips of a system.

    Links are the coarse mesh of each chip, one after the other, what tensors that stay on shared tiles cross to be
    rearranged, then those between chips
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
        return on_chip + tuple(link for link, _ in self._layouts.values()) + between

    @cached_property
    def _between(self) -> Between:
        return Between(self.system)

    @cached_property
    def _across(self) -> Across:
        """Ways between chips; light joins them at every station, so no way to the rim is left."""
        mesh = self.mesh if self.system.chip.noc is not None and self.mesh.level is None else None
        return Across(self._between, len(self.links) - len(self._between.links), mesh)

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
                self._known[key] = self._across.lanes(sources, targets)
            elif set(sources) == set(targets):
                self._known[key] = self._rearranged(sources[0])
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

    @cached_property
    def _layouts(self) -> dict[Spot, tuple[tuple[str, float], Lanes]]:
        """What rearranging a tensor on tiles that groups share crosses: a link each, and the lane over it.

        The next group wants the tensor cut along another axis: every tile sends to every tile, a quarter of the bytes
        each way over the middle of the longer side, over as many links as the shorter side has.
        """
        noc = self.system.chip.noc
        if noc is None or self.mesh.level is not None:
            return {}
        shared = (spot for spot, groups in Counter(self.spots).items() if groups > 1 and spot.rectangle.num_cores > 1)
        first, found = self.num_chips * len(self.mesh.link_names), {}
        for at, spot in enumerate(shared):
            rows, cols = spot.rectangle.rows, spot.rectangle.cols
            hops = _ONE * (mean_distance(rows) + mean_distance(cols))
            link = f"chip{spot.chip}.layout", 4 * min(rows, cols) * noc.link_bandwidth_bytes_per_s
            found[spot] = link, Lanes(((first + at,),), hops * noc.hop_latency_s, _ONE, hops)
        return found

    def _rearranged(self, spot: Spot) -> Lanes:
        """From a group to another on the same tiles."""
        return self._layouts[spot][1] if spot in self._layouts else _HERE

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

    def alone_s(self, lanes: Lanes, lane_bytes: npt.NDArray[np.int64]) -> FloatArray:
        """Time of each lane on idle links: latency and its bytes over the narrowest link. float64[lanes].

        Lanes to another chip share the links between chips, which carry the bytes of all.

        Args:
            lanes: Routes side by side with their latencies.
            lane_bytes: What goes over each. int64[lanes].
        """
        if not lanes.crossings:
            capacity = np.array([self.capacity_of(route) for route in lanes.routes])
            return np.asarray(lanes.latency_s + lane_bytes / capacity, dtype=np.float64)
        carried: Counter[int] = Counter()
        for route, nbytes in zip(lanes.routes, lane_bytes.tolist(), strict=True):
            carried.update(dict.fromkeys(route, nbytes))
        moves_s = [max(carried[link] / self.links[link][1] for link in route) for route in lanes.routes]
        return np.asarray(lanes.latency_s + moves_s, dtype=np.float64)

    def capacity_of(self, route: Sequence[int]) -> float:
        """Narrowest link of a route, in bytes/s; infinite for an empty one."""
        return min((self.links[link][1] for link in route), default=math.inf)


def mean_distance(extent: int) -> float:
    """Mean hops between two places of a row of ``extent``, each as likely as the other."""
    return (extent - extent**-1) / 3
