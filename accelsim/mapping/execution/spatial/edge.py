"""The way on a chip between rectangles and the rim, where the links to other chips join.

What leaves a rectangle goes straight to the nearest side of the chip and spreads over as many tiles of the rim as the
rectangle is wide; what arrives comes in there.  Summands of several rectangles are added up on their way to the same
stretch of the rim, and what several rectangles read forks on its way from it.  So every link of the chip carries the
bytes once, and shares its capacity with all else that crosses it.

Not modelled: where on the rim the ports of links are, uneven use of the tiles of a stretch, light: over an optical
layer links to other chips join at every station.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.network.noc import CoarseMesh, Rectangle, rect_to_rects_flows

FloatArray = npt.NDArray[np.float64]

#: Lanes of a smaller part of the bytes are none: running sums differ in their last digits.
CUT = 1e-9
_FINE = 2**40  # bytes of the transfer from which the shares of lanes are read


@dataclass(frozen=True, eq=False)
class EdgeWay:
    """Lanes side by side between rectangles of one chip and its rim.

    Attributes:
        branches: Links of each lane to each rectangle, by rectangle, then by lane.
        shares: Part of the bytes that each lane carries, running sum. float64[lanes].
        latency_s: First byte of each lane, to the farthest rectangle. float64[lanes].
        hops: Core hops of each lane, each link of a tree once. float64[lanes].
    """

    branches: tuple[tuple[tuple[int, ...], ...], ...]
    shares: FloatArray
    latency_s: FloatArray
    hops: FloatArray


def way_to_edge(mesh: CoarseMesh, rectangles: Sequence[Rectangle], is_leaving: bool) -> EdgeWay:
    """How bytes go from rectangles to the rim of their chip, or from there to them.

    Args:
        mesh: Links between blocks of cores.
        rectangles: One or more; several that send hold summands of one sum.
        is_leaving: Whether they send.
    """
    stretch, inside = nearest_stretch(mesh, rectangles)
    every = rect_to_rects_flows(mesh, stretch, rectangles, _FINE)
    ends = [(flows.dst, flows.src) if is_leaving else (flows.src, flows.dst) for flows in every]
    routes = [mesh.routes(*pair) for pair in ends]
    lanes = range(len(every[0].src))
    trees = [np.unique(np.concatenate([one[lane] for one in routes])) for lane in lanes]
    return EdgeWay(
        branches=tuple(tuple(tuple(one[lane].tolist()) for lane in lanes) for one in routes),
        shares=np.cumsum(every[0].nbytes) / _FINE,
        latency_s=np.max([mesh.latency_s(one) for one in routes], axis=0) + inside * mesh.hop_latency_s,
        hops=np.array([mesh.num_hops[tree].sum() for tree in trees]) + inside,
    )


def nearest_stretch(mesh: CoarseMesh, rectangles: Sequence[Rectangle]) -> tuple[Rectangle, float]:
    """The tiles of the rim in front of rectangles, on the side that is nearest to their middle.

    Args:
        mesh: Has the grid of cores.
        rectangles: One or more.

    Returns:
        The stretch, and the core hops from the middle of its blocks to the rim.
    """
    rows, cols = mesh.core_grid
    top, left = min(one.row for one in rectangles), min(one.col for one in rectangles)
    bottom = max(one.row + one.rows for one in rectangles)
    right = max(one.col + one.cols for one in rectangles)
    row, col = (top + bottom) / 2, (left + right) / 2
    high, wide = np.diff(mesh.row_edges), np.diff(mesh.col_edges)
    sides = [
        (row, Rectangle(0, left, 1, right - left), high[0]),
        (col, Rectangle(top, 0, bottom - top, 1), wide[0]),
        (rows - row, Rectangle(rows - 1, left, 1, right - left), high[-1]),
        (cols - col, Rectangle(top, cols - 1, bottom - top, 1), wide[-1]),
    ]
    _, stretch, block = min(sides, key=lambda side: side[0])
    return stretch, float(block) / 2


def cut_together(shares: Sequence[FloatArray]) -> FloatArray:
    """Lanes so fine that each is part of one lane of every way.

    Args:
        shares: Running sum of the shares of each way's lanes.

    Returns:
        Running sum of the shares of the finer lanes, at least ``CUT`` apart.
    """
    ends = np.unique(np.concatenate(shares))
    return np.append(ends[:-1][np.diff(ends) > CUT], 1.0)
