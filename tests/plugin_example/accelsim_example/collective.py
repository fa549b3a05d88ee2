"""A collective algorithm: the all_gather of Bruck, for any number of ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import OnePort, fold, register_collective
from accelsim.network.collectives.schedule import Schedule, make_schedule, rows_of, split_evenly


@register_collective("all_gather", "bruck")
class BruckAllGather(OnePort):
    """Step ``s`` passes the chunks gathered so far, ``2**s`` at most, to the rank ``2**s`` before.

    ``ceil(log2 n)`` steps for any number of ranks; the last one carries what is left.

    Source:
        Bruck et al., *Efficient Algorithms for All-to-All Communications in Multiport Message-Passing Systems*,
        1997, section 4.
    """

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers; chunk ``r`` begins at rank ``r``."""
        num_ranks = math.prod(shape)
        ranks = np.arange(num_ranks)[:, None]
        steps = [
            rows_of(step, ranks, (ranks - distance) % num_ranks, (ranks + np.arange(count)) % num_ranks, False)
            for step, (distance, count) in enumerate(_steps(num_ranks))
        ]
        return make_schedule(num_ranks, split_evenly(nbytes, num_ranks), steps)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Chunks double from step to step; all ranks send alike."""
        num_ranks = math.prod(shape)
        return fold(-(-nbytes // num_ranks) * count for _, count in _steps(num_ranks))


def _steps(num_ranks: int) -> Iterator[tuple[int, int]]:
    """Distance and chunks of each step."""
    distance = 1
    while distance < num_ranks:
        yield distance, min(distance, num_ranks - distance)
        distance *= 2
