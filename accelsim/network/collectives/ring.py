"""Ring algorithms: each rank passes one chunk per step to the next rank.

``all_reduce`` is a reduce_scatter (n - 1 steps) followed by an all_gather (n - 1 steps) of chunks of size / n, which
moves the fewest bytes possible per rank. The ranks are in ring order here; which chips are neighbours is said where
the ring is laid over a topology (:mod:`accelsim.network.collective`).

Source:
    Patarasuk, Yuan, *Bandwidth optimal all-reduce algorithms for clusters of workstations*, JPDC 2009.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.network.collectives.base import FoldedStep, IntArray, Schedule, register_collective, split_evenly


def _ring_steps(num_ranks: int, num_steps: int, first_step: int, chunk_offset: int) -> tuple[IntArray, ...]:
    """Step, src, dst and chunk of ring steps; in step s rank r sends chunk ``r + chunk_offset - s``."""
    step = np.repeat(np.arange(num_steps, dtype=np.int64), num_ranks)
    src = np.tile(np.arange(num_ranks, dtype=np.int64), num_steps)
    return step + first_step, src, (src + 1) % num_ranks, (src + chunk_offset - step) % num_ranks


def _folded(nbytes: int, shape: tuple[int, ...], phases: int) -> tuple[FoldedStep, ...]:
    num_ranks = math.prod(shape)
    repeat = phases * (num_ranks - 1)
    return (FoldedStep(-(-nbytes // num_ranks), repeat),) if repeat else ()


class _Ring:
    follows_grid = False

    def links(self, shape: tuple[int, ...]) -> int:
        """One: the link to the next rank."""
        return 1


@register_collective("reduce_scatter", "ring")
class RingReduceScatter(_Ring):
    """Rank r ends with the sum of chunk r: n - 1 steps of size / n."""

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All n (n - 1) transfers."""
        num_ranks = math.prod(shape)
        step, src, dst, chunk = _ring_steps(num_ranks, num_ranks - 1, 0, -1)
        return Schedule(num_ranks, split_evenly(nbytes, num_ranks), step, src, dst, chunk, np.ones(len(step), bool))

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One step per other rank, all equal."""
        return _folded(nbytes, shape, 1)


@register_collective("all_gather", "ring")
class RingAllGather(_Ring):
    """Every rank ends with the chunk of each: n - 1 steps of size / n; size is that of the result."""

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All n (n - 1) transfers."""
        num_ranks = math.prod(shape)
        step, src, dst, chunk = _ring_steps(num_ranks, num_ranks - 1, 0, 0)
        return Schedule(num_ranks, split_evenly(nbytes, num_ranks), step, src, dst, chunk, np.zeros(len(step), bool))

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One step per other rank, all equal."""
        return _folded(nbytes, shape, 1)


@register_collective("all_reduce", "ring")
class RingAllReduce(_Ring):
    """Every rank ends with the sum: a reduce_scatter, then an all_gather, 2 (n - 1) steps of size / n."""

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All 2 n (n - 1) transfers."""
        num_ranks = math.prod(shape)
        scatter = _ring_steps(num_ranks, num_ranks - 1, 0, -1)
        gather = _ring_steps(num_ranks, num_ranks - 1, num_ranks - 1, 0)
        step, src, dst, chunk = (np.concatenate(pair) for pair in zip(scatter, gather, strict=True))
        reduces = step < num_ranks - 1
        return Schedule(num_ranks, split_evenly(nbytes, num_ranks), step, src, dst, chunk, reduces)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """2 (n - 1) equal steps."""
        return _folded(nbytes, shape, 2)
