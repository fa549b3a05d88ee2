"""Times of a stage, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.cost.causes import COLLECTIVE_LAUNCH, LINK_LATENCY
from accelsim.engine.clock import to_ticks
from accelsim.engine.series import Stage, Variants
from accelsim.engine.stages import run_stages
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
    graph = block()
    (runs,) = run_stages([Stage(graph)])
    times = stage_times(graph, runs)
    assert times.operators_s.tolist() == [[4.0, 4.0, 3.0]]  # the reduction: 2 s of waiting and two steps
    assert {cause: seconds.tolist() for cause, seconds in times.uncovered_s.items()} == {
        COLLECTIVE_LAUNCH: [4.0],  # nothing moves
        LINK_LATENCY: [0.0],
        EXPOSED_COMMUNICATION: [0.0],
        IDLE: [0.0],
    }


def test_runs_of_one_structure_are_timed_each_by_its_own_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelsim.engine.runs.ROWS_AT_ONCE", 2)  # looked at in two parts
    graph = block()
    gemm_s = np.array([[4.0], [8.0], [5.0]])
    none = np.zeros((3, 1), dtype=np.int64)
    variants = Variants(np.array([0]), to_ticks(gemm_s), none, none)
    (runs,) = run_stages([Stage(graph, variants=variants)])
    times = stage_times(graph, runs)
    assert times.operators_s.tolist() == [[4.0, 4.0, 3.0], [8.0, 4.0, 3.0], [5.0, 4.0, 3.0]]
    assert times.uncovered_s[COLLECTIVE_LAUNCH].tolist() == [4.0, 4.0, 4.0]


def test_a_stage_without_collectives_exposes_none() -> None:
    builder = TaskGraphBuilder()
    builder.server(STREAM)
    builder.server(COMM)
    builder.task("alone", 0, 5.0)
    graph = builder.build()
    (runs,) = run_stages([Stage(graph)])
    assert {cause: s.tolist() for cause, s in stage_times(graph, runs).uncovered_s.items()} == {IDLE: [0.0]}
