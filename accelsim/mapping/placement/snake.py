"""Snake: items in model order, every second shelf from the right, so that neighbours in the model stay neighbours."""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import lay_out
from accelsim.network.noc import Rectangle


@register_placer("snake")
def place_snake(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Model order there and back; a baseline.  ``rng`` and ``budget`` are not used."""
    return lay_out(problem, range(len(problem.items)), snake=True)
