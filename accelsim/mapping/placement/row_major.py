"""Row-major: items in model order, every shelf from the left."""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import lay_out
from accelsim.network.noc import Rectangle


@register_placer("row_major")
def place_row_major(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Model order from left to right, top to bottom; a baseline.  ``rng`` and ``budget`` are not used."""
    return lay_out(problem, range(len(problem.items)), snake=False)
