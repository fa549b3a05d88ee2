"""A floor under an optical layer: every lane on a light path with whole wavelengths of its own, or in turns.

A tensor to several readers is one path that forks.  Light does not add: partial results of several groups are a path
each to their sum.  A lane keeps the stretches it crosses among its links, for the books, and gets its bundle of
wavelengths as one more link; where ways share a bundle, the bundle is a server too, and each transfer first sets it.

Not modelled: a bundle that is still set to the same way as before, which would save the setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from accelsim.mapping.execution.spatial.casts import Cast
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.lanes import Lanes
from accelsim.network.optical.layer import OpticalLayer
from accelsim.network.optical.paths import LightPaths, Way, assign_paths


@dataclass(frozen=True)
class LitFloor(Floor):
    """A floor whose lanes on a chip are light paths.

    Attributes:
        dark: The floor before paths have wavelengths.
        layer: The layer over each chip.
        paths: Of each chip.
    """

    dark: Floor
    layer: OpticalLayer
    paths: tuple[LightPaths, ...]

    @cached_property
    def links(self) -> tuple[tuple[str, float], ...]:
        """Those of the dark floor, then the bundles of wavelengths of each chip."""
        bundles = [
            (self._name(chip, at), paths.bytes_per_s(at))
            for chip, paths in enumerate(self.paths)
            for at in range(len(paths.bundles))
        ]
        return (*self.dark.links, *bundles)

    def lanes(self, producers: tuple[int, ...], consumers: tuple[int, ...]) -> Lanes:
        """How bytes go from group to group; see :meth:`Floor.lanes`.

        Args:
            producers: Groups that send; several only where there is one consumer.
            consumers: Groups that receive.
        """
        key = producers, consumers
        if key not in self._known:
            self._known[key] = self._lit(optical_lanes(self.dark, producers, consumers), self.spots[producers[0]].chip)
        return self._known[key]

    @property
    def light_w(self) -> float:
        """Power of all lasers and rings that are on."""
        return sum(paths.light_w for paths in self.paths)

    def _lit(self, lanes: Lanes, chip: int) -> Lanes:
        """Each lane with the wavelengths of its way."""
        if lanes.level != self.layer.level:
            return lanes
        bundles = [self._bundle(way, chip) for way in ways_of(lanes, self._base(chip))]
        first = len(self.dark.links) + sum(len(paths.bundles) for paths in self.paths[:chip])
        turns = tuple(
            self._name(chip, at) if at is not None and self.paths[chip].bundles[at].takes_turns else ""
            for at in bundles
        )
        set_s = np.where([bool(turn) for turn in turns], self.layer.set_s, 0.0)
        return replace(
            lanes,
            routes=tuple(
                route if at is None else (*route, first + at) for route, at in zip(lanes.routes, bundles, strict=True)
            ),
            latency_s=lanes.latency_s + set_s,
            turns=turns,
            set_s=set_s,
        )

    def _bundle(self, way: Way | None, chip: int) -> int | None:
        return None if way is None else self.paths[chip].bundle_of[way]

    def _turn(self, chip: int, bundle: int) -> str:
        return self._name(chip, bundle) if self.paths[chip].bundles[bundle].takes_turns else ""

    def _base(self, chip: int) -> int:
        return chip * len(self.layer.link_names)

    def _name(self, chip: int, bundle: int) -> str:
        one = self.paths[chip].bundles[bundle]
        name = f"light{bundle}[{one.wavelengths}]"
        return name if self.num_chips == 1 else f"chip{chip}.{name}"


def lit(floor: Floor, casts: Iterable[Cast]) -> Floor:
    """The floor with wavelengths for all that is sent; as it is where no optical layer lies over its chips.

    Args:
        floor: Groups on their rectangles.
        casts: What the networks carry.

    Raises:
        ConfigError: The light of a way does not suffice.
    """
    layer = floor.mesh if floor.system.chip.noc is not None else None
    if not isinstance(layer, OpticalLayer):
        return floor
    ways: list[list[Way]] = [[] for _ in range(floor.num_chips)]
    for cast in casts:
        chip = floor.spots[cast.producers[0]].chip
        lanes = optical_lanes(floor, cast.producers, cast.consumers)
        if lanes.level == layer.level:
            ways[chip] += [way for way in ways_of(lanes, chip * len(layer.link_names)) if way is not None]
    return LitFloor(floor.system, floor.spots, floor, layer, tuple(assign_paths(layer.light, one) for one in ways))


def optical_lanes(floor: Floor, producers: Sequence[int], consumers: tuple[int, ...]) -> Lanes:
    """Lanes of a cast over an optical layer: summands go one by one, each with all its bytes.

    Args:
        floor: Groups on their rectangles.
        producers: Groups that send.
        consumers: Groups that receive.
    """
    if len(producers) == 1 or floor.spots[producers[0]].chip != floor.spots[consumers[0]].chip:
        return floor.lanes(tuple(producers), consumers)
    each = [floor.lanes((producer,), consumers) for producer in producers]
    return Lanes(
        routes=tuple(route for lanes in each for route in lanes.routes),
        latency_s=np.concatenate([lanes.latency_s for lanes in each]),
        shares=np.concatenate([at + lanes.shares for at, lanes in enumerate(each)]),
        hops=np.concatenate([lanes.hops for lanes in each]),
        level=each[0].level,
    )


def ways_of(lanes: Lanes, base: int) -> list[Way | None]:
    """The way of each lane; None where it stays at its station.

    Args:
        lanes: Of one cast.
        base: Number of the first link of their chip.
    """
    found: list[Way | None] = []
    for lane, route in enumerate(lanes.routes):
        every = [one[lane] for one in lanes.branches] or [route]
        branches = tuple(dict.fromkeys(tuple(link - base for link in branch) for branch in every if branch))
        found.append(Way(branches) if branches else None)
    return found
