"""Stages that are done in turn, round after round, in which only sizes of tasks change.

The steps of a decode are such a series: one structure, and columns with what differs from one step to the next.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, overload

import numpy as np

from accelsim.engine.taskgraph import Int64Array, TaskGraph, TaskGraphError

ItemT = TypeVar("ItemT")
_SIZES = ("work_ticks", "nbytes", "latency_ticks")


@dataclass(frozen=True, eq=False)
class Variants:
    """Sizes of some tasks of a graph in each of V variants; the other tasks are alike in all.

    Attributes:
        tasks: The K tasks that differ. int64[K].
        work_ticks: Their work. int64[V, K].
        nbytes: Their bytes. int64[V, K].
        latency_ticks: Their latencies. int64[V, K].

    Raises:
        TaskGraphError: The columns do not have one shape ``[V, K]`` with V >= 1.
    """

    tasks: Int64Array
    work_ticks: Int64Array
    nbytes: Int64Array
    latency_ticks: Int64Array

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in _SIZES}
        if shapes != {(len(self), len(self.tasks))} or not len(self):
            raise TaskGraphError(f"variants of {len(self.tasks)} tasks: columns have shapes {sorted(shapes)}.")

    def __len__(self) -> int:
        return len(self.work_ticks)

    def sizes(self, graph: TaskGraph, variants: slice = slice(None)) -> tuple[Int64Array, Int64Array, Int64Array]:
        """Work, bytes and latencies of all tasks of a graph in some variants. int64[V, T] each.

        Args:
            graph: The tasks; those whose sizes do not vary keep theirs.
            variants: Which variants; default: all.
        """
        work, nbytes, latency = (self._spread(getattr(graph, n), getattr(self, n)[variants]) for n in _SIZES)
        return work, nbytes, latency

    def _spread(self, common: Int64Array, own: Int64Array) -> Int64Array:
        column = np.tile(common, (len(own), 1))
        column[:, self.tasks] = own
        return column

    def at(self, graph: TaskGraph, variant: int) -> TaskGraph:
        """The graph with the sizes of one variant.

        Args:
            graph: The tasks; those whose sizes do not vary keep theirs.
            variant: Which one, from 0.
        """
        work, nbytes, latency = self.sizes(graph, slice(variant, variant + 1))
        return graph.with_sizes(work[0], nbytes[0], latency[0])


@dataclass(frozen=True, eq=False)
class Stage:
    """One task graph, done ``repeat`` times in a row.

    Attributes:
        graph: The tasks of one repetition.
        repeat: How many repetitions, >= 1.
        name: What reports call it.
        variants: Sizes in each round of a series; None if all rounds are alike.
    """

    graph: TaskGraph
    repeat: int = 1
    name: str = "stage"
    variants: Variants | None = None

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise TaskGraphError(f"stage {self.name!r}: repeat must be >= 1, got {self.repeat}.")

    @property
    def num_variants(self) -> int:
        """Runs of different sizes; 1 if all rounds are alike."""
        return 1 if self.variants is None else len(self.variants)

    def at(self, round_: int) -> Stage:
        """The stage as it is in one round."""
        if self.variants is None:
            return self
        return replace(self, graph=self.variants.at(self.graph, round_), variants=None)


@dataclass(frozen=True, eq=False)
class Series:
    """Stages one after the other, all of that ``rounds`` times.

    Attributes:
        stages: At least one.
        rounds: How often, >= 1.

    Raises:
        TaskGraphError: There is no stage, or variants are not one per round.
    """

    stages: tuple[Stage, ...]
    rounds: int = 1

    def __post_init__(self) -> None:
        if not self.stages:
            raise TaskGraphError("program: needs at least one stage.")
        for stage in self.stages:
            if stage.variants is not None and len(stage.variants) != self.rounds:
                raise TaskGraphError(
                    f"stage {stage.name!r}: {len(stage.variants)} variants in a series of {self.rounds} rounds."
                )


class InTime(Sequence[ItemT]):
    """What series stand for, stage after stage; each item is made when it is asked for.

    Args:
        series: In order.
        item: Makes an item from the numbers of a series, a round and a stage.
    """

    def __init__(self, series: Sequence[Series], item: Callable[[int, int, int], ItemT]) -> None:
        self._widths = [len(one.stages) for one in series]
        self._ends = np.cumsum([len(one.stages) * one.rounds for one in series]).tolist()
        self._item = item

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ItemT]: ...
    def __getitem__(self, index: int | slice) -> ItemT | Sequence[ItemT]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        series = bisect_right(self._ends, at)
        begin = self._ends[series - 1] if series else 0
        return self._item(series, *divmod(at - begin, self._widths[series]))
