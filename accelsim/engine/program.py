"""Folding in time: a chain of stages, each simulated once and repeated exactly.

Identical layers, microbatches or decode steps that follow one another are one
:class:`Stage` with a repeat count.  A repetition starts when the previous one has wholly
ended, so each is the same run shifted in time; in integer ticks the sum is exact, and
:meth:`Program.unfold` with any engine gives the same makespan, bytes and busy times.

Not modelled: overlap between repetitions.  Steps that overlap (a pipeline) belong into
one graph, see :func:`accelsim.engine.template.instantiate`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.engine.clock import MAX_TICKS, TICKS_PER_S, ClockOverflowError
from accelsim.engine.islands import run_side_by_side
from accelsim.engine.run import EngineName, choose_engine, simulate
from accelsim.engine.taskgraph import Int64Array, TaskGraph, TaskGraphError
from accelsim.engine.template import chain, concatenate, require_same_resources, root_tasks
from accelsim.engine.timeline import Timeline


@dataclass(frozen=True, eq=False)
class Stage:
    """One task graph, done ``repeat`` times in a row.

    Attributes:
        graph: The tasks of one repetition.
        repeat: How many repetitions, >= 1.
        name: What reports call it.
    """

    graph: TaskGraph
    repeat: int = 1
    name: str = "stage"

    def __post_init__(self) -> None:
        if self.repeat < 1:
            raise TaskGraphError(f"stage {self.name!r}: repeat must be >= 1, got {self.repeat}.")


@dataclass(frozen=True, eq=False)
class Program:
    """Stages one after the other, all over the same servers and links.

    Attributes:
        stages: At least one; graphs with equal servers, links and capacities.

    Raises:
        TaskGraphError: There is no stage, or the stages stand on different resources.
    """

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise TaskGraphError("program: needs at least one stage.")
        for stage in self.stages[1:]:
            require_same_resources(self.stages[0].graph, stage.graph)

    @property
    def num_tasks(self) -> int:
        """Tasks the program stands for, all repetitions counted."""
        return sum(stage.repeat * stage.graph.num_tasks for stage in self.stages)

    @property
    def num_simulated_tasks(self) -> int:
        """Tasks that are really simulated: each distinct graph once."""
        return sum(graph.num_tasks for graph in self.distinct_graphs())

    def distinct_graphs(self) -> list[TaskGraph]:
        """Graphs of the stages, each object once, in order of first use."""
        return list({id(stage.graph): stage.graph for stage in self.stages}.values())

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
class ProgramTimeline:
    """The result of a program: one timeline per stage and exact totals.

    Attributes:
        stages: In program order.
        makespan_ticks: End of the program; an unbounded integer, so not limited to 2.5 h.
        link_bytes: Bytes each link carried, repetitions counted. int64[L].
        link_busy_ticks: Time each link had traffic. int64[L].
        server_busy_ticks: Time each server was held. int64[S].
    """

    stages: tuple[StageTimeline, ...]
    makespan_ticks: int
    link_bytes: Int64Array
    link_busy_ticks: Int64Array
    server_busy_ticks: Int64Array

    @property
    def makespan_s(self) -> float:
        """End of the program, in seconds."""
        return self.makespan_ticks / TICKS_PER_S

    @property
    def engine(self) -> str:
        """Engine that ran the stages."""
        return self.stages[0].timeline.engine

    @property
    def wall_s(self) -> float:
        """Wall-clock seconds of all runs, shared ones counted once."""
        return sum(timeline.wall_s for timeline in {id(s.timeline): s.timeline for s in self.stages}.values())

    def repetitions(self) -> Iterator[tuple[StageTimeline, int]]:
        """Yield (stage timeline, start tick) of every repetition in order of time."""
        for stage in self.stages:
            for index in range(stage.stage.repeat):
                yield stage, stage.start_ticks + index * stage.timeline.makespan_ticks

    def __iter__(self) -> Iterator[StageTimeline]:
        return iter(self.stages)


def run_program(program: Program, engine: EngineName = "auto", record_rates: bool = False) -> ProgramTimeline:
    """Simulate every distinct graph of a program once and add up.

    Args:
        program: The chain of stages.
        engine: ``auto`` chooses by the tasks of all distinct graphs together.
        record_rates: Record piecewise link rates in each stage's timeline.

    Raises:
        DeadlockError: A stage cannot finish.
        ClockOverflowError: One repetition is longer than the clock holds, or a total does not fit int64.
    """
    chosen = choose_engine(program.num_simulated_tasks, engine)
    graphs = program.distinct_graphs()
    if chosen == "compiled" and not record_rates:
        timelines = run_side_by_side(graphs)
    else:
        timelines = [simulate(graph, chosen, record_rates) for graph in graphs]
    runs = {id(graph): timeline for graph, timeline in zip(graphs, timelines, strict=True)}
    now = 0
    stages = []
    for stage in program.stages:
        timeline = runs[id(stage.graph)]
        stages.append(StageTimeline(stage, timeline, now))
        now = stages[-1].end_ticks
    return ProgramTimeline(
        stages=tuple(stages),
        makespan_ticks=now,
        link_bytes=_total(stages, "link_bytes"),
        link_busy_ticks=_total(stages, "link_busy_ticks"),
        server_busy_ticks=_total(stages, "server_busy_ticks"),
    )


def _total(stages: list[StageTimeline], column: str) -> Int64Array:
    """Sum a per-resource column over stages, each times its repeat count."""
    repeats: Counter[int] = Counter()
    for stage in stages:
        repeats[id(stage.timeline)] += stage.stage.repeat
    values = np.stack([getattr(one, column) for one in {id(s.timeline): s.timeline for s in stages}.values()])
    counts = np.array([min(count, MAX_TICKS) for count in repeats.values()], dtype=np.int64)[:, None]
    bound = (values * counts.astype(np.float64)).sum(axis=0)
    total: Int64Array = (values * counts).sum(axis=0)
    if bound.size and float(bound.max()) >= 2.0**63:
        raise ClockOverflowError(
            f"program: the total {column} does not fit 64 bits. Report per stage, or repeat fewer times."
        )
    return total
