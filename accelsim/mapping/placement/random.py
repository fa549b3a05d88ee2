"""Random: items in a random order; the baseline every placer must beat."""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import lay_out
from accelsim.network.noc import Rectangle


@register_placer("random")
def place_random(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """One random order.

    Args:
        problem: Items, whatever they exchange.
        rng: Draws the order.
        budget: Not used, one order is drawn.
    """
    return lay_out(problem, rng.permutation(len(problem.items)).tolist(), snake=True)
