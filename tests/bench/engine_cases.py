"""The graphs the engine is measured on; all built by numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.engine import (
    CrossEdges,
    NumberedNames,
    Program,
    Resources,
    Stage,
    TaskGraph,
    instantiate,
    make_task_graph,
)

Int64Array = npt.NDArray[np.int64]

LINK_BYTES_PER_S = 50e9
LATENCY_TICKS = 500_000_000
MESSAGE_BYTES = 1 << 20


def server_tasks(num_tasks: int, num_servers: int = 1000) -> TaskGraph:
    """Random work on random servers; each task waits for two of the layer before it."""
    rng = np.random.default_rng(0)
    task = np.arange(num_tasks)
    later = task > num_servers
    preds = np.stack([task - num_servers, task - num_servers - 1], axis=1)[later]
    return make_task_graph(
        num_tasks,
        server=rng.integers(0, num_servers, num_tasks, dtype=np.int32),
        work_ticks=rng.integers(1, 10**9, num_tasks),
        pred_ptr=np.concatenate([[0], np.cumsum(2 * later)]),
        pred_task=preds.ravel(),
        servers=num_servers,
    )


def shared_transfers(num_tasks: int, num_links: int = 64, flows_per_link: int = 4) -> TaskGraph:
    """Random transfers, each over one random link, about ``flows_per_link`` at once on each."""
    rng = np.random.default_rng(0)
    window = num_links * flows_per_link
    task = np.arange(num_tasks)
    later = task >= window
    return make_task_graph(
        num_tasks,
        nbytes=rng.integers(1, MESSAGE_BYTES, num_tasks),
        route_link=rng.integers(0, num_links, num_tasks, dtype=np.int32),
        pred_ptr=np.concatenate([[0], np.cumsum(later)]),
        pred_task=task[later] - window,
        capacity_bytes_per_s=np.full(num_links, LINK_BYTES_PER_S),
    )


def mixed_tasks(num_tasks: int) -> TaskGraph:
    """Rooflines: server tasks that also move bytes over one of 256 links shared by four servers each."""
    graph = server_tasks(num_tasks, num_servers=1024)
    rng = np.random.default_rng(1)
    return replace(
        graph,
        nbytes=rng.integers(0, 200_000, num_tasks),
        route_ptr=np.arange(num_tasks + 1),
        route_link=graph.server // 4,
        links=NumberedNames("link", 256),
        capacity_bytes_per_s=np.full(256, LINK_BYTES_PER_S),
    )


def _ring_step(ranks: int, nbytes: int) -> TaskGraph:
    return make_task_graph(
        ranks,
        nbytes=nbytes,
        latency_ticks=LATENCY_TICKS,
        route_link=np.arange(ranks),
        capacity_bytes_per_s=np.full(ranks, LINK_BYTES_PER_S),
    )


def ring_all_reduce(ranks: int) -> TaskGraph:
    """Every step of every rank: 2 (n - 1) n transfers, each after the previous step's receive."""
    steps = 2 * (ranks - 1)
    step, rank = np.arange(1, steps)[:, None], np.arange(ranks)[None, :]
    edges = CrossEdges(step - 1, (rank - 1) % ranks, step, rank)
    return instantiate(_ring_step(ranks, -(-MESSAGE_BYTES // ranks)), steps, cross_edges=edges)


def ring_all_reduce_folded(ranks: int) -> Program:
    """The same with one rank standing for all and one step for all."""
    return Program.of(Stage(_ring_step(1, -(-MESSAGE_BYTES // ranks)), repeat=2 * (ranks - 1)))


def torus_all_reduce(side: int) -> TaskGraph:
    """Reduce-scatter along x, y, z, then all-gather along z, y, x, on a ``side``^3 torus of rings."""
    nodes = side**3
    coordinates = np.stack(np.unravel_index(np.arange(nodes), (side,) * 3))
    axes = np.repeat([0, 1, 2, 2, 1, 0], side - 1)
    shard = np.array([MESSAGE_BYTES // side ** (axis + 1) for axis in range(3)])
    steps = len(axes)
    before = []
    for axis in range(3):
        shifted = coordinates.copy()
        shifted[axis] = (shifted[axis] - 1) % side
        before.append(np.ravel_multi_index(tuple(shifted), (side,) * 3))
    template = make_task_graph(
        nodes,
        latency_ticks=LATENCY_TICKS,
        nbytes=1,
        route_link=np.arange(nodes),
        capacity_bytes_per_s=np.full(nodes, LINK_BYTES_PER_S),
    )
    step, node = np.arange(1, steps)[:, None], np.arange(nodes)[None, :]
    sender = np.stack(before)[axes[:-1]]
    graph = instantiate(
        template,
        steps,
        Resources(
            link_map=np.arange(nodes)[None, :] * 3 + axes[:, None],
            links=[f"n{link // 3}.{'xyz'[link % 3]}" for link in range(3 * nodes)],
            capacity_bytes_per_s=np.full(3 * nodes, LINK_BYTES_PER_S),
        ),
        cross_edges=CrossEdges(step - 1, sender, step, node),
    )
    return replace(graph, nbytes=np.repeat(shard[axes], nodes))


def mesh_permutation(side: int) -> TaskGraph:
    """Every node of a mesh sends 64 KiB to a random other, first along x, then along y."""
    source, target = _permutation(side)
    return _mesh(side, source, target, nbytes=65536)


def mesh_random_sizes(side: int) -> TaskGraph:
    """The same permutation with sizes from 16 to 128 KiB, so that every transfer ends at a time of its own."""
    source, target = _permutation(side)
    return _mesh(side, source, target, nbytes=np.random.default_rng(1).integers(16384, 131072, side * side))


def mesh_uniform(percent: int, side: int = 16, num_tasks: int = 40_000) -> TaskGraph:
    """Messages of 4 KiB between random nodes of a mesh, at random times; ``percent`` of what its middle can carry."""
    rng = np.random.default_rng(0)
    nodes = side * side
    # Half of the traffic crosses the middle, half of that in each direction, over ``side`` links.
    every_s = 4096 / (percent / 100 * 4 * side * LINK_BYTES_PER_S)
    start_ticks = np.cumsum(rng.exponential(every_s * 1e15, num_tasks)).astype(np.int64)
    source, target = rng.integers(0, nodes, num_tasks), rng.integers(0, nodes, num_tasks)
    return _mesh(side, source, target, nbytes=4096, latency_ticks=start_ticks)


def _permutation(side: int) -> tuple[Int64Array, Int64Array]:
    """Every node, and whom it sends to."""
    nodes = side * side
    return np.arange(nodes), np.random.default_rng(0).permutation(nodes)


def _mesh(side: int, source: Int64Array, target: Int64Array, **columns: Int64Array | int) -> TaskGraph:
    """Transfers over a mesh, first along x, then along y."""
    hops_x = target % side - source % side
    hops_y = target // side - source // side
    hops = np.abs(hops_x) + np.abs(hops_y)
    route_ptr = np.concatenate([[0], np.cumsum(hops)])
    flow = np.repeat(np.arange(len(source)), hops)
    hop = np.arange(route_ptr[-1]) - route_ptr[flow]
    on_x = hop < np.abs(hops_x)[flow]
    step_x, step_y = np.sign(hops_x)[flow], np.sign(hops_y)[flow]
    x = (source % side)[flow] + np.where(on_x, step_x * hop, hops_x[flow])
    y = (source // side)[flow] + np.where(on_x, 0, step_y * (hop - np.abs(hops_x)[flow]))
    direction = np.where(on_x, (step_x > 0) * 1, 2 + (step_y > 0) * 1)
    return make_task_graph(
        len(source),
        route_ptr=route_ptr,
        route_link=(y * side + x) * 4 + direction,
        capacity_bytes_per_s=np.full(4 * side * side, LINK_BYTES_PER_S),
        **columns,
    )


GRAPHS: dict[str, Callable[[int], TaskGraph]] = {
    "server_tasks": server_tasks,
    "mixed_tasks": mixed_tasks,
    "shared_transfers": shared_transfers,
    "ring_all_reduce": ring_all_reduce,
    "torus_all_reduce": torus_all_reduce,
    "mesh_permutation": mesh_permutation,
    "mesh_random_sizes": mesh_random_sizes,
    "mesh_uniform": mesh_uniform,
}
