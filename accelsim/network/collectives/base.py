"""What a collective algorithm is: steps of transfers, in full for the engine and folded to one rank."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Literal, Protocol, TypeVar

from accelsim.cost.call import FoldedStep
from accelsim.errors import ConfigError
from accelsim.network.collectives.schedule import Schedule, merge
from accelsim.registry import Registry, did_you_mean

Pattern = Literal["any", "pairs", "ring"]


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

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """The steps of the busiest rank."""
        raise NotImplementedError


class TwoPhases(OnePort):
    """What an algorithm of two phases needs: it scatters sums, gathers results, or does one after the other.

    Args:
        scatters: Whether rank r ends the first phase with the sum of chunk r: a reduce_scatter.
        gathers: Whether every rank ends the second phase with the chunk of each: an all_gather.
    """

    def __init__(self, scatters: bool = True, gathers: bool = True) -> None:
        self.scatters, self.gathers = scatters, gathers


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


PhasesT = TypeVar("PhasesT", bound=type[TwoPhases])


def register_phases(algorithm: str) -> Callable[[PhasesT], PhasesT]:
    """Class decorator: enters each phase of an algorithm, and both as ``all_reduce``, under one name."""

    def enter(member: PhasesT) -> PhasesT:
        COLLECTIVES.add(f"reduce_scatter/{algorithm}", member(gathers=False))
        COLLECTIVES.add(f"all_gather/{algorithm}", member(scatters=False))
        COLLECTIVES.add(f"all_reduce/{algorithm}", member())
        return member

    return enter


def fold(step_bytes: Iterable[int]) -> tuple[FoldedStep, ...]:
    """Steps one after the other, equal neighbours joined.

    Examples:
        >>> fold([4, 4, 2])
        (FoldedStep(nbytes=4, repeat=2), FoldedStep(nbytes=2, repeat=1))
    """
    return tuple(FoldedStep(size, len(list(same))) for size, same in itertools.groupby(step_bytes))


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
