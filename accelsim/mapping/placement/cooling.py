"""The schedule of annealing, for compiled loops that make many moves per call.

The first temperature accepts a mild worsening (a quantile of the rises of random moves) with probability 1/e, the last
one is :data:`_COOLED` times lower; in between it falls geometrically, one move a step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from accelsim.mapping.placement.arrays import Moves
from accelsim.mapping.placement.base import FloatArray

#: The quantile; a milder one where there are fewer moves per item than would mend what a hot start spoils.
_MILD, _MILDER, _FEW_MOVES = 0.1, 0.01, 50
_COOLED = 1000.0
_SAMPLES = 512
#: Moves for which random numbers are drawn at once.
_BLOCK = 1 << 16


def cooled(make: Callable[[Moves], object], rng: np.random.Generator, budget: int, width: int, items: int) -> None:
    """Anneal.

    Args:
        make: Makes moves, each unless it costs more than its limit.
        rng: Source of randomness.
        budget: Moves.
        width: Random numbers that a move takes.
        items: How many there are to move.
    """
    samples = min(_SAMPLES, budget)
    looked = Moves(rng.random((samples, width)), np.full(samples, -math.inf), np.empty(samples))
    make(looked)
    rises = looked.rises[np.isfinite(looked.rises) & (looked.rises > 0)]
    first = float(np.quantile(rises, _MILD if budget >= _FEW_MOVES * items else _MILDER)) if len(rises) else 0.0
    for start in range(0, budget, _BLOCK):
        steps = np.arange(start, min(start + _BLOCK, budget))
        heat = first * _COOLED ** (-steps / budget)
        make(drawn(rng, heat, width))


def drawn(rng: np.random.Generator, heat: FloatArray, width: int) -> Moves:
    """Moves that are kept as a system at that temperature would.

    Args:
        rng: Source of randomness.
        heat: Temperature of each, in units of the cost. float64[moves].
        width: Random numbers that a move takes.
    """
    numbers = rng.random((len(heat), width))
    limits = -heat * np.log(np.maximum(rng.random(len(heat)), 1e-300))
    return Moves(numbers, limits, np.empty(len(heat)))
