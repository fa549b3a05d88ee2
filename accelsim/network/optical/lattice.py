"""Tori whose wraparound links are shifted: the integer lattice, its shortest ways and the load of its links."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def canonical_twist(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Shifts that make a torus of extents k and 2k symmetric in all its links; none for equal extents.

    Going around a dimension of extent k shifts every dimension of extent 2k by k.

    Raises:
        ConfigError: The extents are not all k or 2k.

    Source:
        Camara et al., *Twisted torus topologies for enhanced interconnection networks*, IEEE TPDS 2010;
        Jouppi et al., *TPU v4*, ISCA 2023, section 2.8.
    """
    short = min(shape)
    if not set(shape) <= {short, 2 * short}:
        text = "x".join(map(str, shape))
        raise ConfigError(
            f"twisted torus {text}: extents must be k or 2k. Use e.g. 4x4x8 or 4x8x8, or topology: torus."
        )
    return tuple(tuple(short if here == short and there == 2 * short else 0 for there in shape) for here in shape)


@dataclass(frozen=True)
class TwistedTorus:
    """A torus in which going once around dimension d also shifts the other coordinates by ``twist[d]``.

    Chips are numbered last dimension fastest. With no twist it is the regular torus. Through circuit switches that join
    blocks of b x b x b chips, every shift that is a multiple of b can be set.

    Attributes:
        shape: Extent of each dimension.
        twist: For each dimension the shift of every coordinate when going around it upwards; its own entry is 0.

    Raises:
        ConfigError: A dimension shifts one that is not longer.
    """

    shape: tuple[int, ...]
    twist: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        for here, there in itertools.product(range(len(self.shape)), repeat=2):
            if self.twist[here][there] and self.shape[there] <= self.shape[here]:
                raise ConfigError(f"{self}: dimension {here} may only shift longer dimensions, not dimension {there}.")

    @staticmethod
    def regular(shape: tuple[int, ...]) -> TwistedTorus:
        """The torus without shifts."""
        return TwistedTorus(shape, ((0,) * len(shape),) * len(shape))

    @property
    def num_chips(self) -> int:
        """Chips."""
        return math.prod(self.shape)

    @property
    def is_twisted(self) -> bool:
        """Whether any wraparound link is shifted."""
        return any(map(any, self.twist))

    def __str__(self) -> str:
        return f"{'twisted ' if self.is_twisted else ''}torus {'x'.join(map(str, self.shape))}"

    def nodes_at(self, coordinates: npt.ArrayLike) -> IntArray:
        """Chips at any integer coordinates, reduced around the dimensions. int64[...]."""
        at = np.array(coordinates, dtype=np.int64)
        for axis in sorted(range(len(self.shape)), key=lambda axis: self.shape[axis]):  # shifts go to longer ones
            around = at[..., axis] // self.shape[axis]
            at[..., axis] -= around * self.shape[axis]
            at -= around[..., None] * np.array(self.twist[axis])
        node = np.zeros(at.shape[:-1], dtype=np.int64)
        for axis, extent in enumerate(self.shape):
            node = node * extent + at[..., axis]
        return node

    @cached_property
    def coordinates(self) -> IntArray:
        """Coordinates of each chip. int64[num_chips, D]."""
        return np.stack(np.unravel_index(np.arange(self.num_chips), self.shape), 1).astype(np.int64)

    @cached_property
    def ways(self) -> list[IntArray]:
        """For each chip the shortest displacements from chip 0 to it, each row signed hops per dimension."""
        rows = np.diag(self.shape) + np.array(self.twist)
        around = np.array([np.array(c) @ rows for c in itertools.product(range(-2, 3), repeat=len(self.shape))])
        found = []
        for place in self.coordinates:
            each = place + around
            hops = np.abs(each).sum(1)
            found.append(np.unique(each[hops == hops.min()], axis=0))
        return found

    def path(self, src: int, dst: int) -> list[int]:
        """Chips on one shortest way, dimension by dimension; pairs take equal ways in turn.

        Args:
            src: Number of the first chip.
            dst: Number of the last chip.
        """
        offset = int(self.nodes_at(self.coordinates[dst] - self.coordinates[src]))
        ways = self.ways[offset]
        way, at = ways[(src + dst) % len(ways)], self.coordinates[src].copy()
        nodes = [src]
        for axis, hops in enumerate(way.tolist()):
            for _ in range(abs(hops)):
                at[axis] += 1 if hops > 0 else -1
                nodes.append(int(self.nodes_at(at)))
        return nodes

    @cached_property
    def mean_hops(self) -> float:
        """Mean distance of two different chips, in links."""
        return float(sum(np.abs(ways[0]).sum() for ways in self.ways)) / max(1, self.num_chips - 1)

    @cached_property
    def uniform_load(self) -> FloatArray:
        """Bytes on each link of a dimension when every chip sends one byte to every other. float64[D].

        By symmetry the same for all links of a dimension where traffic is split evenly over all shortest ways. A
        dimension of extent 2 has one cable, not two.
        """
        hops = sum(np.abs(ways).mean(0) for ways in self.ways)
        links = np.array(
            [1 if extent == 2 and not self._is_shifted(axis) else 2 for axis, extent in enumerate(self.shape)]
        )
        return np.asarray(hops / links, dtype=np.float64)

    def _is_shifted(self, axis: int) -> bool:
        return any(self.twist[axis])

    def uniform_s(self, pair_bytes: float, link_bytes_per_s: float) -> float:
        """Time of the fullest link when every chip sends ``pair_bytes`` to every other; good routing meets it.

        Args:
            pair_bytes: What each chip sends each other one.
            link_bytes_per_s: Of a link, per direction.
        """
        return float(self.uniform_load.max()) * pair_bytes / link_bytes_per_s

    def link_loads(self, traffic_bytes: FloatArray) -> FloatArray:
        """Bytes on each link for any traffic, split evenly over shortest ways, each in dimension order.

        Args:
            traffic_bytes: Bytes from chip to chip. float64[num_chips, num_chips].

        Returns:
            Load of the link that leaves a chip in a dimension, upwards and downwards. float64[num_chips, D, 2].
        """
        loads = np.zeros((self.num_chips, len(self.shape), 2))
        every = np.arange(self.num_chips)
        for offset in range(1, self.num_chips):
            dst = self.nodes_at(self.coordinates + self.coordinates[offset])
            sent = traffic_bytes[every, dst]
            if not sent.any():
                continue
            ways = self.ways[offset]
            for way in ways:
                for shift, axis, side in _hops(way.tolist()):
                    loads[self.nodes_at(self.coordinates + shift), axis, side] += sent / len(ways)
        return loads

    def traffic_s(self, traffic_bytes: FloatArray, link_bytes_per_s: float) -> float:
        """Time the fullest link needs for ``traffic_bytes``, in seconds.

        Args:
            traffic_bytes: From row to column. float64[chips, chips].
            link_bytes_per_s: Of a link, per direction.
        """
        return float(self.link_loads(traffic_bytes).max(initial=0.0)) / link_bytes_per_s


def _hops(way: list[int]) -> Iterator[tuple[IntArray, int, int]]:
    """Displacement before each hop of a way, its dimension, and 0 upwards or 1 downwards."""
    at = np.zeros(len(way), dtype=np.int64)
    for axis, hops in enumerate(way):
        for _ in range(abs(hops)):
            yield at.copy(), axis, int(hops < 0)
            at[axis] += 1 if hops > 0 else -1
