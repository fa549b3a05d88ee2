"""The best torus for a traffic matrix: every shape and twist that circuit switches between blocks can set."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.errors import ConfigError
from accelsim.network.optical.lattice import FloatArray, TwistedTorus


@dataclass(frozen=True)
class TorusChoice:
    """One shape and what it does for the traffic.

    Attributes:
        torus: Shape and twist.
        busiest_s: Time the fullest link needs; no schedule over shortest ways is faster.
        mean_hops: Mean distance that a byte travels, in links.
    """

    torus: TwistedTorus
    busiest_s: float
    mean_hops: float


def torus_shapes(
    num_chips: int, block: int = 4, num_dimensions: int = 3, max_extent: int = 16
) -> list[tuple[int, ...]]:
    """Shapes of ``num_chips`` made of blocks: every extent a multiple of ``block``; all orders of extents.

    Args:
        num_chips: Product of the extents.
        block: Extent of a cube that is wired for good.
        num_dimensions: Dimensions of the torus.
        max_extent: Longest dimension.

    Raises:
        ConfigError: There is none.

    Examples:
        >>> torus_shapes(128)
        [(4, 4, 8), (4, 8, 4), (8, 4, 4)]
    """
    extents = range(block, max_extent + 1, block)
    found = [s for s in itertools.product(extents, repeat=num_dimensions) if math.prod(s) == num_chips]
    if not found:
        raise ConfigError(
            f"no torus of {num_chips} chips has {num_dimensions} extents that are multiples of {block} up to "
            f"{max_extent}. Use a multiple of {block**num_dimensions}."
        )
    return found


def twists_of(shape: tuple[int, ...], block: int = 4) -> Iterator[TwistedTorus]:
    """The regular torus and every twist by multiples of ``block``, of longer dimensions by shorter ones.

    Args:
        shape: Extents of the torus, multiples of ``block``.
        block: Extent of a cube that is wired for good.
    """
    axes = range(len(shape))
    shifts = [
        range(0, shape[there], block) if shape[there] > shape[here] else range(1) for here in axes for there in axes
    ]
    for flat in itertools.product(*shifts):
        yield TwistedTorus(shape, tuple(flat[len(shape) * here : len(shape) * (here + 1)] for here in axes))


def rank_tori(
    num_chips: int,
    link_bytes_per_s: float,
    traffic_bytes: FloatArray | None = None,
    block: int = 4,
    max_extent: int = 16,
    twisted: bool = True,
) -> list[TorusChoice]:
    """All shapes and twists, best first.

    Rank r of the traffic is chip r, last dimension fastest, so the order of extents matters for traffic between groups
    of ranks. Ties go to fewer hops, then to the regular and more cubic torus.

    Args:
        num_chips: Chips of the slice.
        link_bytes_per_s: Bandwidth of a link, per direction.
        traffic_bytes: Bytes from rank to rank, float64[n, n]; None for one byte from each to each.
        block: Extent of a block that is wired electrically.
        max_extent: Longest dimension.
        twisted: Whether to try twists.

    Raises:
        ConfigError: No shape has that many chips, or the matrix has another size.
    """
    if traffic_bytes is not None and traffic_bytes.shape != (num_chips, num_chips):
        raise ConfigError(f"traffic: a matrix of {traffic_bytes.shape}, expected {num_chips} x {num_chips}.")
    choices = []
    for shape in torus_shapes(num_chips, block, max_extent=max_extent):
        for torus in twists_of(shape, block) if twisted else (TwistedTorus.regular(shape),):
            choices.append(_judged(torus, link_bytes_per_s, traffic_bytes))
    return sorted(choices, key=lambda c: (round(c.busiest_s, 15), c.mean_hops, c.torus.is_twisted, sum(c.torus.shape)))


def _judged(torus: TwistedTorus, link_bytes_per_s: float, traffic_bytes: FloatArray | None) -> TorusChoice:
    if traffic_bytes is None:
        return TorusChoice(torus, torus.uniform_s(1.0, link_bytes_per_s), torus.mean_hops)
    loads = torus.link_loads(traffic_bytes)
    total = float(traffic_bytes.sum() - np.trace(traffic_bytes))
    return TorusChoice(torus, float(loads.max(initial=0.0)) / link_bytes_per_s, float(loads.sum()) / (total or 1.0))
