"""Light paths over an array: whole wavelengths for each, transceivers at their ends, and turns where these are short.

A path keeps its wavelengths from end to end, on every stretch that it crosses; on a stretch no wavelength is used
twice.  A station sends on at most ``transceivers`` wavelengths into one direction and reads as many from one.  Paths
that would exceed that take turns: they share one bundle of wavelengths, which is set to one path after the other.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.hardware.optical.array import LightArray
from accelsim.hardware.optical.budget import require_closed


@dataclass(frozen=True, slots=True)
class Way:
    """The stretches that light takes from one station to all that read it.

    Attributes:
        branches: Stretches to each reader, in order; none is empty.
    """

    branches: tuple[tuple[int, ...], ...]

    @property
    def stretches(self) -> frozenset[int]:
        """All stretches; light that forks crosses those before the fork once."""
        return frozenset(stretch for branch in self.branches for stretch in branch)

    @property
    def senders(self) -> frozenset[int]:
        """First stretches: each is one direction of the sending station."""
        return frozenset(branch[0] for branch in self.branches)

    @property
    def readers(self) -> frozenset[int]:
        """Last stretches: each is one direction of a reading station."""
        return frozenset(branch[-1] for branch in self.branches)

    @property
    def longest(self) -> int:
        """Stations passed by the farthest reader's light."""
        return max(len(branch) for branch in self.branches)


@dataclass(frozen=True)
class Bundle:
    """Wavelengths that belong to one way, or to several that take turns.

    Attributes:
        ways: Numbers of the ways.
        wavelengths: Whole wavelengths.
        first: Number of the first wavelength.
        copies: For each way, times that its bytes are sent because the light of once does not suffice for all readers.
        light_w: Power of its lasers and rings.
    """

    ways: tuple[int, ...]
    wavelengths: int
    first: int
    copies: tuple[int, ...]
    light_w: float

    @property
    def takes_turns(self) -> bool:
        """Whether it is set to one way after the other."""
        return len(self.ways) > 1


@dataclass(frozen=True)
class LightPaths:
    """All ways of a run with their wavelengths.

    Attributes:
        light: The stations.
        ways: Distinct ways.
        bundles: Wavelengths; each way is in one bundle.
    """

    light: LightArray
    ways: tuple[Way, ...]
    bundles: tuple[Bundle, ...]

    @cached_property
    def bundle_of(self) -> dict[Way, int]:
        """Number of the bundle of each way."""
        return {self.ways[way]: at for at, bundle in enumerate(self.bundles) for way in bundle.ways}

    def bytes_per_s(self, bundle: int) -> float:
        """Capacity of a bundle; of the way that must be sent most often, where several take turns."""
        one = self.bundles[bundle]
        return one.wavelengths * self.light.channel_bytes_per_s / max(one.copies)

    @property
    def light_w(self) -> float:
        """Power of all lasers and rings that are on."""
        return sum(bundle.light_w for bundle in self.bundles)


