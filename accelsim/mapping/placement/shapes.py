"""What sides do to items, as tables for compiled loops: times sampled over rows and columns, and limits.

A timing is asked for on sides that grow by :data:`_STEP`, only where an item may come to lie, and read between them on
a scale of logarithms; one that jumps from side to side is asked for on every side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from accelsim.mapping.placement.arrays import Shapes
from accelsim.mapping.placement.base import MEAN_ASPECT, FloatArray, IntArray, PlacementProblem, Timing

#: Sides sampled grow by this factor.
_STEP = math.sqrt(2.0)
#: Tiles and sides asked for: up to this many times those an item wants, and this long.
_TILES, _ASPECT = 2.2, 12.0


def shapes_of(problem: PlacementProblem) -> Shapes:
    """Tables of a problem.

    Args:
        problem: Its timing is asked for some ten sides of every kind.
    """
    timing, longest = problem.timing, max(problem.grid)
    least = np.array([item.least_tiles for item in problem.items], dtype=np.int64)
    if timing is None:
        allowed = MEAN_ASPECT if problem.most_aspect is None else problem.most_aspect
        nothing, zeros = np.zeros((1, 1, 1)), np.zeros(longest + 1, dtype=np.int64)
        weights = np.array([0.0, 0.0, allowed, problem.most_aspect is not None])
        return Shapes(zeros[:1].repeat(len(least)), zeros, np.zeros(longest + 1), nothing, nothing, least, weights)
    sides = np.arange(1, longest + 1) if timing.is_stepped else _sides(longest)
    low, part = _between(sides, longest)
    kinds = np.array(timing.kinds, dtype=np.int64)
    times, lacks = _sampled(problem, timing, sides)
    return Shapes(kinds, low, part, times, lacks, least, np.array([timing.total, timing.slowest, 0.0, 0.0]))


def _sides(longest: int) -> IntArray:
    number = 1 + math.ceil(math.log(longest) / math.log(_STEP)) if longest > 1 else 1
    return np.unique(np.rint(np.geomspace(1, longest, number)).astype(np.int64))


def _between(sides: IntArray, longest: int) -> tuple[IntArray, FloatArray]:
    """Sample at or below every side up to ``longest``, and the way to the next one."""
    every = np.maximum(np.arange(longest + 1), 1)
    low = np.searchsorted(sides, every, side="right") - 1
    above = sides[np.minimum(low + 1, len(sides) - 1)]
    step = np.log(np.maximum(above, sides[low] + 1) / sides[low])
    return low.astype(np.int64), np.where(every > sides[low], np.log(every / sides[low]) / step, 0.0)


def _sampled(problem: PlacementProblem, timing: Timing, sides: IntArray) -> tuple[FloatArray, FloatArray]:
    """Time and lack of memory of every kind on every pair of sides. float64[kinds, sides, sides] each."""
    number = max(timing.kinds) + 1
    times, lacks = np.zeros((2, number, len(sides), len(sides)))
    for kind in range(number):
        wanted = [item.tiles for item, of in zip(problem.items, timing.kinds, strict=True) if of == kind]
        if not wanted:
            continue
        if timing.is_stepped:
            every = sides.repeat(len(sides)), np.tile(sides, len(sides))
            times[kind] = timing.item_s(kind, *every).reshape(len(sides), -1)
            lacks[kind] = timing.lacks(kind, *every).reshape(len(sides), -1)
            continue
        asked = _likely(sides, min(wanted), max(wanted))
        times[kind] = _table(timing.item_s, kind, sides, asked)
        lacks[kind] = _table(timing.lacks, kind, sides, asked)
    return times, lacks


def _likely(sides: IntArray, fewest: int, most: int) -> np.ndarray:
    """Which sides an item may come to lie on; at least those that are nearest to what it wants."""
    tiles = np.multiply.outer(sides, sides)
    aspect = np.maximum(sides[:, None] / sides, sides / sides[:, None])
    near = np.abs(np.log(tiles / most)) + np.log(aspect)
    asked = (tiles >= fewest / _TILES) & (tiles <= most * _TILES) & (aspect <= _ASPECT)
    asked.flat[int(near.argmin())] = True
    return np.asarray(asked)


def _table(
    ask: Callable[[int, IntArray, IntArray], FloatArray], kind: int, sides: IntArray, asked: np.ndarray
) -> FloatArray:
    """What a kind answers on the sides asked for; elsewhere that of the nearest of them, worse by the distance."""
    table = np.zeros(asked.shape)
    rows, cols = np.nonzero(asked)
    table[rows, cols] = ask(kind, sides[rows], sides[cols])
    scale = np.log(sides)
    for r, c in np.argwhere(~asked).tolist():
        away = np.abs(scale[rows] - scale[r]) + np.abs(scale[cols] - scale[c])
        nearest = int(away.argmin())
        table[r, c] = table[rows[nearest], cols[nearest]] * math.exp(float(away[nearest]))
    return table
