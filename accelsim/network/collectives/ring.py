"""Ring algorithms: each rank passes one chunk per step to the next rank.

``all_reduce`` is a reduce_scatter (n - 1 steps) followed by an all_gather (n - 1 steps) of chunks of size / n, which
moves the fewest bytes possible per rank. ``broadcast`` and ``reduce`` pass pieces along the open ring. The ranks are in
ring order here; which chips are neighbours is said where the ring is laid over a topology
(:mod:`accelsim.network.collective`).

Source:
    Patarasuk, Yuan, *Bandwidth optimal all-reduce algorithms for clusters of workstations*, JPDC 2009.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import OnePort, Pattern, TwoPhases, fold, register_collective, register_phases
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, num_pieces, rows_of, split_evenly


def ring_rows(num_ranks: int, first_step: int, scatters: bool) -> IntArray:
    """Rows of n - 1 steps of a reduce_scatter or an all_gather: in step s rank r sends chunk r - s (scatter: - 1).

    Args:
        num_ranks: n, the ranks in ring order.
        first_step: Number of the first step.
        scatters: Whether it is the reduce_scatter, whose receivers add.
    """
    step = np.arange(num_ranks - 1)[:, None]
    src = np.arange(num_ranks)[None]
    chunk = (src - step - int(scatters)) % num_ranks
    return rows_of(step + first_step, src, (src + 1) % num_ranks, chunk, scatters)


def phases(num_ranks: int, scatters: bool, gathers: bool) -> list[IntArray]:
    """A reduce_scatter, an all_gather, or one after the other.

    Args:
        num_ranks: Ranks in ring order.
        scatters: Whether there is a reduce_scatter.
        gathers: Whether there is an all_gather, behind it if so.
    """
    found = [ring_rows(num_ranks, 0, scatters=True)] if scatters else []
    return found + ([ring_rows(num_ranks, (num_ranks - 1) * int(scatters), scatters=False)] if gathers else [])


@register_phases("ring")
class Ring(TwoPhases):
    """In each phase a chunk per step goes to the next rank: n - 1 steps of size / n."""

    pattern: Pattern = "ring"

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All n (n - 1) transfers of each phase."""
        num_ranks = math.prod(shape)
        return make_schedule(num_ranks, split_evenly(nbytes, num_ranks), phases(num_ranks, self.scatters, self.gathers))

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One step per other rank and phase, all equal."""
        num_ranks = math.prod(shape)
        repeat = (num_ranks - 1) * (int(self.scatters) + int(self.gathers))
        return (FoldedStep(-(-nbytes // num_ranks), repeat),) if repeat else ()


@register_phases("bidirectional_ring")
class BidirectionalRing(Ring):
    """Half of the buffer goes round one way, half the other way, over two links of a rank."""

    topologies = frozenset({"ring", "torus"})

    def links(self, shape: tuple[int, ...]) -> int:
        """Two, or one between two ranks: there both ways round are the same link."""
        return 2 if math.prod(shape) > 2 else 1

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Chunks below n go upwards, the others downwards."""
        num_ranks = math.prod(shape)
        up = phases(num_ranks, self.scatters, self.gathers)
        down = []
        for rows in up:
            step, src, dst, chunk, reduce = rows.T
            turned = [step, -src % num_ranks, -dst % num_ranks, num_ranks + -chunk % num_ranks, reduce]
            down.append(np.stack(turned, 1))
        return make_schedule(num_ranks, split_evenly(nbytes, 2 * num_ranks), up + down)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Steps of size / 2 n over each of the two links."""
        num_ranks = math.prod(shape)
        repeat = (num_ranks - 1) * (int(self.scatters) + int(self.gathers))
        both = 2 // self.links(shape)
        return (FoldedStep(both * -(-nbytes // (2 * num_ranks)), repeat),) if repeat else ()


class _Chain(OnePort):
    """Pieces move along the ranks one after the other; a rank passes a piece on while it receives the next."""

    pattern: Pattern = "ring"
    reduces = False

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Transfers of every hop, n - 1 per piece."""
        num_ranks, pieces = math.prod(shape), num_pieces(nbytes)
        hop, piece = np.arange(num_ranks - 1)[:, None], np.arange(pieces)[None]
        src, dst = (num_ranks - 1 - hop, num_ranks - 2 - hop) if self.reduces else (hop, hop + 1)
        rows = rows_of(hop + piece, src, dst, piece, self.reduces)
        return make_schedule(num_ranks, split_evenly(nbytes, pieces), [rows])

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Steps: n - 2 fill the chain, then one per piece."""
        num_ranks, pieces = math.prod(shape), num_pieces(nbytes)
        return (FoldedStep(-(-nbytes // pieces), num_ranks - 2 + pieces),) if num_ranks > 1 else ()


@register_collective("broadcast", "ring")
class RingBroadcast(_Chain):
    """Rank 0's buffer reaches every rank along the ring."""


@register_collective("reduce", "ring")
class RingReduce(_Chain):
    """The sum reaches rank 0, from the last rank down."""

    reduces = True


@register_collective("all_to_all", "ring")
class RingAllToAll(OnePort):
    """Chunks travel round the ring to their rank; in step s a rank passes on the n - 1 - s that still have to go."""

    pattern: Pattern = "ring"

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Chunk ``src x n + dst`` is what one rank sends another."""
        num_ranks = math.prod(shape)
        ranks, blocks = np.arange(num_ranks)[:, None], []
        for step in range(num_ranks - 1):
            owner = (ranks - step) % num_ranks
            target = (owner + np.arange(step + 1, num_ranks)[None]) % num_ranks
            blocks.append(rows_of(step, ranks, (ranks + 1) % num_ranks, owner * num_ranks + target, False))
        return make_schedule(num_ranks, all_to_all_chunks(nbytes, num_ranks), blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Steps of n - 1, n - 2 ... 1 chunks."""
        num_ranks = math.prod(shape)
        return fold((num_ranks - 1 - step) * -(-nbytes // num_ranks) for step in range(num_ranks - 1))


def all_to_all_chunks(nbytes: int, num_ranks: int) -> IntArray:
    """Bytes that each rank sends each, ``nbytes`` in all per rank. int64[n x n].

    Args:
        nbytes: What each rank sends in all, its own part included.
        num_ranks: n, so that a part is about ``nbytes / n``.
    """
    return np.tile(split_evenly(nbytes, num_ranks), num_ranks)
