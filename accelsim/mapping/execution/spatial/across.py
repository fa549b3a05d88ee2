"""Transfers between chips: over the network of one chip to its rim, over links to others, and over theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.mapping.execution.spatial.between import Between
from accelsim.mapping.execution.spatial.edge import CUT, EdgeWay, cut_together, way_to_edge
from accelsim.mapping.execution.spatial.lanes import FloatArray, Lanes, Spot
from accelsim.network.noc import CoarseMesh


@dataclass(frozen=True)
class Across:
    """The ways between rectangles of several chips.

    Attributes:
        between: Links between chips.
        first_link: Number of the first of them on the floor.
        mesh: Links of each chip, whose numbers on the floor go chip by chip; None where links between chips join
            at every core.
    """

    between: Between
    first_link: int
    mesh: CoarseMesh | None

    def lanes(self, sources: Sequence[Spot], targets: Sequence[Spot]) -> Lanes:
        """How bytes go from one spot to others on other chips, or from several to their sum on another.

        Args:
            sources: Who sends; several only where there is one target.
            targets: Who receives.
        """
        is_sum = len(sources) > 1
        out, into = self._ends(sources, is_leaving=True), self._ends(targets, is_leaving=False)
        senders, readers = tuple(out), tuple(into)
        between = self.between
        tree = between.reduction(senders, readers[0]) if is_sum else between.multicast(senders[0], readers)
        links_of = dict(zip(senders if is_sum else readers, tree.branches, strict=True))
        shares = cut_together([end.shares for end in (*out.values(), *into.values())])
        lanes = range(len(shares))

        def branch(spot: Spot, lane: int) -> tuple[int, ...]:
            """All links between a spot and the other end."""
            source, target = (spot, targets[0]) if is_sum else (sources[0], spot)
            middle = (self.first_link + link for link in between.with_ports(links_of[spot.chip]))
            at = shares[lane]
            return (*out[source.chip].links(source, at), *middle, *into[target.chip].links(target, at))

        every = tuple(tuple(branch(spot, lane) for lane in lanes) for spot in (sources if is_sum else targets))
        slowest_s = (np.max([end.latency_s(shares) for end in ends.values()], axis=0) for ends in (out, into))
        return Lanes(
            routes=tuple(_union([one[lane] for one in every]) for lane in lanes),
            latency_s=tree.latency_s + sum(slowest_s),
            shares=shares,
            hops=np.sum([end.hops(shares) for end in (*out.values(), *into.values())], axis=0),
            branches=every if len(every) > 1 else (),
            crossings=between.crossings(tree),
        )

    def _ends(self, spots: Sequence[Spot], is_leaving: bool) -> dict[int, _End]:
        """What happens on each chip."""
        by_chip: dict[int, list[Spot]] = {}
        for spot in spots:
            by_chip.setdefault(spot.chip, []).append(spot)
        return {chip: self._end(chip, list(dict.fromkeys(on_chip)), is_leaving) for chip, on_chip in by_chip.items()}

    def _end(self, chip: int, spots: Sequence[Spot], is_leaving: bool) -> _End:
        if self.mesh is None:
            return _End()
        way = way_to_edge(self.mesh, [spot.rectangle for spot in spots], is_leaving)
        return _End(way, tuple(spots), chip * len(self.mesh.link_names))


@dataclass(frozen=True, eq=False)
class _End:
    """The way on one chip; none where links between chips join at every core.

    Lanes are asked for by the part of the bytes that they carry up to.

    Attributes:
        way: Lanes between its rectangles and its rim.
        spots: The rectangles.
        base: Number of the chip's first link on the floor.
    """

    way: EdgeWay | None = None
    spots: tuple[Spot, ...] = ()
    base: int = 0

    @property
    def shares(self) -> FloatArray:
        return np.ones(1) if self.way is None else self.way.shares

    def links(self, spot: Spot, share: float) -> tuple[int, ...]:
        if self.way is None:
            return ()
        links = self.way.branches[self.spots.index(spot)][int(self._at(share))]
        return tuple(self.base + link for link in links)

    def latency_s(self, shares: FloatArray) -> FloatArray:
        return np.zeros(len(shares)) if self.way is None else self.way.latency_s[self._at(shares)]

    def hops(self, shares: FloatArray) -> FloatArray:
        return np.zeros(len(shares)) if self.way is None else self.way.hops[self._at(shares)]

    def _at(self, share: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """The lane that carries the bytes just before a share."""
        return np.searchsorted(self.shares, np.asarray(share) - CUT, side="left")


def _union(branches: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Links of a lane's tree, each once, in the order of its branches."""
    return tuple(dict.fromkeys(link for branch in branches for link in branch))
