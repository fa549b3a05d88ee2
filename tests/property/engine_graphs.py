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
