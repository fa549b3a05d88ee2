"""Multiply-accumulates that arrays spend on a product, lanes that idle included.

An array that holds weights has them loaded for the next fold while rows stream through this one, so that a fold of few
rows lasts as long as loading takes: as many clocks as the array is high, unless its ports are wider.  An array that
holds results streams the contracted axis through; results that do not fill it leave lanes idle, and it may be
configured to other shapes (tall for many rows, wide for few)::

    holds weights   max(m, load) x n x k          n, k padded by the tile that is copied
    holds results   [m / r] r x [n / c] c x k     the best of its shapes (r, c)

Not modelled: fill and drain of the wave, hidden under the fold before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from accelsim.cost.shares import ceil_div
from accelsim.dtypes import DType
from accelsim.hardware.chip import SystolicArray


@dataclass(frozen=True, slots=True)
class ArrayUse:
    """How arrays of one kind take products.

    Attributes:
        rows: Rows of an array.
        cols: Columns of an array.
        shapes: Rows and columns of results that an array may be configured to; none: it holds weights.
        load: Cycles in which one that holds weights takes the next ones; 0: one for each row.
    """

    rows: int
    cols: int
    shapes: tuple[tuple[int, int], ...] = ()
    load: int = 0

    @classmethod
    def of(cls, array: SystolicArray, dtype: DType) -> Self:
        """That of a chip's arrays for a type."""
        shapes = ((array.rows, array.cols), *array.shapes) if array.stationary == "results" else ()
        return cls(array.rows, array.cols, shapes, array.load_cycles.get(dtype, 0))

    def width(self, extent: int) -> int:
        """Lanes that a head of so many elements takes: whole columns where keys and values are the weights."""
        return extent if self.shapes else ceil_div(extent, self.cols) * self.cols

    def macs(self, m: npt.ArrayLike, n: npt.ArrayLike, k: npt.ArrayLike) -> Any:
        """Multiply-accumulates of the time that a product of ``m x n x k`` takes; numbers or arrays.

        Args:
            m: Rows of the result.
            n: Columns of the result.
            k: What is summed over.
        """
        m, n, k = (np.asarray(extent, dtype=np.float64) for extent in (m, n, k))
        if not self.shapes:
            return np.maximum(m, self.load or self.rows) * n * k
        held = [ceil_div(m, rows) * rows * (ceil_div(n, cols) * cols) for rows, cols in self.shapes]
        return np.min(held, axis=0) * k
