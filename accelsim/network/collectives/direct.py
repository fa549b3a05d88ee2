"""Direct algorithms: every transfer goes straight from its source to its destination.

Fewest steps, and as many messages at once as there are other ranks: best on a switch or a full mesh while a step costs
more than the bytes. NCCL's send/recv all_to_all, the two-shot (``direct``) and one-shot all_reduce of vLLM.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.errors import ConfigError
from accelsim.network.collectives.base import OnePort, Pattern, TwoPhases, register_collective, register_phases
from accelsim.network.collectives.ring import all_to_all_chunks
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, rows_of, split_evenly


def _pairs(num_ranks: int) -> tuple[IntArray, IntArray]:
    """Sources and destinations of all ordered pairs."""
    src, dst = np.divmod(np.arange(num_ranks * num_ranks), num_ranks)
    return src[src != dst], dst[src != dst]


@register_collective("send_recv", "direct")
class DirectSendRecv(OnePort):
    """Rank 0 sends its buffer to rank 1 in one message."""

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Two ranks."""
        return math.prod(shape) == 2

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer.

        Raises:
            ConfigError: Not two ranks.
        """
        _check_pair(math.prod(shape))
        return make_schedule(2, np.array([nbytes], np.int64), [rows_of(0, 0, 1, 0, False)])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One step."""
        _check_pair(math.prod(shape))
        return (FoldedStep(nbytes, 1),)


def _check_pair(num_ranks: int) -> None:
    if num_ranks != 2:
        raise ConfigError(f"send_recv joins 2 ranks, got {num_ranks}.")


@register_phases("direct")
class Direct(TwoPhases):
    """In each phase every rank sends each other one its chunk at once; both are vLLM's "two-shot"."""

    pattern: Pattern = "pairs"

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One step per phase: chunk d to its rank d, and back to all."""
        num_ranks = math.prod(shape)
        src, dst = _pairs(num_ranks)
        blocks = [rows_of(0, src, dst, dst, True)] if self.scatters else []
        blocks += [rows_of(int(self.scatters), src, dst, src, False)] if self.gathers else []
        return make_schedule(num_ranks, split_evenly(nbytes, num_ranks), blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """All n - 1 chunks through the port in each phase."""
        num_ranks, repeat = math.prod(shape), int(self.scatters) + int(self.gathers)
        return (FoldedStep((num_ranks - 1) * -(-nbytes // num_ranks), repeat),) if num_ranks > 1 else ()


@register_collective("all_reduce", "one_shot")
class OneShotAllReduce(OnePort):
    """One step: every rank sends its whole buffer to all others, and each adds up for itself."""

    pattern: Pattern = "pairs"

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer per ordered pair."""
        num_ranks = math.prod(shape)
        src, dst = _pairs(num_ranks)
        return make_schedule(num_ranks, np.array([nbytes], np.int64), [rows_of(0, src, dst, 0, True)])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """All n - 1 buffers through the port."""
        num_ranks = math.prod(shape)
        return (FoldedStep((num_ranks - 1) * nbytes, 1),) if num_ranks > 1 else ()


class _Star(OnePort):
    reduces = False

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer between rank 0 and each other rank."""
        num_ranks = math.prod(shape)
        others = np.arange(1, num_ranks)
        rows = rows_of(0, others, 0, 0, True) if self.reduces else rows_of(0, 0, others, 0, False)
        return make_schedule(num_ranks, np.array([nbytes], np.int64), [rows])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """All n - 1 buffers through the port of rank 0."""
        num_ranks = math.prod(shape)
        return (FoldedStep((num_ranks - 1) * nbytes, 1),) if num_ranks > 1 else ()


@register_collective("broadcast", "direct")
class DirectBroadcast(_Star):
    """Rank 0 sends its buffer to every rank, at once."""


@register_collective("reduce", "direct")
class DirectReduce(_Star):
    """Every rank sends its buffer to rank 0, at once."""

    reduces = True


@register_collective("all_to_all", "direct")
class DirectAllToAll(OnePort):
    """Every rank sends each other one its chunk, all at once."""

    pattern: Pattern = "pairs"

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Chunk ``src x n + dst`` is what one rank sends another."""
        num_ranks = math.prod(shape)
        src, dst = _pairs(num_ranks)
        rows = rows_of(0, src, dst, src * num_ranks + dst, False)
        return make_schedule(num_ranks, all_to_all_chunks(nbytes, num_ranks), [rows])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """All n - 1 chunks through the port, in one step."""
        num_ranks = math.prod(shape)
        return (FoldedStep((num_ranks - 1) * -(-nbytes // num_ranks), 1),) if num_ranks > 1 else ()


@register_collective("all_to_all", "pairwise")
class PairwiseAllToAll(OnePort):
    """In step s every rank sends to the one s further on: n - 1 steps, one message at a time."""

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Chunk ``src x n + dst`` is what one rank sends another."""
        num_ranks = math.prod(shape)
        src, dst = _pairs(num_ranks)
        rows = rows_of((dst - src) % num_ranks - 1, src, dst, src * num_ranks + dst, False)
        return make_schedule(num_ranks, all_to_all_chunks(nbytes, num_ranks), [rows])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One chunk in each of n - 1 steps."""
        num_ranks = math.prod(shape)
        return (FoldedStep(-(-nbytes // num_ranks), num_ranks - 1),) if num_ranks > 1 else ()
