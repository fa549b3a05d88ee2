"""What a collective algorithm is: steps of transfers, in full for the engine and folded to one rank."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.registry import Registry, did_you_mean

IntArray = npt.NDArray[np.int64]
Pattern = Literal["any", "pairs", "ring"]


class FoldedStep(NamedTuple):
    """Equal steps of one representative rank: it sends ``nbytes`` over one link, ``repeat`` times in a row."""

    nbytes: int
    repeat: int


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


class CollectiveAlgorithm(Protocol):
    """One way to carry out one kind of collective.

    Ranks form a grid of ``shape``, last dimension fastest; an algorithm that does not follow the grid takes only their
    number from it. ``nbytes`` is the larger of a rank's send and receive buffers (the nccl-tests size).

    Attributes:
        follows_grid: Whether its transfers go to neighbours in the grid, over several links of a rank at once.
        topologies: Topologies it is made for; empty for any.
        pattern: ``ring`` if ranks send to the next one only, ``pairs`` if in every step each sends each other rank
            alike, else ``any``.
        opt_in: Whether only hardware that lists it can do it.
    """

    follows_grid: bool
    topologies: frozenset[str]
    pattern: Pattern
    opt_in: bool

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether it works on that many ranks."""
        ...

    def links(self, shape: tuple[int, ...]) -> int:
        """Links a rank sends over at once, alike."""
        ...

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers.

        Args:
            nbytes: Bytes of the buffer of each rank.
            shape: Extents of the group's grid; their product is the number of ranks.
        """
        ...

    def messages(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """The same with the chunks that one rank sends another in a step as one message, for large groups.

        Args:
            nbytes: Bytes of the buffer of each rank.
            shape: As of :meth:`schedule`.
        """
        ...

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """The steps of the busiest rank, in bytes over one link; chunks count as the largest.

        Args:
            nbytes: Bytes of the buffer of each rank.
            shape: As of :meth:`schedule`.
        """
        ...


class OnePort:
    """What most algorithms have in common: any number of ranks, any topology, one link per rank."""

    follows_grid: bool = False
    topologies: frozenset[str] = frozenset()
    pattern: Pattern = "any"
    opt_in: bool = False

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Always."""
        return True

    def links(self, shape: tuple[int, ...]) -> int:
        """One."""
        return 1

    def messages(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """The schedule with one transfer per step and pair; ``chunk`` then only stands for a size."""
        return merge(self.schedule(nbytes, shape))

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers."""
        raise NotImplementedError


COLLECTIVES: Registry[CollectiveAlgorithm] = Registry("collective", "accelsim.network.collectives")

AlgorithmT = TypeVar("AlgorithmT", bound=type)


def register_collective(kind: str, algorithm: str) -> Callable[[AlgorithmT], AlgorithmT]:
    """Class decorator: enters an instance as ``kind/algorithm``, e.g. ``all_reduce/ring``.

    Args:
        kind: Collective, e.g. ``all_reduce``.
        algorithm: Name of the algorithm, e.g. ``ring``.
    """

    def enter(member: AlgorithmT) -> AlgorithmT:
        COLLECTIVES.add(f"{kind}/{algorithm}", member())
        return member

    return enter


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


def fold(step_bytes: Iterable[int]) -> tuple[FoldedStep, ...]:
    """Steps one after the other, equal neighbours joined.

    Examples:
        >>> fold([4, 4, 2])
        (FoldedStep(nbytes=4, repeat=2), FoldedStep(nbytes=2, repeat=1))
    """
    return tuple(FoldedStep(size, len(list(same))) for size, same in itertools.groupby(step_bytes))


#: Piece of a pipelined algorithm: small enough that filling the pipeline is cheap, large against the cost of a step.
PIECE_BYTES = 2**17
MAX_PIECES = 64


def num_pieces(nbytes: int) -> int:
    """Pieces that a pipelined algorithm cuts ``nbytes`` into: of 128 KiB, at most 64 of them, at least one."""
    return min(MAX_PIECES, max(1, -(-nbytes // PIECE_BYTES)))


def algorithms_of(kind: str) -> list[str]:
    """Names of the algorithms for one kind of collective, sorted.

    Raises:
        ConfigError: No such kind.
    """
    names = [name.partition("/") for name in COLLECTIVES.names()]
    found = [algorithm for known, _, algorithm in names if known == kind]
    if not found:
        kinds = sorted({known for known, _, _ in names})
        raise ConfigError(f"unknown collective {kind!r}. Known: {', '.join(kinds)}.{did_you_mean(kind, kinds)}")
    return found


def get_algorithm(kind: str, algorithm: str) -> CollectiveAlgorithm:
    """The algorithm called ``algorithm`` for ``kind``.

    Args:
        kind: Collective, e.g. ``all_reduce``.
        algorithm: Name of the algorithm, e.g. ``ring``.

    Raises:
        ConfigError: No such kind, or no such algorithm for it.
    """
    known = algorithms_of(kind)
    if algorithm not in known:
        raise ConfigError(
            f"no algorithm {algorithm!r} for {kind}. Known: {', '.join(known)}.{did_you_mean(algorithm, known)}"
        )
    return COLLECTIVES.get(f"{kind}/{algorithm}")


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


def closed_form_s(steps: Iterable[FoldedStep], alpha_s: float, bandwidth_bytes_per_s: float) -> float:
    """Time of folded steps on an idle network: each is ``alpha + nbytes / bandwidth``, in seconds.

    Args:
        steps: Steps of the busiest rank, with the bytes of one link.
        alpha_s: Latency of a step, in seconds.
        bandwidth_bytes_per_s: Of one link.

    Source:
        Thakur, Rabenseifner, Gropp, *Optimization of Collective Communication Operations in MPICH*, 2005, section 3.
    """
    return sum(step.repeat * (alpha_s + step.nbytes / bandwidth_bytes_per_s) for step in steps)
