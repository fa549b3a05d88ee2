"""Critical paths short enough to follow by hand."""

import numpy as np
import pytest

from accelsim.engine.run import simulate
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.results.path import CONTENTION, critical_parts


def test_the_path_takes_the_longer_branch_and_sums_to_the_makespan():
    # load 1 ms -> {short 1 ms on a, long 3 ms on b} -> join 2 ms on a: 1 + 3 + 2 = 6 ms; short is not on the path.
    builder = TaskGraphBuilder()
    a, b = builder.server("a"), builder.server("b")
    load = builder.task("load", a, 1e-3)
    short = builder.task("short", a, 1e-3, after=[load])
    long = builder.task("long", b, 3e-3, after=[load])
    builder.task("join", a, 2e-3, after=[short, long])
    graph = builder.build()
    timeline = simulate(graph, "simpy")
    parts = critical_parts(graph, timeline, {"compute": np.array([1e-3, 1e-3, 3e-3, 2e-3])}, "b", repeat=2)
    assert {(p.operator, p.resource): p.time_s for p in parts} == pytest.approx(
        {("load", "a"): 2e-3, ("long", "b"): 6e-3, ("join", "a"): 4e-3}
    )


def test_waiting_for_a_busy_server_goes_through_the_task_that_held_it():
    builder = TaskGraphBuilder()
    a = builder.server("a")
    builder.task("first", a, 2e-3)
    builder.task("second", a, 1e-3)
    graph = builder.build()
    timeline = simulate(graph, "simpy")
    parts = critical_parts(graph, timeline, {"compute": np.array([2e-3, 1e-3])}, "b")
    assert {p.operator: p.time_s for p in parts} == pytest.approx({"first": 2e-3, "second": 1e-3})


def test_time_the_engine_added_on_a_shared_link_is_contention():
    # Two transfers of 1 MB over one link of 1 GB/s: each alone 1 ms, together 2 ms.
    builder = TaskGraphBuilder()
    link = builder.link("l", 1e9)
    for name in ("x", "y"):
        builder.task(name, None, nbytes=10**6, route=[link])
    graph = builder.build()
    timeline = simulate(graph, "simpy")
    parts = critical_parts(graph, timeline, {"hbm": np.array([1e-3, 1e-3])}, "b")
    assert {(p.cause, p.resource): p.time_s for p in parts} == pytest.approx(
        {("hbm", "l"): 1e-3, (CONTENTION, "l"): 1e-3}
    )
