"""Random task graphs for the properties of the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from accelsim.engine import TaskGraph, TaskGraphBuilder, make_task_graph


@dataclass(frozen=True)
class Shape:
    """What kind of random graph: its size, and whether numbers are small enough to tie often."""

    num_tasks: int
    num_servers: int
    num_links: int
    max_hops: int
    max_predecessors: int
    ties: bool
    seed: int


def shapes(max_tasks: int) -> st.SearchStrategy[Shape]:
    return st.builds(
        Shape,
        num_tasks=st.integers(1, max_tasks),
        num_servers=st.integers(1, 12),
        num_links=st.integers(1, 16),
        max_hops=st.integers(0, 8),
        max_predecessors=st.integers(0, 4),
        ties=st.booleans(),
        seed=st.integers(0, 2**32 - 1),
    )


def random_graph(shape: Shape) -> TaskGraph:
    """Zero work, zero bytes, empty routes, ties and priorities all occur; ids are not in topological order."""
    rng = np.random.default_rng(shape.seed)
    size = shape.num_tasks
    largest = 4 if shape.ties else 10**7
    order = rng.permutation(size)
    hops = np.minimum(rng.integers(0, shape.max_hops + 1, size), shape.num_links)
    routes = [rng.choice(shape.num_links, count, replace=False) for count in hops]
    rank = np.argsort(order)
    preds = [order[rng.integers(0, max(rank[i], 1), rng.integers(0, shape.max_predecessors + 1))] for i in range(size)]
    preds = [p if rank[i] else p[:0] for i, p in enumerate(preds)]
    capacity = rng.integers(1, 4, shape.num_links) if shape.ties else rng.uniform(0.01, 30.0, shape.num_links)
    return make_task_graph(
        size,
        server=rng.integers(-1, shape.num_servers, size),
        work_ticks=rng.integers(0, largest, size) * (rng.random(size) < 0.7),
        nbytes=rng.integers(0, largest, size) * (rng.random(size) < 0.8),
        latency_ticks=rng.integers(0, largest, size) * (rng.random(size) < 0.4),
        priority=rng.integers(-1, 2, size),
        route_ptr=np.concatenate([[0], np.cumsum(hops)]),
        route_link=np.concatenate(routes).astype(np.int32),
        pred_ptr=np.concatenate([[0], np.cumsum([len(p) for p in preds])]),
        pred_task=np.concatenate(preds).astype(np.int32),
        servers=shape.num_servers,
        capacity_bytes_per_s=capacity * 1e15,
    )


@st.composite
def small_graphs(draw: st.DrawFn) -> TaskGraph:
    """Graphs drawn number by number, so that a failure shrinks to something a person can read."""
    builder = TaskGraphBuilder()
    servers = [builder.server(f"s{i}") for i in range(draw(st.integers(1, 3)))]
    capacities = draw(st.lists(st.sampled_from([1.0, 2.0, 3.0, 0.3, 7.7]), min_size=1, max_size=4))
    links = [builder.link(f"l{i}", capacity * 1e15) for i, capacity in enumerate(capacities)]
    for task in range(draw(st.integers(1, 12))):
        builder.task(
            f"t{task}",
            server=draw(st.one_of(st.none(), st.sampled_from(servers))),
            work_s=draw(st.integers(0, 5)) * 1e-15,
            nbytes=draw(st.integers(0, 9)),
            route=draw(st.lists(st.sampled_from(links), unique=True)),
            latency_s=draw(st.integers(0, 3)) * 1e-15,
            priority=draw(st.integers(0, 1)),
            after=draw(st.lists(st.integers(0, task - 1), max_size=3, unique=True)) if task else (),
        )
    return builder.build()


@dataclass(frozen=True)
class Traffic:
    """Transfers between random nodes of a mesh: how many, over how many ticks they begin, and which numbers tie."""

    side: int
    num_tasks: int
    window_ticks: int
    equal_sizes: bool
    equal_capacities: bool
    seed: int


def mesh_traffics() -> st.SearchStrategy[TaskGraph]:
    return st.builds(
        Traffic,
        side=st.integers(2, 6),
        num_tasks=st.integers(1, 150),
        window_ticks=st.sampled_from([1, 100, 10_000]),
        equal_sizes=st.booleans(),
        equal_capacities=st.booleans(),
        seed=st.integers(0, 2**32 - 1),
    ).map(mesh_traffic)


def mesh_traffic(traffic: Traffic) -> TaskGraph:
    """The transfers, first along x, then along y; link ``4 * node + direction``."""
    rng = np.random.default_rng(traffic.seed)
    side, size = traffic.side, traffic.num_tasks
    routes = [_mesh_route(side, *rng.integers(0, side * side, 2).tolist()) for _ in range(size)]
    capacity = np.full(4 * side * side, 10) if traffic.equal_capacities else rng.integers(1, 30, 4 * side * side)
    return make_task_graph(
        size,
        nbytes=1000 if traffic.equal_sizes else rng.integers(1, 4000, size),
        latency_ticks=rng.integers(0, traffic.window_ticks, size),
        route_ptr=np.concatenate([[0], np.cumsum([len(route) for route in routes])]),
        route_link=np.concatenate([np.array(route, dtype=np.int32) for route in routes]),
        capacity_bytes_per_s=capacity * 1e15,
    )


def _mesh_route(side: int, source: int, target: int) -> list[int]:
    route = []
    for step, along in ((1, lambda node: node % side), (side, lambda node: node // side)):
        while along(source) != along(target):
            is_up = along(target) > along(source)
            route.append(4 * source + 2 * (step > 1) + is_up)
            source += step if is_up else -step
    return route
