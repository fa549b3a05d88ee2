"""Direct algorithms: every transfer goes straight from its source to its destination."""

from __future__ import annotations

import math

import numpy as np

from accelsim.errors import ConfigError
from accelsim.network.collectives.base import FoldedStep, Schedule, register_collective


@register_collective("send_recv", "direct")
class DirectSendRecv:
    """Rank 0 sends its buffer to rank 1 in one message."""

    follows_grid = False

    def links(self, shape: tuple[int, ...]) -> int:
        """One."""
        return 1

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer.

        Raises:
            ConfigError: Not two ranks.
        """
        _check_pair(math.prod(shape))
        zero = np.zeros(1, np.int64)
        return Schedule(2, np.array([nbytes], np.int64), zero, zero, zero + 1, zero, np.zeros(1, bool))

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One step."""
        _check_pair(math.prod(shape))
        return (FoldedStep(nbytes, 1),)


def _check_pair(num_ranks: int) -> None:
    if num_ranks != 2:
        raise ConfigError(f"send_recv joins 2 ranks, got {num_ranks}.")
