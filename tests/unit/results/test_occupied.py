"""Times of a stage, by hand."""

from __future__ import annotations

import numpy as np

from accelsim.engine.program import Program, run_program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraph, TaskGraphBuilder
from accelsim.mapping.servers import COMM, STREAM
from accelsim.results.account import EXPOSED_COMMUNICATION, IDLE
from accelsim.results.occupied import stage_times


def block() -> TaskGraph:
    """Gemm 4 s on the stream; its all-reduce, two steps of 1 s each after 2 s without a server; then an add, 3 s."""
    builder = TaskGraphBuilder()
    stream, comm = builder.server(STREAM), builder.server(COMM)
    gemm = builder.task("gemm", stream, 4.0)
    wait = builder.task("reduce", work_s=2.0, after=[gemm])
    first = builder.task("reduce", comm, 1.0, after=[wait])
    second = builder.task("reduce", comm, 1.0, after=[first])
    builder.task("add", stream, 3.0, after=[second])
    return builder.build()


def test_operators_last_from_first_start_to_last_end_and_what_the_stream_misses_is_uncovered() -> None:
    timeline = run_program(Program.of(Stage(block())))
    times = stage_times(timeline.stages)[id(timeline.stages[0].timeline)]
    assert times.operators_s == (4.0, 4.0, 3.0)  # the reduction: 2 s of waiting and two steps
    assert times.uncovered_s == {EXPOSED_COMMUNICATION: 4.0, IDLE: 0.0}


def test_stages_of_one_structure_are_timed_each_by_its_own_sizes() -> None:
    graph = block()
    longer = graph.with_sizes(graph.work_ticks * np.array([2, 1, 1, 1, 1]), graph.nbytes, graph.latency_ticks)
    other = TaskGraphBuilder()
    other.server(STREAM)
    other.server(COMM)
    other.task("alone", 0, 5.0)
    graphs = [graph, longer, other.build(), graph]
    timeline = run_program(Program.of(*(Stage(one, 3) for one in graphs)))
    times = stage_times(timeline.stages)
    found = [times[id(stage.timeline)].operators_s for stage in timeline.stages]
    assert found == [(4.0, 4.0, 3.0), (8.0, 4.0, 3.0), (5.0,), (4.0, 4.0, 3.0)]
    assert times[id(timeline.stages[2].timeline)].uncovered_s == {IDLE: 0.0}
