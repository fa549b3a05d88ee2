"""What a collective algorithm is: steps of transfers, in full for the engine and folded to one rank."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.registry import Registry, did_you_mean

IntArray = npt.NDArray[np.int64]


class FoldedStep(NamedTuple):
    """Equal steps of one representative rank: it sends ``nbytes`` over one link, ``repeat`` times in a row."""

    nbytes: int
    repeat: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """Every transfer of a collective as a struct of arrays, one row per chunk sent.

    The transfers of a step start when the transfers of the step before have ended on the ranks they touch.

    Attributes:
        num_ranks: Ranks of the group.
        chunk_bytes: Size of each chunk. int64[C].
        step: Step of each transfer, rising. int64[T].
        src: Rank that sends. int64[T].
        dst: Rank that receives. int64[T].
        chunk: Chunk that moves. int64[T].
        reduce: Whether the receiver adds the chunk to its own; else it replaces it. bool[T].
    """

    num_ranks: int
    chunk_bytes: IntArray
    step: IntArray
    src: IntArray
    dst: IntArray
    chunk: IntArray
    reduce: npt.NDArray[np.bool_]

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
    """

    follows_grid: bool

    def links(self, shape: tuple[int, ...]) -> int:
        """Links a rank sends over at once, alike."""
        ...

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers."""
        ...

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """The steps of one representative rank, in bytes over one link; chunks count as the largest."""
        ...


COLLECTIVES: Registry[CollectiveAlgorithm] = Registry("collective", "accelsim.network.collectives")

AlgorithmT = TypeVar("AlgorithmT", bound=type)


def register_collective(kind: str, algorithm: str) -> Callable[[AlgorithmT], AlgorithmT]:
    """Class decorator: enters an instance as ``kind/algorithm``, e.g. ``all_reduce/ring``."""

    def enter(member: AlgorithmT) -> AlgorithmT:
        COLLECTIVES.add(f"{kind}/{algorithm}", member())
        return member

    return enter


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

    Examples:
        >>> split_evenly(10, 4).tolist()
        [3, 3, 2, 2]
    """
    return np.full(parts, nbytes // parts, dtype=np.int64) + (np.arange(parts) < nbytes % parts)


def closed_form_s(steps: Iterable[FoldedStep], alpha_s: float, bandwidth_bytes_per_s: float) -> float:
    """Time of folded steps on an idle network: each is ``alpha + nbytes / bandwidth``, in seconds.

    Source:
        Thakur, Rabenseifner, Gropp, *Optimization of Collective Communication Operations in MPICH*, 2005, section 3.
    """
    return sum(step.repeat * (alpha_s + step.nbytes / bandwidth_bytes_per_s) for step in steps)
