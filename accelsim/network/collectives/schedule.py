"""Every transfer of a collective as arrays, how they are made, and how a buffer is cut into chunks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
#: Piece of a pipelined algorithm: small enough that filling the pipeline is cheap, large against the cost of a step.
PIECE_BYTES = 2**17
MAX_PIECES = 64


@dataclass(frozen=True, eq=False)
class Schedule:
    """Every transfer of a collective as a struct of arrays, one row per chunk sent.

    The transfers of a step start when the transfers of the step before have ended on the ranks they touch.
    Participants ``num_ranks`` and up are switches, which add and copy what passes through them.

    Attributes:
        num_ranks: Ranks of the group.
        chunk_bytes: Size of each chunk. int64[C].
        step: Step of each transfer, rising. int64[T].
        src: Rank that sends. int64[T].
        dst: Rank that receives. int64[T].
        chunk: Chunk that moves. int64[T].
        reduce: Whether the receiver adds the chunk to its own; else it replaces it. bool[T].
        num_switches: Switches that take part.
    """

    num_ranks: int
    chunk_bytes: IntArray
    step: IntArray
    src: IntArray
    dst: IntArray
    chunk: IntArray
    reduce: npt.NDArray[np.bool_]
    num_switches: int = 0

    @property
    def nbytes(self) -> IntArray:
        """Bytes of each transfer. int64[T]."""
        return self.chunk_bytes[self.chunk]

    @property
    def num_steps(self) -> int:
        """Steps."""
        return int(self.step[-1]) + 1 if len(self.step) else 0


def make_schedule(
    num_ranks: int, chunk_bytes: IntArray, transfers: Iterable[npt.ArrayLike], num_switches: int = 0
) -> Schedule:
    """Schedule from tables of rows ``(step, src, dst, chunk, reduce)`` in any order.

    Args:
        num_ranks: Ranks, numbered from 0.
        chunk_bytes: Size of each chunk, by its number. int64[chunks].
        transfers: Tables of rows, int64[rows, 5]; ``reduce`` is 1 where the receiver adds.
        num_switches: Switches that send and receive too, numbered behind the ranks.
    """
    tables = [np.empty((0, 5), dtype=np.int64)]
    tables += [np.asarray(rows, dtype=np.int64).reshape(-1, 5) for rows in transfers]
    step, src, dst, chunk, reduce = (np.concatenate([table[:, column] for table in tables]) for column in range(5))
    if (np.diff(step) < 0).any():
        order = np.argsort(step, kind="stable")
        step, src, dst, chunk, reduce = (column[order] for column in (step, src, dst, chunk, reduce))
    return Schedule(num_ranks, chunk_bytes, step, src, dst, chunk, reduce.astype(bool), num_switches)


def merge(schedule: Schedule) -> Schedule:
    """``schedule`` with the chunks that one participant sends another in a step as one message.

    For the engine: the same bytes over the same links in the same steps. Chunks lose their meaning (each stands for a
    size), so that the result cannot be replayed on data.
    """
    participants = schedule.num_ranks + schedule.num_switches
    keys = (schedule.step * participants + schedule.src) * participants + schedule.dst
    if (np.diff(keys) > 0).all():  # one chunk each, in order
        sizes, of_chunk = np.unique(schedule.chunk_bytes, return_inverse=True)
        plain = np.zeros(len(keys), dtype=bool)
        chunk = of_chunk[schedule.chunk]
        return replace(schedule, chunk_bytes=sizes, chunk=chunk, reduce=plain)
    keys, which = np.unique(keys, return_inverse=True)
    sizes, chunk = np.unique(np.bincount(which, weights=schedule.nbytes).astype(np.int64), return_inverse=True)
    pairs, dst = np.divmod(keys, participants)
    step, src = np.divmod(pairs, participants)
    plain = np.zeros(len(keys), dtype=bool)
    return Schedule(schedule.num_ranks, sizes, step, src, dst, chunk, plain, schedule.num_switches)


def rows_of(
    step: npt.ArrayLike, src: npt.ArrayLike, dst: npt.ArrayLike, chunk: npt.ArrayLike, reduce: bool
) -> IntArray:
    """Transfer rows for :func:`make_schedule` from columns that broadcast against each other. int64[rows, 5].

    Args:
        step: When, from 0; transfers of one step run at once.
        src: Rank that sends.
        dst: Rank that receives.
        chunk: Number of the chunk.
        reduce: Whether the receiver adds it to what it has.
    """
    columns = np.broadcast_arrays(step, src, dst, chunk, int(reduce))
    return np.stack([column.ravel() for column in columns], 1).astype(np.int64)


def split_evenly(nbytes: int, parts: int) -> IntArray:
    """``nbytes`` cut into ``parts`` that differ by at most a byte, the larger ones first. int64[parts].

    Args:
        nbytes: What is cut, in bytes.
        parts: How many parts, at least 1.

    Examples:
        >>> split_evenly(10, 4).tolist()
        [3, 3, 2, 2]
    """
    return np.full(parts, nbytes // parts, dtype=np.int64) + (np.arange(parts) < nbytes % parts)


def num_pieces(nbytes: int) -> int:
    """Pieces that a pipelined algorithm cuts ``nbytes`` into: of 128 KiB, at most 64 of them, at least one."""
    return min(MAX_PIECES, max(1, -(-nbytes // PIECE_BYTES)))
