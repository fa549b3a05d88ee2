"""Many small graphs in one compiled run: each on its own copy of the servers and links.

The stages of a long program are thousands of graphs of a hundred tasks; run one by one, most
of the time goes into starting the engine.  Side by side, as islands of one graph, they share nothing: no server and no
link of one is another's, and rates are filled per component, so each island's timeline is that of its own run.

Not modelled: anything new; :func:`accelsim.engine.run.simulate` on each graph gives the same to the tick.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from accelsim.engine.names import NumberedNames
from accelsim.engine.run import simulate
from accelsim.engine.runs import RUN_COLUMNS, Runs
from accelsim.engine.series import Variants
from accelsim.engine.taskgraph import NO_SERVER, Int64Array, TaskGraph
from accelsim.engine.template import Resources, instantiate
from accelsim.engine.timeline import Timeline
from accelsim.errors import AccelsimError, VerificationError

SMALL_SIZE = 10_000
"""Graphs up to this size (tasks, servers and links) are joined; a larger one starts cheaper than it is copied."""

JOINED_SIZE = 1_000_000
"""Largest size of a joined graph, which bounds the memory of the copy."""


def run_side_by_side(graphs: Sequence[TaskGraph]) -> list[Timeline]:
    """Run graphs over equal servers and links on the compiled engine; same timelines as one run each.

    Raises:
        DeadlockError: A graph cannot finish; ids are those of its own tasks.
        ClockOverflowError: A run is longer than the clock holds.
        VerificationError: A result breaks a conservation law (a bug).
    """
    timelines: list[Timeline] = []
    for batch in _batches(graphs):
        try:
            timelines += _run_joined(batch) if len(batch) > 1 else [simulate(batch[0], "compiled")]
        except VerificationError:
            raise
        except AccelsimError:
            timelines += [simulate(graph, "compiled") for graph in batch]  # names the tasks as their graph does
    return timelines


def _batches(graphs: Sequence[TaskGraph]) -> Iterator[list[TaskGraph]]:
    """Consecutive graphs that are run at once."""
    batch: list[TaskGraph] = []
    total = 0
    for graph in graphs:
        size = graph.num_tasks + graph.num_servers + graph.num_links
        is_alone = not graph.num_tasks or size > SMALL_SIZE
        if batch and (is_alone or total + size > JOINED_SIZE):
            yield batch
            batch, total = [], 0
        if is_alone:
            yield [graph]
            continue
        batch.append(graph)
        total += size
    if batch:
        yield batch


def _run_joined(graphs: list[TaskGraph]) -> list[Timeline]:
    began_s = time.perf_counter()
    joined = islands(graphs)
    run = simulate(joined, "compiled")
    base = _offsets([graph.num_tasks for graph in graphs])
    makespan = np.maximum.reduceat(run.end_ticks, base[:-1])
    link_bytes, link_busy, server_busy = (
        column.reshape(len(graphs), -1) for column in (run.link_bytes, run.link_busy_ticks, run.server_busy_ticks)
    )
    if (link_busy > makespan[:, None]).any():
        raise VerificationError("verify: a link is busy longer than its island runs. This is a bug of the engine.")
    wall_s = (time.perf_counter() - began_s) / joined.num_tasks
    return [
        Timeline(
            start_ticks=run.start_ticks[base[i] : base[i + 1]],
            end_ticks=run.end_ticks[base[i] : base[i + 1]],
            link_bytes=link_bytes[i],
            link_busy_ticks=link_busy[i],
            server_busy_ticks=server_busy[i],
            makespan_ticks=int(makespan[i]),
            engine=run.engine,
            wall_s=wall_s * graph.num_tasks,
        )
        for i, graph in enumerate(graphs)
    ]


def run_variants(graph: TaskGraph, variants: Variants) -> Runs:
    """Run all variants of a graph on the compiled engine, many at once; same figures as one run each.

    Args:
        graph: Tasks that all variants have.
        variants: Work, bytes and latencies that differ, a row each.

    Raises:
        DeadlockError: The graph cannot finish.
        ClockOverflowError: A run is longer than the clock holds.
        VerificationError: A result breaks a conservation law (a bug).
    """
    size = graph.num_tasks + graph.num_servers + graph.num_links
    at_once = max(1, JOINED_SIZE // max(1, size))
    parts: list[Runs] = []
    for first in range(0, len(variants), at_once):
        sizes = variants.sizes(graph, slice(first, first + at_once))
        try:
            parts.append(_run_copies(graph, sizes))
        except VerificationError:
            raise
        except AccelsimError:  # names the tasks as their graph does
            parts.append(Runs.of([simulate(graph.with_sizes(*row), "compiled") for row in zip(*sizes, strict=True)]))
    return Runs.joined(parts)


def _run_copies(graph: TaskGraph, sizes: Sequence[Int64Array]) -> Runs:
    """Copies of a graph with sizes of their own as islands of one run."""
    began_s = time.perf_counter()
    copies = len(sizes[0])
    joined = instantiate(graph, copies, Resources.of_each_copy(graph, copies))
    joined = joined.with_sizes(*(column.ravel() for column in sizes))
    run = simulate(joined, "compiled")
    rows = {name: getattr(run, name).reshape(copies, -1) for name in RUN_COLUMNS}
    makespan = rows["end_ticks"].max(axis=1)
    if (rows["link_busy_ticks"] > makespan[:, None]).any():
        raise VerificationError("verify: a link is busy longer than its island runs. This is a bug of the engine.")
    return Runs(**rows, makespan_ticks=makespan, engine=run.engine, wall_s=time.perf_counter() - began_s)


def islands(graphs: Sequence[TaskGraph]) -> TaskGraph:
    """One graph in which graph ``i`` has servers ``i * S`` on and links ``i * L`` on, its tasks after those before it.

    Labels are left out.
    """
    first, size = graphs[0], len(graphs)
    tasks = [graph.num_tasks for graph in graphs]
    base = _offsets(tasks)
    hops = [len(graph.route_link) for graph in graphs]
    preds = [len(graph.pred_task) for graph in graphs]
    index = np.arange(size, dtype=np.int64)
    server = _joined(graphs, "server")
    return TaskGraph(
        server=np.where(server < 0, NO_SERVER, server + np.repeat(index * first.num_servers, tasks)).astype(np.int32),
        work_ticks=_joined(graphs, "work_ticks"),
        nbytes=_joined(graphs, "nbytes"),
        latency_ticks=_joined(graphs, "latency_ticks"),
        priority=_joined(graphs, "priority").astype(np.int32),
        route_ptr=_joined_offsets(graphs, "route_ptr"),
        route_link=(_joined(graphs, "route_link") + np.repeat(index * first.num_links, hops)).astype(np.int32),
        pred_ptr=_joined_offsets(graphs, "pred_ptr"),
        pred_task=(_joined(graphs, "pred_task") + np.repeat(base[:-1], preds)).astype(np.int32),
        label=np.zeros(int(base[-1]), dtype=np.int32),
        servers=NumberedNames("server", size * first.num_servers),
        links=NumberedNames("link", size * first.num_links),
        capacity_bytes_per_s=np.tile(first.capacity_bytes_per_s, size),
        routes_checked=True,
    )


def _joined(graphs: Sequence[TaskGraph], name: str) -> Int64Array:
    return np.concatenate([getattr(graph, name) for graph in graphs])


def _offsets(sizes: Sequence[int]) -> Int64Array:
    return np.concatenate([[0], np.cumsum(sizes)])


def _joined_offsets(graphs: Sequence[TaskGraph], name: str) -> Int64Array:
    parts = [getattr(graph, name) for graph in graphs]
    starts = _offsets([int(part[-1]) for part in parts])
    body = np.concatenate([part[:-1] for part in parts])
    return np.append(body + np.repeat(starts[:-1], [len(part) - 1 for part in parts]), starts[-1])
