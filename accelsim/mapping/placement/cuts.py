"""The cuts from side to side that a layout is made of, found from its rectangles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.mapping.placement.base import PlacementProblem
from accelsim.network.noc import Rectangle

#: Stands for tiles without an item.
EMPTY = -1


@dataclass(frozen=True, slots=True)
class Cut:
    """Two halves: each an item or a cut.

    Attributes:
        first: The upper or left one; :data:`EMPTY` holds no item.
        second: The other.
        is_column_cut: Whether they lie side by side.
    """

    first: Part
    second: Part
    is_column_cut: bool


#: An item, or how several are cut apart.
Part = Cut | int


def cuts_of(items: Sequence[int], rectangles: Sequence[Rectangle]) -> Part | None:
    """How the rectangles of ``items`` are cut apart, each time as near the middle as can be; None if they are not.

    Args:
        items: At least one.
        rectangles: Of all items.
    """
    if len(items) == 1:
        return items[0]
    found: list[tuple[int, list[int], list[int], bool]] = []
    for is_column_cut in (False, True):
        ends = {item: _span(rectangles[item], is_column_cut) for item in items}
        ordered = sorted(items, key=lambda item: ends[item])
        reached = 0
        for at, item in enumerate(ordered):
            if at and ends[item][0] >= reached:
                found.append((abs(2 * at - len(items)), ordered[:at], ordered[at:], is_column_cut))
            reached = max(reached, ends[item][1])
    for _, low, high, is_column_cut in sorted(found, key=lambda one: one[0])[:1]:
        first, second = cuts_of(low, rectangles), cuts_of(high, rectangles)
        if first is not None and second is not None:
            return Cut(first, second, is_column_cut)
    return None


def halved(items: Sequence[int], problem: PlacementProblem, rows: float, cols: float) -> Part:
    """Cuts for items in a given order: halves of about equal tiles, across the longer side.

    Args:
        items: At least one.
        problem: Says how many tiles they want.
        rows: Of the space they get.
        cols: The same.
    """
    if len(items) == 1:
        return items[0]
    tiles = [problem.items[item].tiles for item in items]
    at, before = 1, tiles[0]
    while at < len(items) - 1 and before + tiles[at] / 2 < sum(tiles) / 2:
        before, at = before + tiles[at], at + 1
    share, is_column_cut = before / sum(tiles), cols > rows
    low = (rows, cols * share) if is_column_cut else (rows * share, cols)
    high = (rows, cols * (1 - share)) if is_column_cut else (rows * (1 - share), cols)
    return Cut(halved(items[:at], problem, *low), halved(items[at:], problem, *high), is_column_cut)


def _span(rectangle: Rectangle, is_column_cut: bool) -> tuple[int, int]:
    if is_column_cut:
        return rectangle.col, rectangle.col + rectangle.cols
    return rectangle.row, rectangle.row + rectangle.rows


def cut(space: Rectangle, at: int, is_column_cut: bool) -> tuple[Rectangle, Rectangle]:
    """The first ``at`` columns or rows of a rectangle, and the rest.

    Args:
        space: What is cut.
        at: Columns or rows of the first part.
        is_column_cut: Whether columns are counted, and not rows.
    """
    if is_column_cut:
        left = Rectangle(space.row, space.col, space.rows, at)
        return left, Rectangle(space.row, space.col + at, space.rows, space.cols - at)
    top = Rectangle(space.row, space.col, at, space.cols)
    return top, Rectangle(space.row + at, space.col, space.rows - at, space.cols)
