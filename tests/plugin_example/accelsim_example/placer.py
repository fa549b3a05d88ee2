"""A placer: the largest items first."""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import lay_out
from accelsim.network.noc import Rectangle


@register_placer("largest_first")
def place_largest_first(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Items by falling size, in rows that turn round at the end.  ``rng`` and ``budget`` are not used."""
    order = sorted(range(len(problem.items)), key=lambda item: (-problem.items[item].tiles, item))
    return lay_out(problem, order, snake=True)
