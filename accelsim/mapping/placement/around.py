"""Layout around what is in the way: pinned rectangles, dead tiles, spare rows.

Shelves of one height are filled from the free intervals that obstacles leave in them.  Items shrink towards their least
tiles, all by the same share, until everything fits.  Tiles beside an obstacle are lost for the height of its shelf.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from accelsim.errors import PlacementError
from accelsim.mapping.placement.base import PlacementProblem, too_tight
from accelsim.network.noc import Rectangle

_SHRINK_STEPS = 20


def lay_around(problem: PlacementProblem, order: Sequence[int], snake: bool) -> tuple[Rectangle, ...]:
    """Rectangles for ``order`` that respect the constraints; pinned items are exactly where they are pinned.

    Args:
        problem: Items, and the constraints that are in the way.
        order: Indices of items; those that are pinned may be left out.
        snake: Whether every second shelf runs backwards.

    Raises:
        PlacementError: Constraints contradict each other, or the rest does not fit around them.
    """
    check_constraints(problem)
    rest = [item for item in order if item not in problem.constraints.pinned]
    best: tuple[float, tuple[Rectangle, ...]] | None = None
    for step in range(_SHRINK_STEPS + 1):
        share = 1 - step / _SHRINK_STEPS
        for height in _heights(problem, rest, share):
            layout = _fill(problem, rest, share, height, snake)
            if layout is not None and (best is None or problem.cost(layout) < best[0]):
                best = problem.cost(layout), layout
        if best is not None:
            return best[1]
    raise PlacementError(f"around {len(_obstacles(problem))} pinned or forbidden rectangles: {too_tight(problem)}")


def overlaps(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles share a tile.

    Args:
        a: One rectangle, in tiles.
        b: Another on the same grid.
    """
    return a.row < b.row + b.rows and b.row < a.row + a.rows and a.col < b.col + b.cols and b.col < a.col + a.cols


def check_constraints(problem: PlacementProblem) -> None:
    """Refuse pins that leave the grid, are too small, share tiles, or lie on forbidden tiles.

    Raises:
        PlacementError: One does; the items are named.
    """
    given = problem.constraints
    pins = [(problem.items[item].name, problem.items[item].least_tiles, r) for item, r in given.pinned.items()]
    pins += [(_set_name(problem, m), sum(problem.items[i].least_tiles for i in m), r) for m, r in given.fenced.items()]
    rows, cols = problem.grid
    for at, (name, least, rectangle) in enumerate(pins):
        if rectangle.row + rectangle.rows > rows or rectangle.col + rectangle.cols > cols:
            raise PlacementError(f"{name} is pinned to {rectangle}, which leaves the grid of {rows}x{cols}. Move it.")
        if rectangle.num_cores < least:
            raise PlacementError(
                f"{name} is pinned to {rectangle}: {rectangle.num_cores} tiles, it needs {least}. Enlarge it."
            )
        for other, _, taken in pins[at + 1 :]:
            if overlaps(rectangle, taken):
                raise PlacementError(f"{name} and {other} are pinned to tiles they share. Move one.")
        for taken in given.forbidden if at < len(given.pinned) else ():
            if overlaps(rectangle, taken):
                raise PlacementError(
                    f"{name} is pinned to {rectangle}, of which {taken} is forbidden (by the constraints, or dead or "
                    "spare in the chip's file). Move it."
                )


def _set_name(problem: PlacementProblem, members: Sequence[int]) -> str:
    return f"the set of {problem.items[members[0]].name} ... {problem.items[members[-1]].name}"


def _obstacles(problem: PlacementProblem) -> list[Rectangle]:
    return [*problem.constraints.pinned.values(), *problem.constraints.forbidden]


def _heights(problem: PlacementProblem, items: Sequence[int], share: float) -> list[int]:
    """Heights of a shelf near the side of a typical item, and some that divide the grid."""
    if not items:
        return [1]
    sides = sorted(math.sqrt(_tiles(problem, item, share)) for item in items)
    rows, side = problem.grid[0], sides[len(sides) // 2]
    counts = {max(1, round(rows / (side * factor))) for factor in (0.6, 0.75, 0.9, 1.0, 1.1, 1.25, 1.5)}
    return sorted({rows // count for count in counts})


def _tiles(problem: PlacementProblem, item: int, share: float) -> float:
    one = problem.items[item]
    return one.least_tiles + max(0, one.tiles - one.least_tiles) * share


def _fill(
    problem: PlacementProblem, items: Sequence[int], share: float, height: int, snake: bool
) -> tuple[Rectangle, ...] | None:
    """Shelves of ``height``, filled in order; None if an item finds no place."""
    found: dict[int, Rectangle] = dict(problem.constraints.pinned)
    at = 0
    for shelf, row in enumerate(range(0, problem.grid[0] - height + 1, height)):
        backwards = snake and shelf % 2 == 1
        for low, high in _free(problem, row, height, backwards):
            left, right = low, high
            while at < len(items):
                width = math.ceil(_tiles(problem, items[at], share) / height)
                if right - left < width:
                    break
                col = right - width if backwards else left
                found[items[at]] = Rectangle(row, col, height, width)
                left, right = (left, right - width) if backwards else (left + width, right)
                at += 1
    if at < len(items):
        return None
    return tuple(found[item] for item in range(len(problem.items)))


def _free(problem: PlacementProblem, row: int, height: int, backwards: bool) -> list[tuple[int, int]]:
    """Column intervals of a shelf that no obstacle touches, in the order in which they are filled."""
    cols = problem.grid[1]
    band = Rectangle(row, 0, height, cols)
    taken = sorted((o.col, o.col + o.cols) for o in _obstacles(problem) if overlaps(band, o))
    free, at = [], 0
    for low, high in taken:
        if low > at:
            free.append((at, low))
        at = max(at, high)
    if at < cols:
        free.append((at, cols))
    return free[::-1] if backwards else free
