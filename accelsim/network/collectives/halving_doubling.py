"""Recursive halving and doubling: partners at distance n/2, n/4 ... 1 exchange half of what is left.

log2(n) steps per phase instead of the ring's n - 1, and the same bytes; powers of two only.

Source:
    Thakur, Rabenseifner, Gropp, *Optimization of Collective Communication Operations in MPICH*, 2005, section 4.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import OnePort, TwoPhases, register_collective, register_phases
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, rows_of, split_evenly


def _bits(num_ranks: int) -> int:
    return num_ranks.bit_length() - 1


def _halving_rows(num_ranks: int, level: int, step: int) -> IntArray:
    """Every rank sends the chunks that its partner at distance n / 2^(level + 1) keeps."""
    distance = num_ranks >> (level + 1)
    ranks = np.arange(num_ranks)[:, None]
    partner = ranks ^ distance
    chunk = partner // distance * distance + np.arange(distance)[None]
    return rows_of(step, ranks, partner, chunk, True)


@register_phases("halving_doubling")
class HalvingDoubling(TwoPhases):
    """In each step of a phase a rank exchanges half of what is left with a partner: log2(n) steps."""

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Powers of two."""
        num_ranks = math.prod(shape)
        return num_ranks & (num_ranks - 1) == 0

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """The gathering half is the scattering half backwards."""
        num_ranks = math.prod(shape)
        bits = _bits(num_ranks)
        blocks = [_halving_rows(num_ranks, level, level) for level in range(bits)] if self.scatters else []
        first = bits if self.scatters else 0
        for level in reversed(range(bits)) if self.gathers else ():
            step, src, dst, chunk, _ = _halving_rows(num_ranks, level, first + bits - 1 - level).T
            blocks.append(rows_of(step, dst, src, chunk, False))
        return make_schedule(num_ranks, split_evenly(nbytes, num_ranks), blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Chunks halve from n / 2 to 1, and back."""
        num_ranks = math.prod(shape)
        chunk_bytes = -(-nbytes // num_ranks)
        halves = [FoldedStep(chunk_bytes * (num_ranks >> (level + 1)), 1) for level in range(_bits(num_ranks))]
        return tuple((halves if self.scatters else []) + (halves[::-1] if self.gathers else []))


class _Binomial(OnePort):
    """Rank 0 reaches 1, both reach 2 and 3, and so on: ceil(log2 n) steps of the whole buffer."""

    reduces = False

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """One transfer to each other rank."""
        num_ranks = math.prod(shape)
        steps = max(0, num_ranks - 1).bit_length()
        blocks = []
        for step in range(steps):
            src = np.arange(min(1 << step, num_ranks - (1 << step)))
            dst = src + (1 << step)
            at = steps - 1 - step if self.reduces else step
            blocks.append(rows_of(at, dst, src, 0, True) if self.reduces else rows_of(at, src, dst, 0, False))
        return make_schedule(num_ranks, np.array([nbytes], np.int64), blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Equal steps, ceil(log2 n) of them."""
        steps = max(0, math.prod(shape) - 1).bit_length()
        return (FoldedStep(nbytes, steps),) if steps else ()


@register_collective("broadcast", "binomial")
class BinomialBroadcast(_Binomial):
    """Rank 0's buffer reaches every rank."""


@register_collective("reduce", "binomial")
class BinomialReduce(_Binomial):
    """The sum reaches rank 0."""

    reduces = True
