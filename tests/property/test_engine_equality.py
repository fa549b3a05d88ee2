"""Both engines deliver one timeline: every start, end, byte, busy tick and rate, bit by bit."""

from __future__ import annotations

import numpy as np
from engine_graphs import Shape, mesh_traffics, random_graph, shapes, small_graphs
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accelsim.engine import TaskGraph, Timeline, make_task_graph, simulate

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def assert_same(left: Timeline, right: Timeline) -> None:
    np.testing.assert_array_equal(left.start_ticks, right.start_ticks)
    np.testing.assert_array_equal(left.end_ticks, right.end_ticks)
    np.testing.assert_array_equal(left.link_bytes, right.link_bytes)
    np.testing.assert_array_equal(left.link_busy_ticks, right.link_busy_ticks)
    np.testing.assert_array_equal(left.server_busy_ticks, right.server_busy_ticks)
    assert left.makespan_ticks == right.makespan_ticks
    assert left.digest() == right.digest()


def assert_engines_agree(graph: TaskGraph) -> None:
    assert_same(simulate(graph, "simpy", record_rates=True), simulate(graph, "compiled", record_rates=True))


@given(small_graphs())
@settings(RELAXED, max_examples=300)
def test_engines_agree_on_small_graphs(graph: TaskGraph) -> None:
    assert_engines_agree(graph)


@given(shapes(max_tasks=300))
@settings(RELAXED, max_examples=60)
def test_engines_agree_on_random_graphs(shape: Shape) -> None:
    assert_engines_agree(random_graph(shape))


@given(shapes(max_tasks=3000))
@settings(RELAXED, max_examples=8)
@example(Shape(3000, 12, 16, 8, 3, ties=True, seed=1))
@example(Shape(3000, 3, 4, 2, 1, ties=False, seed=2))
def test_engines_agree_on_thousands_of_tasks(shape: Shape) -> None:
    assert_engines_agree(random_graph(shape))


@given(st.integers(0, 2**32 - 1), st.integers(3, 40), st.integers(20, 200))
@settings(RELAXED, max_examples=40)
def test_engines_agree_on_long_routes_over_equal_links(seed: int, num_links: int, num_tasks: int) -> None:
    # Equal capacities make equal shares: many links fill at one level.
    rng = np.random.default_rng(seed)
    hops = rng.integers(1, min(num_links, 9) + 1, num_tasks)
    graph = make_task_graph(
        num_tasks,
        nbytes=rng.integers(1, 2000, num_tasks),
        latency_ticks=rng.integers(0, 30, num_tasks),
        route_ptr=np.concatenate([[0], np.cumsum(hops)]),
        route_link=np.concatenate([rng.choice(num_links, count, replace=False) for count in hops]),
        capacity_bytes_per_s=rng.choice([1e15, 3e15, 1e14], num_links),
    )
    assert_engines_agree(graph)


@given(mesh_traffics())
@settings(RELAXED, max_examples=60)
def test_engines_agree_on_meshes_where_transfers_come_and_go(graph: TaskGraph) -> None:
    # The compiled engine touches the few flows whose level changes, SimPy fills whole components; rates are recorded.
    assert_engines_agree(graph)


@given(shapes(max_tasks=200))
@settings(RELAXED, max_examples=40)
def test_recorded_rates_integrate_to_the_bytes_of_each_link(shape: Shape) -> None:
    graph = random_graph(shape)
    timeline = simulate(graph, "compiled", record_rates=True)
    rates = timeline.rates
    assert rates is not None
    moved = np.zeros(graph.num_links)
    np.add.at(moved, rates.link, rates.bytes_per_s * (rates.end_ticks - rates.start_ticks) / 1e15)
    # A flow ends on a whole tick, so the fluid may overshoot by less than a tick at the link's capacity.
    flows_on_link = np.bincount(graph.route_link, minlength=graph.num_links)
    slack = flows_on_link * graph.capacity_bytes_per_s / 1e15 + 1e-6 * timeline.link_bytes + 1e-9
    assert (moved >= timeline.link_bytes - 1e-6 * timeline.link_bytes - 1e-6).all()
    assert (moved <= timeline.link_bytes + slack).all()
    assert (rates.bytes_per_s <= graph.capacity_bytes_per_s[rates.link] * (1 + 1e-12)).all()


@given(shapes(max_tasks=200))
@settings(RELAXED, max_examples=40)
def test_makespan_is_not_below_any_bound(shape: Shape) -> None:
    graph = random_graph(shape)
    timeline = simulate(graph, "compiled")
    assert timeline.makespan_ticks >= critical_path_ticks(graph)
    busy = np.bincount(graph.server[graph.server >= 0], weights=graph.work_ticks[graph.server >= 0])
    assert timeline.makespan_ticks >= busy.max(initial=0)
    drain_ticks = timeline.link_bytes / (graph.capacity_bytes_per_s / 1e15)
    assert timeline.makespan_ticks >= drain_ticks.max() * (1 - 1e-9)


def critical_path_ticks(graph: TaskGraph) -> float:
    """Longest chain when nothing is shared and no server is waited for; plain recursion on the definition."""
    ends: dict[int, float] = {}

    def end(task: int) -> float:
        if task not in ends:
            start = max((end(int(p)) for p in graph.predecessors(task)), default=0.0)
            route = graph.route(task)
            slowest = graph.capacity_bytes_per_s[route].min() / 1e15 if len(route) else np.inf
            transfer = graph.nbytes[task] / slowest * (1 - 1e-9)
            ends[task] = start + max(graph.work_ticks[task], graph.latency_ticks[task] + transfer)
        return ends[task]

    return max(end(task) for task in range(graph.num_tasks))
