"""Which steps tables, traces and reports show: all, or of a long decode the first of every slice of equally many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from accelsim.engine.program import Program, ProgramTimeline, StageTimeline
from accelsim.engine.series import Series, Stage
from accelsim.engine.taskgraph import Int64Array

#: Most rounds of a series that are shown apart.
MAX_ROUNDS = 1_000


@dataclass(frozen=True, eq=False)
class ShownStage:
    """A stage in one round, which stands for those of its slice.

    Attributes:
        index: Number of the stage in order of time, counted over all stages of the run.
        stage: What was played.
        written: The stage with its sizes in all rounds.
        round: Its round, the first of the slice.
        rounds: Rounds of the slice.
    """

    index: int
    stage: StageTimeline
    written: Stage
    round: int
    rounds: int

    def mean_sizes(self) -> tuple[Int64Array, Int64Array]:
        """Work and bytes of each task, the mean of the rounds of the slice; whole numbers where it is of one round."""
        graph, variants = self.written.graph, self.written.variants
        if self.rounds == 1 or variants is None:
            graph = self.stage.stage.graph
            return graph.work_ticks, graph.nbytes
        work, nbytes, _ = variants.sizes(graph, slice(self.round, self.round + self.rounds))
        return work.mean(axis=0), nbytes.mean(axis=0)


def first_rounds(rounds: int) -> Int64Array:
    """The first round of every slice.

    Args:
        rounds: Of the series.
    """
    return np.arange(0, rounds, rounds_of_a_slice(rounds))


def rounds_of_a_slice(rounds: int) -> int:
    """Rounds that one of them stands for; the last slice may have fewer.

    Args:
        rounds: Of the series.
    """
    return -(-rounds // MAX_ROUNDS)


def shown_stages(timeline: ProgramTimeline) -> Iterator[ShownStage]:
    """The stages that are shown, in order of time.

    Args:
        timeline: The run.
    """
    before = 0
    for played in timeline.series:
        stages, rounds = played.series.stages, played.series.rounds
        each = rounds_of_a_slice(rounds)
        for first in first_rounds(rounds).tolist():
            for place, written in enumerate(stages):
                index = before + first * len(stages) + place
                yield ShownStage(index, played.at(first, place), written, first, min(each, rounds - first))
        before += rounds * len(stages)


def shown_program(program: Program) -> Program:
    """The program cut to the rounds that are shown: the same where all are.

    Args:
        program: Of a run.
    """
    return Program(tuple(map(_cut, program.series)))


def note_of(timeline: ProgramTimeline) -> str:
    """What is left out of a long decode, as a sentence; blank where every step is shown.

    Args:
        timeline: The run.
    """
    longest = max(one.series.rounds for one in timeline.series)
    if longest <= MAX_ROUNDS:
        return ""
    each = rounds_of_a_slice(longest)
    return f"Of {longest:,} steps one of every {each:,} is shown."


def _cut(series: Series) -> Series:
    if series.rounds <= MAX_ROUNDS:
        return series
    kept = first_rounds(series.rounds)
    return Series(tuple(_cut_stage(stage, kept) for stage in series.stages), len(kept))


def _cut_stage(stage: Stage, rounds: Int64Array) -> Stage:
    if stage.variants is None:
        return stage
    sizes = {name: getattr(stage.variants, name)[rounds] for name in ("work_ticks", "nbytes", "latency_ticks")}
    return replace(stage, variants=replace(stage.variants, **sizes))
