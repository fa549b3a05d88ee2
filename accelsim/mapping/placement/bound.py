"""A lower bound on bytes x hops that no placement of near-square rectangles can beat.

Two rectangles that do not overlap lie side by side or one above the other, so their middles are at least half the sum
of their widths, or of their heights, apart.  A rectangle of ``n`` tiles whose sides differ by at most ``aspect`` has no
side below ``sqrt(n / aspect)``.  Summed over all wires this is a bound; it lets every item touch all its partners, so
it is loose where one talks to many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.mapping.placement.base import PlacementProblem
from accelsim.network.noc import Rectangle


def lower_bound_byte_hops(problem: PlacementProblem, aspect: float) -> float:
    """Least bytes x hops of rectangles with the tiles the items want and sides at most ``aspect`` apart.

    Args:
        problem: Items with the tiles they want, and wires.
        aspect: Longest side over shortest side of a rectangle, at least 1.
    """
    side = [math.sqrt(item.tiles / aspect) for item in problem.items]
    return sum(wire.nbytes * (side[wire.a] + side[wire.b]) / 2 for wire in problem.wires if wire.a != wire.b)


def touching_bound_byte_hops(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> float:
    """Least bytes x hops of these very rectangles, moved at will: every wire as if its two ends touched.

    Args:
        problem: Items and wires.
        rectangles: One per item; only their shorter sides count.
    """
    side = [min(rectangle.rows, rectangle.cols) for rectangle in rectangles]
    return sum(wire.nbytes * (side[wire.a] + side[wire.b]) / 2 for wire in problem.wires if wire.a != wire.b)
