"""The cost of many orders at once: shelves without rounding, by numpy, for placers that try thousands.

Sides are real numbers here: shelf ``k`` has the height that its items' tiles need over the whole width.  The layout
that is used in the end (:mod:`accelsim.mapping.placement.shelves`) rounds sides to whole tiles.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.base import FloatArray, IntArray, PlacementProblem


class OrderCosts:
    """Bytes x hops of orders of one problem.

    Args:
        problem: Items and wires.
        num_shelves: Shelves the items are laid on.
        snake: Whether every second shelf runs backwards.
    """

    def __init__(self, problem: PlacementProblem, num_shelves: int, snake: bool = True) -> None:
        self.tiles = np.array([item.tiles for item in problem.items], dtype=np.float64)
        self.num_shelves = num_shelves
        self._cols = float(problem.grid[1])
        self._snake = snake
        self._a, self._b, self._nbytes = problem.ends

    def middles(self, orders: IntArray) -> tuple[FloatArray, FloatArray]:
        """Row and column of the middle of each item. float64[orders, items] each.

        Args:
            orders: Items in the order in which they are laid. int64[orders, items].
        """
        tiles = self.tiles[orders]
        ends = np.cumsum(tiles, axis=1)
        shelf = ((ends - tiles / 2) * (self.num_shelves / ends[:, -1:])).astype(np.int64)
        np.minimum(shelf, self.num_shelves - 1, out=shelf)
        flat = shelf + np.arange(len(orders))[:, None] * self.num_shelves
        sums = np.bincount(flat.ravel(), weights=tiles.ravel(), minlength=len(orders) * self.num_shelves)
        before = np.concatenate([[0.0], np.cumsum(sums)[:-1]])
        along = (ends + (np.arange(len(orders)) * ends[0, -1])[:, None] - tiles / 2 - before[flat]) / sums[flat]
        if self._snake:
            along = np.where(shelf % 2, 1.0 - along, along)
        heights = (sums / self._cols).reshape(len(orders), self.num_shelves)
        row_of_shelf = np.cumsum(heights, axis=1) - heights / 2
        row, col = np.empty(orders.shape), np.empty(orders.shape)
        np.put_along_axis(row, orders, np.take_along_axis(row_of_shelf, shelf, axis=1), axis=1)
        np.put_along_axis(col, orders, along * self._cols, axis=1)
        return row, col

    def __call__(self, orders: IntArray | Sequence[int]) -> FloatArray:
        """Cost of each order. float64[orders]."""
        table = np.atleast_2d(np.asarray(orders, dtype=np.int64))
        row, col = self.middles(table)
        a, b = self._a, self._b
        hops = np.abs(row[:, a] - row[:, b]) + np.abs(col[:, a] - col[:, b])
        return np.asarray(hops @ self._nbytes, dtype=np.float64)