def assign_paths(light: LightArray, ways: Iterable[Way]) -> LightPaths:
    """Whole wavelengths for every way, as many as fit, the earlier ways first.

    Args:
        light: The stations, with wavelengths and transceivers.
        ways: In order; equal ones are one.

    Raises:
        ConfigError: The light of a way does not suffice for its farthest reader alone.
    """
    distinct = tuple(dict.fromkeys(ways))
    groups, part = _sharing(light, distinct), 1
    while True:
        wanted = [max(1, most // part) for most in _most(light, distinct, groups)]
        found, stuck = _coloured(light, distinct, groups, wanted)
        if stuck is None:
            return LightPaths(light, distinct, found)
        if max(wanted) > 1:  # colours of paths that meet two by two may not fit although their numbers do
            part *= 2
        else:
            groups, part = _merged(groups, *stuck), 1


def _ends(way: Way) -> list[tuple[str, int]]:
    """Where a way takes transceivers."""
    return [*(("out", stretch) for stretch in way.senders), *(("in", stretch) for stretch in way.readers)]


def _sharing(light: LightArray, ways: Sequence[Way]) -> list[list[int]]:
    """Ways that take turns, because more meet at an end or on a stretch than there are wavelengths; in order."""
    users: dict[tuple[str, int], list[int]] = defaultdict(list)
    for at, way in enumerate(ways):
        for resource in (*_ends(way), *(("on", stretch) for stretch in way.stretches)):
            users[resource].append(at)
    root = list(range(len(ways)))

    def top(at: int) -> int:
        while root[at] != at:
            at = root[at]
        return at

    for (kind, _), together in sorted(users.items()):
        if len(together) > (light.num_channels if kind == "on" else light.transceivers):
            first = min(top(at) for at in together)
            for at in together:
                root[top(at)] = first
    groups: dict[int, list[int]] = defaultdict(list)
    for at in range(len(ways)):
        groups[top(at)].append(at)
    return list(groups.values())


def _merged(groups: list[list[int]], one: int, other: int) -> list[list[int]]:
    joined = sorted(groups[one] + groups[other])
    return [joined if at == min(one, other) else group for at, group in enumerate(groups) if at != max(one, other)]


def _most(light: LightArray, ways: Sequence[Way], groups: Sequence[Sequence[int]]) -> list[int]:
    """Wavelengths that each group may have where it meets most others."""
    crossed, ended = _crossed(ways, groups), _ended(ways, groups)
    on = Counter(itertools.chain.from_iterable(crossed))
    meeting = Counter(itertools.chain.from_iterable(ended))
    return [
        min(
            *(light.num_channels // on[stretch] for stretch in stretches),
            *(light.transceivers // meeting[end] for end in ends),
        )
        for stretches, ends in zip(crossed, ended, strict=True)
    ]


def _crossed(ways: Sequence[Way], groups: Sequence[Sequence[int]]) -> list[set[int]]:
    """Stretches of each group."""
    return [{stretch for at in group for stretch in ways[at].stretches} for group in groups]


def _ended(ways: Sequence[Way], groups: Sequence[Sequence[int]]) -> list[set[tuple[str, int]]]:
    """Ends of each group."""
    return [{end for at in group for end in _ends(ways[at])} for group in groups]


def _coloured(
    light: LightArray, ways: Sequence[Way], groups: Sequence[Sequence[int]], wanted: Sequence[int]
) -> tuple[tuple[Bundle, ...], tuple[int, int] | None]:
    """Bundles by first fit; with two groups that meet where nothing is left for one beside the other."""
    taken: dict[int, int] = defaultdict(int)  # wavelengths of each stretch, as bits
    bundles: list[Bundle] = []
    crossed = _crossed(ways, groups)
    for at, (group, stretches) in enumerate(zip(groups, crossed, strict=True)):
        used = functools.reduce(operator.or_, (taken[stretch] for stretch in stretches))
        first, count = _first_free(used, light.num_channels, wanted[at])
        if not count:
            return (), (next(other for other in range(at) if crossed[other] & stretches), at)
        for stretch in stretches:
            taken[stretch] |= ((1 << count) - 1) << first
        bundles.append(_bundle(light, ways, group, count, first))
    return tuple(bundles), None


def _first_free(used: int, channels: int, wanted: int) -> tuple[int, int]:
    """The first run of free wavelengths of the wanted length, or of the longest below it: first one and length."""
    for count in range(wanted, 0, -1):
        mask = (1 << count) - 1
        for first in range(channels - count + 1):
            if not used & (mask << first):
                return first, count
    return 0, 0


def _bundle(light: LightArray, ways: Sequence[Way], group: Sequence[int], count: int, first: int) -> Bundle:
    copies, watts = [], []
    for at in group:
        way = ways[at]
        require_closed(light.budget(way.longest))
        readers = len(way.branches)
        most = math.floor(10 ** (light.budget(way.longest).slack_db / 10) + 1e-9)  # an equal part for each
        copies.append(math.ceil(readers / max(1, most)))
        slack_db = light.slack_db(np.asarray(float(way.longest)), np.asarray(math.ceil(readers / copies[-1])))
        watts.append(float(light.laser_w(slack_db)) * len(way.senders))
    rings = len(set().union(*(_ends(ways[at]) for at in group)))
    return Bundle(tuple(group), count, first, tuple(copies), count * (max(watts) + rings * light.ring_w))
