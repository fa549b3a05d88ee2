"""Each law is shown to fire on a timeline that breaks it, and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from accelsim.engine import TICKS_PER_S, TaskGraph, TaskGraphBuilder, Timeline, simulate
from accelsim.engine.verify import _laws_hold, verify_timeline
from accelsim.errors import VerificationError

TICK_S = 1 / TICKS_PER_S


@pytest.fixture
def graph() -> TaskGraph:
    """load (10 ticks) -> a (20) and b (20) on one core -> store (latency 2 + 5 ticks)."""
    builder = TaskGraphBuilder()
    core, hbm = builder.server("core"), builder.link("hbm", 10 * TICKS_PER_S)
    load = builder.task("load", nbytes=100, route=[hbm])
    a = builder.task("a", server=core, work_s=20 * TICK_S, after=[load])
    b = builder.task("b", server=core, work_s=20 * TICK_S, after=[load])
    builder.task("store", nbytes=50, route=[hbm], latency_s=2 * TICK_S, after=[a, b])
    return builder.build()


def changed(timeline: Timeline, column: str, index: int, value: int) -> Timeline:
    values = getattr(timeline, column).copy()
    values[index] = value
    return replace(timeline, **{column: values})


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_true_timeline_passes(graph: TaskGraph, engine: str) -> None:
    timeline = simulate(graph, engine)  # type: ignore[arg-type]
    assert _laws_hold(graph, timeline)
    assert timeline.start_ticks.tolist() == [0, 10, 30, 50]
    assert timeline.end_ticks.tolist() == [10, 30, 50, 57]
    verify_timeline(graph, timeline)


@pytest.mark.parametrize(
    ("corrupt", "message"),
    [
        (lambda t: changed(t, "start_ticks", 3, -1), "store#3 never started"),
        (lambda t: replace(t, start_ticks=t.start_ticks[:3]), "3 starts and 4 ends for 4 tasks"),
        (lambda t: replace(t, makespan_ticks=58), "the last task ends at tick 57, the makespan is 58"),
        (lambda t: changed(t, "end_ticks", 1, 29), "a#1 lasts 19 ticks, less than its work or latency"),
        (lambda t: changed(t, "start_ticks", 3, 53), "store#3 moves 50 bytes faster than its slowest link"),
        (lambda t: changed(t, "start_ticks", 1, 9), "a#1 starts before its predecessor load#0 ends"),
        (lambda t: changed(t, "start_ticks", 3, 49), "store#3 starts before its predecessor b#2 ends"),
        (lambda t: changed(t, "server_busy_ticks", 0, 39), "'core' is busy 39 ticks, its tasks 40"),
        (
            lambda t: changed(changed(t, "start_ticks", 2, 29), "server_busy_ticks", 0, 41),
            "'core' does a#1 and b#2 at once",
        ),
        (lambda t: changed(t, "link_bytes", 0, 149), "'hbm' carried 149 bytes, its tasks sent 150"),
        (lambda t: changed(t, "link_bytes", 0, 151), "'hbm' carried 151 bytes, its tasks sent 150"),
        (lambda t: changed(t, "link_busy_ticks", 0, 14), "'hbm' carried 150 bytes, its capacity allows 140.0"),
        (lambda t: changed(t, "link_busy_ticks", 0, 58), "'hbm' is busy 58 of 57 ticks"),
    ],
)
@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_broken_law_is_named(
    graph: TaskGraph, corrupt: Callable[[Timeline], Timeline], message: str, engine: str
) -> None:
    # The two engines' timelines are checked by different code: numpy, and compiled loops before it.
    with pytest.raises(VerificationError, match=message) as caught:
        verify_timeline(graph, corrupt(simulate(graph, engine)))  # type: ignore[arg-type]
    assert "bug of the engine" in str(caught.value)


def test_a_server_cannot_be_busier_than_the_run(graph: TaskGraph) -> None:
    # Two tasks at once for the whole run: busy 2 x makespan.
    builder = TaskGraphBuilder()
    core = builder.server("core")
    for name in ("a", "b"):
        builder.task(name, server=core, work_s=5 * TICK_S)
    two = builder.build()
    timeline = replace(
        simulate(two),
        start_ticks=np.zeros(2, dtype=np.int64),
        end_ticks=np.full(2, 5),
        makespan_ticks=5,
    )
    with pytest.raises(VerificationError, match="'core' is busy 10 of 5 ticks"):
        verify_timeline(two, timeline)


def test_the_compiled_loops_see_tasks_of_no_length_between_others() -> None:
    # On one server: 0..5, nothing at 5, 5..9; then a timeline with two real tasks from 5.
    builder = TaskGraphBuilder()
    core = builder.server("core")
    tasks = [builder.task("t", server=core, work_s=work * TICK_S) for work in (5, 0, 4)]
    graph = builder.build()
    timeline = simulate(graph, "compiled")
    assert timeline.start_ticks[tasks].tolist() == [0, 5, 5]
    assert _laws_hold(graph, timeline)
    longer = changed(changed(timeline, "end_ticks", 1, 6), "server_busy_ticks", 0, 10)
    with pytest.raises(VerificationError, match=r"busy 10 of 9 ticks|at once"):
        verify_timeline(graph, longer)
    assert not _laws_hold(graph, replace(longer, makespan_ticks=10))


def test_background_bytes_are_allowed_but_no_more(graph: TaskGraph) -> None:
    timeline = changed(changed(simulate(graph), "link_bytes", 0, 180), "link_busy_ticks", 0, 20)
    verify_timeline(graph, timeline, background_bytes=np.array([30]))
    with pytest.raises(VerificationError, match="carried 180 bytes"):
        verify_timeline(graph, timeline, background_bytes=np.array([29]))
