"""Serial graphs are added up to the tick of the engine, and a series of variants is its graphs one by one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from engine_graphs import Shape, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import (
    NO_SERVER,
    Program,
    Series,
    Stage,
    TaskGraph,
    Variants,
    make_task_graph,
    run_program,
    simulate,
)
from accelsim.engine.serial import run_serial, serial_order
from accelsim.engine.stages import run_stages


def one_server_graph(seed: int) -> TaskGraph:
    """Tasks of one server with random dependencies, priorities and sizes, of which many are 0; few lack the server."""
    rng = np.random.default_rng(seed)
    size, links = int(rng.integers(1, 14)), 3
    largest = 3 if seed % 2 else 10**7
    order = rng.permutation(size)
    rank = np.argsort(order)
    preds = [np.unique(order[rng.integers(0, max(rank[i], 1), rng.integers(0, 4))][: rank[i]]) for i in range(size)]
    hops = rng.integers(0, links + 1, size)
    return make_task_graph(
        size,
        server=np.where(rng.random(size) < 0.1, NO_SERVER, 0),
        work_ticks=rng.integers(0, largest, size) * (rng.random(size) < 0.8),
        nbytes=rng.integers(0, largest, size) * (rng.random(size) < 0.6),
        latency_ticks=rng.integers(0, largest, size) * (rng.random(size) < 0.4),
        priority=rng.integers(0, 2, size) * (seed % 3 == 0),
        route_ptr=np.concatenate([[0], np.cumsum(hops)]),
        route_link=np.concatenate([rng.choice(links, count, replace=False) for count in hops]).astype(np.int32),
        pred_ptr=np.concatenate([[0], np.cumsum([len(p) for p in preds])]),
        pred_task=np.concatenate(preds).astype(np.int32),
        servers=1,
        capacity_bytes_per_s=rng.uniform(0.01, 30.0, links) * 1e15,
    )


def shuffled_sizes(graph: TaskGraph, seed: int, variants: int) -> Variants:
    """Each variant with the sizes of the graph dealt out anew among half of its tasks."""
    rng = np.random.default_rng(seed)
    tasks = np.sort(rng.permutation(graph.num_tasks)[: -(-graph.num_tasks // 2)])
    columns = [
        np.stack([rng.permutation(getattr(graph, name)[tasks]) for _ in range(variants)])
        for name in ("work_ticks", "nbytes", "latency_ticks")
    ]
    return Variants(tasks, *columns)


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(deadline=None, max_examples=300)
def test_what_is_added_up_is_what_the_engine_plays(seed: int, variants: int) -> None:
    graph = one_server_graph(seed)
    order = serial_order(graph)
    if order is None:
        return
    sizes = shuffled_sizes(graph, seed, variants)
    runs = run_serial(graph, sizes.sizes(graph), order)
    if runs is None:
        return
    for variant in range(variants):
        assert runs.timeline(variant).digest() == simulate(sizes.at(graph, variant), "simpy").digest()


def test_most_graphs_of_one_server_are_added_up() -> None:
    graphs = [one_server_graph(seed) for seed in range(200)]
    orders = [serial_order(graph) for graph in graphs]
    assert sum(order is not None for order in orders) > 100


@given(st.integers(0, 10**6))
@settings(deadline=None, max_examples=60)
def test_a_random_graph_is_added_up_only_where_the_engine_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    graph = random_graph(Shape(int(rng.integers(1, 7)), 2, 2, 2, 3, ties=True, seed=seed))
    (runs,) = run_stages([Stage(graph)])
    assert runs.timeline(0).digest() == simulate(graph, "simpy").digest()


@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(["auto", "simpy", "compiled"]))
@settings(deadline=None, max_examples=30)
def test_a_series_is_its_rounds_one_after_the_other(seed: int, rounds: int, engine: str) -> None:
    shape = Shape(12, 2, 3, 2, 2, ties=seed % 2 == 0, seed=seed)
    varying = random_graph(shape)
    other = random_graph(Shape(5, 2, 3, 2, 2, ties=True, seed=seed + 1))
    steady = dataclasses.replace(other, capacity_bytes_per_s=varying.capacity_bytes_per_s)
    sizes = shuffled_sizes(varying, seed, rounds)
    series = Series((Stage(steady, 3, "steady"), Stage(varying, 2, "varying", sizes)), rounds)
    program = Program((series, Series((Stage(steady, 1, "last"),))))
    alone = Program.of(*(stage for stage in program.stages))
    together, apart = run_program(program, engine), run_program(alone, "simpy")  # type: ignore[arg-type]
    assert together.makespan_ticks == apart.makespan_ticks
    for column in ("link_bytes", "link_busy_ticks", "server_busy_ticks"):
        assert getattr(together, column).tolist() == getattr(apart, column).tolist()
    assert len(together.stages) == len(apart.stages) == 2 * rounds + 1
    for one, other in zip(together.stages, apart.stages, strict=True):
        assert (one.start_ticks, one.end_ticks, one.stage.name) == (
            other.start_ticks,
            other.end_ticks,
            other.stage.name,
        )
        assert one.timeline.digest() == other.timeline.digest()
    assert program.num_simulated_tasks == 5 + 12 * rounds
    assert program.num_tasks == alone.num_tasks


def test_two_servers_at_once_are_not_serial_and_one_after_the_other_are() -> None:
    both = make_task_graph(2, server=[0, 1], work_ticks=[3, 4], servers=2)
    assert serial_order(both) is None
    chained = make_task_graph(2, server=[0, 1], work_ticks=[3, 4], servers=2, pred_ptr=[0, 0, 1], pred_task=[0])
    order = serial_order(chained)
    assert order is not None
    assert order.tasks.tolist() == [0, 1]


def test_a_task_of_no_length_before_others_that_wait_is_left_to_the_engine() -> None:
    # 0 ends at once and makes 1 ready at tick 0, when 2 waits since tick 0 too: the lower id goes first.
    # If 0 takes a tick, 2 has waited longer than 1.
    edges = {"pred_ptr": [0, 0, 1, 1], "pred_task": [0], "servers": 1, "server": [0, 0, 0]}
    order = serial_order(make_task_graph(3, work_ticks=[1, 1, 1], **edges))
    assert order is not None
    assert order.tasks.tolist() == [0, 2, 1]
    graph = make_task_graph(3, work_ticks=[0, 1, 1], **edges)
    assert run_serial(graph, [c[None] for c in (graph.work_ticks, graph.nbytes, graph.latency_ticks)], order) is None
    assert run_stages([Stage(graph)])[0].start_ticks.tolist() == [[0, 0, 1]]


def test_transfers_alone_take_whole_ticks_of_their_slowest_link() -> None:
    # 7 bytes at 2 bytes per tick: 3.5, rounded up to 4 after a latency of 5; work of 8 is shorter.
    graph = make_task_graph(
        1,
        server=[0],
        work_ticks=[8],
        nbytes=[7],
        latency_ticks=[5],
        route_ptr=[0, 2],
        route_link=[0, 1],
        servers=1,
        capacity_bytes_per_s=[3e15, 2e15],
    )
    (runs,) = run_stages([Stage(graph)])
    assert (runs.engine, runs.makespan_ticks.tolist()) == ("serial", [9])
    assert (runs.link_busy_ticks.tolist(), runs.link_bytes.tolist()) == ([[4, 4]], [[7, 7]])


def test_variants_of_other_shapes_or_another_number_than_the_rounds_are_refused() -> None:
    column = np.ones((2, 1), dtype=np.int64)
    with pytest.raises(ValueError, match="variants of 2 tasks"):
        Variants(np.array([0, 1]), column, column, column)
    with pytest.raises(ValueError, match="2 variants in a series of 3 rounds"):
        Series((Stage(make_task_graph(1), variants=Variants(np.array([0]), column, column, column)),), 3)
