"""The free part of a grid as rectangles: cut along the sides of what is pinned or forbidden."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.mapping.placement.base import PlacementProblem
from accelsim.network.noc import Rectangle

#: More windows than this are too small to be worth a tree each: dead tiles all over a wafer.
MOST_WINDOWS = 48


def free_windows(problem: PlacementProblem) -> tuple[Rectangle, ...]:
    """Rectangles that together are all free tiles, largest first; empty if there are more than :data:`MOST_WINDOWS`."""
    taken = [*problem.constraints.pinned.values(), *problem.constraints.forbidden]
    if len(taken) > MOST_WINDOWS:
        return ()
    found: list[Rectangle] = []
    pending = [(Rectangle(0, 0, *problem.grid), taken)]
    while pending and len(found) <= MOST_WINDOWS:
        space, obstacles = pending.pop()
        inside = [part for one in obstacles if (part := _common(space, one)) is not None]
        if not inside:
            found.append(space)
            continue
        largest = max(inside, key=lambda one: one.num_cores)
        pending += [(part, inside) for part in _around(space, largest)]
    if pending or len(found) > MOST_WINDOWS:
        return ()
    return tuple(sorted(found, key=lambda one: -one.num_cores))


def _common(a: Rectangle, b: Rectangle) -> Rectangle | None:
    row, col = max(a.row, b.row), max(a.col, b.col)
    last_row, last_col = min(a.row + a.rows, b.row + b.rows), min(a.col + a.cols, b.col + b.cols)
    return Rectangle(row, col, last_row - row, last_col - col) if row < last_row and col < last_col else None


def _around(space: Rectangle, taken: Rectangle) -> Sequence[Rectangle]:
    """What is left of a space on the four sides of a rectangle in it; two of the parts go over whole sides."""
    above, below = taken.row - space.row, space.row + space.rows - taken.row - taken.rows
    left, right = taken.col - space.col, space.col + space.cols - taken.col - taken.cols
    is_wide = max(above, below) * space.cols >= max(left, right) * space.rows
    row, rows = (taken.row, taken.rows) if is_wide else (space.row, space.rows)
    col, cols = (space.col, space.cols) if is_wide else (taken.col, taken.cols)
    parts = (
        (space.row, col, above, cols),
        (taken.row + taken.rows, col, below, cols),
        (row, space.col, rows, left),
        (row, taken.col + taken.cols, rows, right),
    )
    return [Rectangle(*part) for part in parts if part[2] > 0 and part[3] > 0]
