"""Folding in time: a chain of stages, each simulated once and repeated exactly.

Identical layers, microbatches or decode steps that follow one another are one
:class:`~accelsim.engine.series.Stage` with a repeat count.  A repetition starts when the previous one has wholly
ended, so each is the same run shifted in time; in integer ticks the sum is exact, and
:meth:`Program.unfold` with any engine gives the same makespan, bytes and busy times.

Steps that differ in sizes only are a :class:`~accelsim.engine.series.Series`: its stages are written once, and their
runs are rows of arrays.

Not modelled: overlap between repetitions.  Steps that overlap (a pipeline) belong into
one graph, see :func:`accelsim.engine.template.instantiate`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.arguments import checked_call
from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.run import EngineName
from accelsim.engine.runs import Runs
from accelsim.engine.series import InTime, Series, Stage
from accelsim.engine.stages import run_stages
from accelsim.engine.taskgraph import Int64Array, TaskGraph
from accelsim.engine.template import chain, concatenate, require_same_resources, root_tasks
from accelsim.engine.timeline import Timeline
from accelsim.engine.totals import exact_ends, total_per_resource


@checked_call("Program.of(stages)", series=Iterable)
@dataclass(frozen=True, eq=False)
class Program:
    """Series of stages one after the other, all over the same servers and links.

    Attributes:
        series: At least one; graphs with equal servers, links and capacities.

    Raises:
        TaskGraphError: There is no stage, or the stages stand on different resources.
    """

    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        first, *others = self.written
        for stage in others:
            require_same_resources(first.graph, stage.graph)

    @classmethod
    def of(cls, *stages: Stage) -> Program:
        """The stages one after the other, once.

        Raises:
            TaskGraphError: As the class.
        """
        return cls((Series(stages),))

    @property
    def written(self) -> tuple[Stage, ...]:
        """The stages of all series, each as it is written: once, with its variants."""
        return tuple(itertools.chain.from_iterable(one.stages for one in self.series))

    @property
    def stages(self) -> Sequence[Stage]:
        """All stages in order of time, each made when it is asked for."""
        return InTime(self.series, lambda series, round_, place: self.series[series].stages[place].at(round_))

    @property
    def num_tasks(self) -> int:
        """Tasks the program stands for, all repetitions counted."""
        return sum(one.rounds * stage.repeat * stage.graph.num_tasks for one in self.series for stage in one.stages)

    @property
    def num_simulated_tasks(self) -> int:
        """Tasks whose times are really computed: those of each distinct graph, in each of its variants, once."""
        return sum(stage.num_variants * stage.graph.num_tasks for stage in self.distinct_stages())

    def distinct_stages(self) -> list[Stage]:
        """A stage for each distinct graph and its variants, in order of first use."""
        return list({(stage.graph, stage.variants): stage for stage in reversed(self.written)}.values())[::-1]

    def unfold(self) -> TaskGraph:
        """Return the one graph of all repetitions, with a barrier task after each.

        For tests and traces; its size is :attr:`num_tasks`.
        """
        parts = [chain(stage.graph, stage.repeat) for stage in self.stages]
        base = np.cumsum([0] + [part.num_tasks for part in parts])
        pred: list[Int64Array] = []
        succ: list[Int64Array] = []
        for index in range(1, len(parts)):
            roots = root_tasks(parts[index]) + base[index]
            succ.append(roots)
            pred.append(np.full(len(roots), base[index] - 1))
        if not pred:
            return parts[0]
        return concatenate(parts, (np.concatenate(pred), np.concatenate(succ)))


@dataclass(frozen=True, eq=False)
class StageTimeline:
    """One repetition of a stage and when its first one starts.

    Attributes:
        stage: The stage.
        timeline: Its run, counted from 0; shared by stages that share a graph.
        start_ticks: Start of the first repetition in the program (unbounded integer).
    """

    stage: Stage
    timeline: Timeline
    start_ticks: int

    @property
    def end_ticks(self) -> int:
        """End of the last repetition."""
        return self.start_ticks + self.stage.repeat * self.timeline.makespan_ticks


@dataclass(frozen=True, eq=False)
class SeriesTimeline:
    """The runs of the stages of a series, and when it starts.

    Attributes:
        series: The series.
        runs: Of each stage, counted from 0; of one row where its rounds are alike.
        start_ticks: Start of the first round in the program (unbounded integer).
    """

    series: Series
    runs: tuple[Runs, ...]
    start_ticks: int

    @cached_property
    def _ends(self) -> list[int]:
        """End of every stage in order of time, from the start of the series on."""
        makespans = [runs.makespan_ticks for runs in self.runs]
        return exact_ends(makespans, [stage.repeat for stage in self.series.stages], self.series.rounds)

    @property
    def end_ticks(self) -> int:
        """End of the last round."""
        return self.start_ticks + self._ends[-1]

    @property
    def starts_s(self) -> npt.NDArray[np.float64]:
        """Start of every stage in order of time, in seconds from the start of the program."""
        return np.array([(self.start_ticks + before) / TICKS_PER_S for before in [0, *self._ends[:-1]]])

    def at(self, round_: int, place: int) -> StageTimeline:
        """One stage in one round.

        Args:
            round_: Which round, from 0.
            place: Which stage of the round, from 0.
        """
        stage, runs = self.series.stages[place], self.runs[place]
        before = round_ * len(self.runs) + place
        start = self.start_ticks + (self._ends[before - 1] if before else 0)
        return StageTimeline(stage.at(round_), runs.timeline(round_ if len(runs) > 1 else 0), start)


@dataclass(frozen=True, eq=False)
class ProgramTimeline:
    """The result of a program: the runs of its stages and exact totals.

    Attributes:
        series: In program order.
        makespan_ticks: End of the program; an unbounded integer, so not limited to 2.5 h.
        link_bytes: Bytes each link carried, repetitions counted. int64[L].
        link_busy_ticks: Time each link had traffic. int64[L].
        server_busy_ticks: Time each server was held. int64[S].
    """

    series: tuple[SeriesTimeline, ...]
    makespan_ticks: int
    link_bytes: Int64Array
    link_busy_ticks: Int64Array
    server_busy_ticks: Int64Array

    @property
    def stages(self) -> Sequence[StageTimeline]:
        """One timeline per stage in order of time, each made when it is asked for."""
        played = [one.series for one in self.series]
        return InTime(played, lambda series, round_, place: self.series[series].at(round_, place))

    @property
    def makespan_s(self) -> float:
        """End of the program, in seconds."""
        return self.makespan_ticks / TICKS_PER_S

    @property
    def engine(self) -> str:
        """Engine that ran the stages: that of the first."""
        return self.series[0].runs[0].engine

    @property
    def wall_s(self) -> float:
        """Wall-clock seconds of all runs, shared ones counted once."""
        return sum(runs.wall_s for runs in dict.fromkeys(runs for one in self.series for runs in one.runs))

    def repetitions(self) -> Iterator[tuple[StageTimeline, int]]:
        """Yield (stage timeline, start tick) of every repetition in order of time."""
        for stage in self.stages:
            for index in range(stage.stage.repeat):
                yield stage, stage.start_ticks + index * stage.timeline.makespan_ticks

    def __iter__(self) -> Iterator[StageTimeline]:
        return iter(self.stages)


@checked_call("run_program(result.mapped.program)", program=Program)
def run_program(program: Program, engine: EngineName = "auto", record_rates: bool = False) -> ProgramTimeline:
    """Simulate every distinct graph of a program, in each of its variants, once and add up.

    Args:
        program: The chain of stages.
        engine: ``auto`` adds up what follows one another and plays the rest, by the number of its tasks.
        record_rates: Record piecewise link rates in each stage's timeline.

    Raises:
        DeadlockError: A stage cannot finish.
        ClockOverflowError: One repetition is longer than the clock holds, or a total does not fit int64.
    """
    distinct = program.distinct_stages()
    found = run_stages(distinct, engine, record_rates)
    runs_of = {(s.graph, s.variants): runs for s, runs in zip(distinct, found, strict=True)}
    now = 0
    played: list[SeriesTimeline] = []
    for series in program.series:
        runs = tuple(runs_of[stage.graph, stage.variants] for stage in series.stages)
        played.append(SeriesTimeline(series, runs, now))
        now = played[-1].end_ticks
    counted = [
        (runs, stage.repeat * (series.rounds if stage.variants is None else 1))
        for series, one in zip(program.series, played, strict=True)
        for stage, runs in zip(series.stages, one.runs, strict=True)
    ]
    return ProgramTimeline(
        series=tuple(played),
        makespan_ticks=now,
        link_bytes=total_per_resource("link_bytes", counted),
        link_busy_ticks=total_per_resource("link_busy_ticks", counted),
        server_busy_ticks=total_per_resource("server_busy_ticks", counted),
    )
