"""Shelves: an order of items becomes rectangles that cover the grid without overlap.

The items are laid in order on shelves across the grid; a shelf's height and an item's width follow from the tiles they
want, so the shelves fill what is to be filled and only sides are rounded.  A snake turns back at the end of each shelf;
otherwise every shelf starts on the left.

Not modelled: rectangles that span two shelves.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accelsim.errors import PlacementError
from accelsim.mapping.placement.around import lay_around
from accelsim.mapping.placement.base import FloatArray, IntArray, Item, PlacementProblem, too_tight
from accelsim.network.noc import Rectangle

#: Tiles set aside for rounding when the items want fewer than the grid has.
_SLACK = 1.02


@dataclass(frozen=True)
class Window:
    """The part of a grid that shelves may use: rows from ``row`` and columns from ``col``."""

    row: int
    col: int
    rows: int
    cols: int


class Shelves:
    """Lays out orders of one set of items; what does not depend on the order is computed once."""

    def __init__(self, items: Sequence[Item], window: Window, snake: bool) -> None:
        self._items = items
        self._tiles = np.array([item.tiles for item in items], dtype=np.float64)
        self._least = np.array([item.least_tiles for item in items], dtype=np.float64)
        self._window = window
        self._snake = snake

    @cached_property
    def rows(self) -> int:
        """Rows the shelves cover: no more than the items want, so that short items stay close together."""
        return min(self._window.rows, math.ceil(float(self._tiles.sum()) * _SLACK / self._window.cols))

    def candidates(self) -> range:
        """Numbers of shelves that give rectangles not far from squares."""
        side = math.sqrt(float(np.median(self._tiles)))
        likely = max(1, round(self.rows / side))
        spread = max(1, likely // 4)
        return range(max(1, likely - spread), min(len(self._items), likely + spread) + 1)

    def lay(self, order: Sequence[int] | IntArray, num_shelves: int) -> tuple[Rectangle, ...] | None:
        """Rectangles of all items in the order of ``items``; None if some item would get too few tiles.

        Args:
            order: Indices of all items. int64[items].
            num_shelves: Shelves to deal them to, of about equal tiles.
        """
        order = np.asarray(order, dtype=np.int64)
        return self.lay_between(order, self.bounds(order, num_shelves))

    def lay_between(self, order: IntArray, bounds: Sequence[int]) -> tuple[Rectangle, ...] | None:
        """The same with shelf ``k`` holding ``order[bounds[k]:bounds[k + 1]]``.

        Args:
            order: Indices of all items. int64[items].
            bounds: Where each shelf begins in the order, and its length as the last one.
        """
        heights = self._heights(order, bounds)
        if heights is None:
            return None
        found: list[Rectangle | None] = [None] * len(order)
        row = self._window.row
        for shelf, height in enumerate(heights):
            members = order[bounds[shelf] : bounds[shelf + 1]]
            widths = whole_shares(self._window.cols, self._tiles[members], np.ceil(self._least[members] / height))
            if widths is None:
                return None
            if self._snake and shelf % 2:
                members, widths = members[::-1], widths[::-1]
            left = self._window.col + np.concatenate([[0], np.cumsum(widths)[:-1]])
            for item, col, width in zip(members.tolist(), left.tolist(), widths.tolist(), strict=True):
                found[item] = Rectangle(row, int(col), int(height), int(width))
            row += int(height)
        return tuple(rectangle for rectangle in found if rectangle is not None)

    def bounds(self, order: IntArray, num_shelves: int) -> list[int]:
        """Where each shelf begins in the order: shelves of about equal tiles, none empty.

        Args:
            order: Indices of all items. int64[items].
            num_shelves: Shelves wished for; fewer come out where one would be empty.
        """
        ends = np.cumsum(self._tiles[order])
        middle = ends - self._tiles[order] / 2
        shelf = np.minimum((middle * num_shelves / ends[-1]).astype(np.int64), num_shelves - 1)
        bounds = np.searchsorted(shelf, np.arange(num_shelves + 1))
        bounds[-1] = len(order)
        return sorted(set(bounds.tolist()))

    def _heights(self, order: IntArray, bounds: Sequence[int]) -> list[int] | None:
        """Height of each shelf: enough for the least tiles of its items, the rest by what they want."""
        members = [order[a:b] for a, b in itertools.pairwise(bounds)]
        least = np.array([self._least_height(items) for items in members], dtype=np.float64)
        wanted = np.array([self._tiles[items].sum() for items in members])
        shares = whole_shares(self.rows, wanted, least)
        if shares is None:
            shares = whole_shares(self._window.rows, wanted, least)
        return None if shares is None else [int(n) for n in shares]

    def _least_height(self, items: IntArray) -> int:
        """Smallest height at which the least widths of ``items`` lie side by side; more than there is if never."""
        if len(items) > self._window.cols:
            return self._window.rows + 1
        height = max(1, math.ceil(float(self._least[items].sum()) / self._window.cols))
        while np.ceil(self._least[items] / height).sum() > self._window.cols:
            height += 1
        return height


def lay_out(problem: PlacementProblem, order: Sequence[int], snake: bool) -> tuple[Rectangle, ...]:
    """Rectangles for ``order`` with the number of shelves that costs least among those near squares.

    Args:
        problem: Items, wires and the grid; with constraints the layout goes around what is in the way.
        order: Indices of all items.
        snake: Whether every second shelf runs backwards.

    Raises:
        PlacementError: No number of shelves gives every item its least tiles.
    """
    if not problem.constraints.is_empty:
        return lay_around(problem, order, snake)
    shelves = Shelves(problem.items, window_of(problem), snake)
    for counts in (shelves.candidates(), range(1, len(problem.items) + 1)):
        layouts = [layout for count in counts if (layout := shelves.lay(order, count)) is not None]
        if layouts:
            break
    else:
        raise PlacementError(too_tight(problem))
    if any(net.points for net in problem.nets):  # what does not move lies nearer to one corner than to others
        layouts = [seen for layout in layouts for seen in _from_corners(layout, problem.grid)]
    return cheapest(problem, layouts)


def _from_corners(layout: Sequence[Rectangle], grid: tuple[int, int]) -> Iterator[tuple[Rectangle, ...]]:
    """A layout that begins in each corner of the grid."""
    for down, right in itertools.product((False, True), repeat=2):
        rows = (grid[0] - r.row - r.rows if down else r.row for r in layout)
        cols = (grid[1] - r.col - r.cols if right else r.col for r in layout)
        yield tuple(Rectangle(row, col, r.rows, r.cols) for row, col, r in zip(rows, cols, layout, strict=True))


def cheapest(problem: PlacementProblem, layouts: Sequence[tuple[Rectangle, ...]]) -> tuple[Rectangle, ...]:
    """The layout of least cost; the first on a tie.

    Args:
        problem: What is to be placed; its cost decides.
        layouts: At least one, each with a rectangle per item.
    """
    return min(layouts, key=problem.cost)


def shelf_counts(problem: PlacementProblem) -> range:
    """Numbers of shelves worth trying."""
    return Shelves(problem.items, window_of(problem), snake=True).candidates()


def window_of(problem: PlacementProblem) -> Window:
    """The whole grid as a window."""
    return Window(0, 0, *problem.grid)


def filled_window(problem: PlacementProblem) -> Rectangle:
    """The rows that the items want, over the whole width."""
    shelves = Shelves(problem.items, window_of(problem), snake=True)
    return Rectangle(0, 0, shelves.rows, problem.grid[1])


def whole_shares(total: int, wanted: FloatArray, least: FloatArray) -> FloatArray | None:
    """Whole shares of ``total`` in proportion to ``wanted``, none below ``least``; None if these exceed it.

    Args:
        total: Tiles to share out.
        wanted: Tiles that each would like. float64[n].
        least: Tiles that each must have; below 1 counts as 1. float64[n].
    """
    least = np.maximum(least, 1.0)
    if least.sum() > total:
        return None
    shares = np.maximum(wanted / wanted.sum() * total, least)
    for _ in range(len(shares)):
        above = shares > least
        excess = shares.sum() - total
        if excess <= 1e-9 or not above.any():
            break
        room = shares[above] - least[above]
        shares[above] -= room * min(1.0, excess / room.sum())
    whole = np.maximum(np.floor(shares + 1e-9), least)
    missing = int(total - whole.sum())
    if missing > 0:
        whole[np.argsort(whole - shares, kind="stable")[:missing]] += 1
    return np.asarray(whole, dtype=np.float64)
