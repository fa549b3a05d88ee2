"""Large task graphs from small ones: copies, chains and joins, by numpy only.

A block's tasks are written once (:class:`TaskGraphBuilder`) and instantiated over layers,
microbatches and ranks.  Nothing here loops over tasks or copies in Python, so building a
graph costs less than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from accelsim.engine.names import NumberedNames, same_names
from accelsim.engine.taskgraph import (
    NO_SERVER,
    Int32Array,
    Int64Array,
    TaskGraph,
    TaskGraphError,
)


def _no_ids() -> Int64Array:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class CrossEdges:
    """Dependencies between copies: ``(succ_copy, succ_task)`` waits for ``(pred_copy, pred_task)``.

    The four arrays broadcast against each other, so "every copy's task 0 waits for the
    previous copy's task 3" is ``CrossEdges(np.arange(n - 1), 3, np.arange(1, n), 0)``.

    Attributes:
        pred_copy: Copy of the task waited for.
        pred_task: Task of the template waited for.
        succ_copy: Copy of the task that waits.
        succ_task: Task of the template that waits.
    """

    pred_copy: npt.ArrayLike = field(default_factory=_no_ids)
    pred_task: npt.ArrayLike = field(default_factory=_no_ids)
    succ_copy: npt.ArrayLike = field(default_factory=_no_ids)
    succ_task: npt.ArrayLike = field(default_factory=_no_ids)

    def flat(self, copies: int, num_tasks: int) -> tuple[Int64Array, Int64Array]:
        """Return (predecessor id, successor id) of every edge in the instantiated graph.

        Args:
            copies: How many copies of the template there are.
            num_tasks: Tasks of one copy.

        Raises:
            TaskGraphError: A copy or a task does not exist.
        """
        limits = {"pred_copy": copies, "pred_task": num_tasks, "succ_copy": copies, "succ_task": num_tasks}
        columns = {name: np.asarray(getattr(self, name)) for name in limits}
        for name, limit in limits.items():
            column = columns[name]
            if column.size and (int(column.min()) < 0 or int(column.max()) >= limit):
                span = f"{column.min()}..{column.max()}"
                raise TaskGraphError(f"cross edges: {name} must be in [0, {limit}), got {span}.")
        # Each side is summed before both are spread out, so that broadcasting costs one pass a side.
        pred, succ = (
            np.asarray(columns[f"{side}_copy"] * num_tasks + columns[f"{side}_task"], dtype=np.int64)
            for side in ("pred", "succ")
        )
        pred, succ = np.broadcast_arrays(pred, succ)
        return pred.ravel(), succ.ravel()


@dataclass(frozen=True, eq=False)
class Resources:
    """The servers and links that copies of a template stand on; what is None is the template's own.

    Attributes:
        server_map: ``[copies, template servers]``: the server that copy ``c`` uses where the
            template says ``s``.  Default: all copies share the template's servers.
        link_map: ``[copies, template links]``, likewise for links.
        servers: Names of all servers.
        links: Names of all links.
        capacity_bytes_per_s: Capacity of all links.
    """

    server_map: npt.ArrayLike | None = None
    link_map: npt.ArrayLike | None = None
    servers: Sequence[str] | None = None
    links: Sequence[str] | None = None
    capacity_bytes_per_s: npt.ArrayLike | None = None

    @classmethod
    def of_each_copy(cls, template: TaskGraph, copies: int) -> Resources:
        """Servers and links of its own for each copy, numbered copy after copy.

        Args:
            template: The graph that is copied, with its servers and links.
            copies: How many copies there are.
        """
        copy = np.arange(copies, dtype=np.int64)[:, None]
        return cls(
            server_map=copy * template.num_servers + np.arange(template.num_servers),
            link_map=copy * template.num_links + np.arange(template.num_links),
            servers=NumberedNames("server", copies * template.num_servers),
            links=NumberedNames("link", copies * template.num_links),
            capacity_bytes_per_s=np.tile(template.capacity_bytes_per_s, copies),
        )


def instantiate(
    template: TaskGraph, copies: int, resources: Resources | None = None, cross_edges: CrossEdges | None = None
) -> TaskGraph:
    """Return ``copies`` copies of a template: task ``i`` of copy ``c`` gets id ``c * T + i``.

    Args:
        template: The tasks of one copy.
        copies: How many, >= 1.
        resources: The servers and links of each copy; default: all share the template's.
        cross_edges: Dependencies between copies, added after those of the template.

    Raises:
        TaskGraphError: A map has the wrong shape or range, or an edge names what does not exist.
    """
    if copies < 1:
        raise TaskGraphError(f"instantiate: copies must be >= 1, got {copies}.")
    if copies * template.num_tasks > np.iinfo(np.int32).max:
        raise TaskGraphError(
            f"instantiate: {copies} copies of {template.num_tasks} tasks; at most 2**31 - 1 tasks. "
            "Fold repeated parts with Program."
        )
    on = resources or Resources()
    capacity = on.capacity_bytes_per_s
    num_tasks = template.num_tasks
    pred, succ = (cross_edges or CrossEdges()).flat(copies, num_tasks)
    pred_ptr, pred_task = _copied_predecessors(template, copies, pred, succ)
    route_ptr = _tiled_offsets(template.route_ptr, copies)
    return TaskGraph(
        server=_mapped(template.server, copies, on.server_map, template.num_servers, "server_map"),
        work_ticks=np.tile(template.work_ticks, copies),
        nbytes=np.tile(template.nbytes, copies),
        latency_ticks=np.tile(template.latency_ticks, copies),
        priority=np.tile(template.priority, copies),
        route_ptr=route_ptr,
        route_link=_mapped(template.route_link, copies, on.link_map, template.num_links, "link_map"),
        pred_ptr=pred_ptr,
        pred_task=pred_task,
        label=np.tile(template.label, copies),
        servers=template.servers if on.servers is None else on.servers,
        links=template.links if on.links is None else on.links,
        capacity_bytes_per_s=np.asarray(
            template.capacity_bytes_per_s if capacity is None else capacity, dtype=np.float64
        ),
        labels=template.labels,
        # A template's routes were checked when it was built, and sharing its links keeps them apart.
        routes_checked=on.link_map is None,
    )


def concatenate(graphs: Sequence[TaskGraph], edges: tuple[npt.ArrayLike, npt.ArrayLike] | None = None) -> TaskGraph:
    """Join graphs over the same servers and links into one; ids follow the order given.

    Args:
        graphs: At least one graph; all with equal servers, links and capacities.
        edges: ``(predecessors, successors)``, ids in the joined graph.

    Raises:
        TaskGraphError: The graphs stand on different servers or links.
    """
    if not graphs:
        raise TaskGraphError("concatenate: needs at least one graph.")
    first = graphs[0]
    for graph in graphs[1:]:
        require_same_resources(first, graph)
    task_base = np.cumsum([0] + [graph.num_tasks for graph in graphs])
    labels, label_maps = _merged_labels(graphs)
    joined = TaskGraph(
        **{
            name: np.concatenate([getattr(graph, name) for graph in graphs])
            for name in ("server", "work_ticks", "nbytes", "latency_ticks", "priority", "route_link")
        },
        route_ptr=_joined_offsets([graph.route_ptr for graph in graphs]),
        pred_ptr=_joined_offsets([graph.pred_ptr for graph in graphs]),
        pred_task=np.concatenate([g.pred_task + np.int64(base) for g, base in zip(graphs, task_base, strict=False)]),
        label=np.concatenate([mapping[g.label] for g, mapping in zip(graphs, label_maps, strict=True)]),
        servers=first.servers,
        links=first.links,
        capacity_bytes_per_s=first.capacity_bytes_per_s,
        labels=labels,
        routes_checked=True,
    )
    if edges is None:
        return joined
    pred, succ = (np.asarray(side, dtype=np.int64).ravel() for side in edges)
    return instantiate(joined, 1, cross_edges=CrossEdges(0, pred, 0, succ))


def with_barrier(graph: TaskGraph, label: str = "barrier") -> TaskGraph:
    """Append one task that ends when every other task of the graph has ended.

    Args:
        graph: The tasks to wait for.
        label: Label of the new task.
    """
    sinks = sink_tasks(graph)
    labels = tuple(graph.labels)
    if label not in labels:
        labels = (*labels, label)
    return TaskGraph(
        server=np.append(graph.server, NO_SERVER),
        **{name: np.append(getattr(graph, name), 0) for name in ("work_ticks", "nbytes", "latency_ticks", "priority")},
        route_ptr=np.append(graph.route_ptr, graph.route_ptr[-1]),
        route_link=graph.route_link,
        pred_ptr=np.append(graph.pred_ptr, graph.pred_ptr[-1] + len(sinks)),
        pred_task=np.concatenate([graph.pred_task, sinks]),
        label=np.append(graph.label, labels.index(label)),
        servers=graph.servers,
        links=graph.links,
        capacity_bytes_per_s=graph.capacity_bytes_per_s,
        labels=labels,
        routes_checked=True,
    )


def chain(graph: TaskGraph, copies: int) -> TaskGraph:
    """Repeat a graph in time: copy ``c`` starts when copy ``c - 1`` has wholly ended.

    A barrier task is appended to each copy (the last task of the copy), so the number of
    dependencies stays linear.  What this unrolls, :class:`accelsim.engine.program.Program`
    computes without unrolling.

    Args:
        graph: One repetition.
        copies: How many repetitions.
    """
    step = with_barrier(graph)
    roots = root_tasks(graph)
    copy = np.arange(1, copies, dtype=np.int64)[:, None]
    edges = CrossEdges(copy - 1, step.num_tasks - 1, copy, roots[None, :])
    return instantiate(step, copies, cross_edges=edges)


def root_tasks(graph: TaskGraph) -> Int64Array:
    """Ids of the tasks that wait for nobody."""
    return np.flatnonzero(graph.num_predecessors == 0)


def sink_tasks(graph: TaskGraph) -> Int64Array:
    """Ids of the tasks nobody waits for."""
    waited_for = np.zeros(graph.num_tasks, dtype=bool)
    waited_for[graph.pred_task] = True
    return np.flatnonzero(~waited_for)


def require_same_resources(left: TaskGraph, right: TaskGraph) -> None:
    """Refuse two graphs that do not stand on the same servers and links.

    Args:
        left: One graph.
        right: The other.

    Raises:
        TaskGraphError: Names or capacities differ.
    """
    for kind, ours, theirs in (("servers", left.servers, right.servers), ("links", left.links, right.links)):
        if not same_names(ours, theirs):
            raise TaskGraphError(f"graphs to be joined have different {kind}. Build both from one list of {kind}.")
    mine, other = left.capacity_bytes_per_s, right.capacity_bytes_per_s
    if mine is not other and not np.array_equal(mine, other):
        raise TaskGraphError("graphs to be joined give one link different capacities. Build both from one list.")


def _mapped(ids: Int32Array, copies: int, mapping: npt.ArrayLike | None, width: int, name: str) -> Int32Array:
    """Repeat ``ids`` per copy, sending each through its copy's row of ``mapping``."""
    if mapping is None:
        return np.tile(ids, copies)
    table = np.asarray(mapping)
    if table.shape != (copies, width):
        raise TaskGraphError(f"instantiate: {name} must have shape ({copies}, {width}), got {table.shape}.")
    if table.size and not NO_SERVER <= int(table.min()) <= int(table.max()) <= np.iinfo(np.int32).max:
        raise TaskGraphError(f"instantiate: {name} must hold ids, got {table.min()}..{table.max()}.")
    # One more column stands for "no server"; index -1 finds it.
    padded = np.full((copies, width + 1), NO_SERVER, dtype=np.int32)
    padded[:, :width] = table
    return padded[:, ids].ravel()


def _tiled_offsets(offsets: Int64Array, copies: int) -> Int64Array:
    """CSR offsets of ``copies`` copies laid one after the other."""
    base = np.arange(copies, dtype=np.int64) * offsets[-1]
    body = (base[:, None] + offsets[None, :-1]).ravel()
    return np.append(body, copies * offsets[-1])


def _joined_offsets(parts: Sequence[Int64Array]) -> Int64Array:
    base = np.cumsum([0] + [int(part[-1]) for part in parts])
    return np.concatenate([part[:-1] + start for part, start in zip(parts, base, strict=False)] + [base[-1:]])


def _copied_predecessors(
    template: TaskGraph, copies: int, pred: Int64Array, succ: Int64Array
) -> tuple[Int64Array, Int32Array]:
    """Return CSR of the template's dependencies in every copy, followed by the cross edges."""
    num_tasks = template.num_tasks
    base = np.arange(copies, dtype=np.int32) * np.int32(num_tasks)
    own = (base[:, None] + template.pred_task[None, :]).ravel()
    own_ptr = _tiled_offsets(template.pred_ptr, copies)
    if not pred.size:
        return own_ptr, own
    num_own = len(template.pred_task)
    if (succ[1:] < succ[:-1]).any():
        order = np.argsort(succ, kind="stable")
        pred, succ = pred[order], succ[order]
    # Cross edges sorted by successor: an edge's place is its rank plus all own edges up to its row's end.
    added_ptr = np.zeros(copies * num_tasks + 1, dtype=np.int64)
    np.cumsum(np.bincount(succ, minlength=copies * num_tasks), out=added_ptr[1:])
    if not num_own:
        return added_ptr, pred.astype(np.int32)
    merged = np.empty(own.size + pred.size, dtype=np.int32)
    place = own_ptr[succ + 1]
    place += np.arange(pred.size)
    merged[place] = pred
    own_count = np.tile(template.num_predecessors, copies)
    place = np.repeat(added_ptr[:-1], own_count)
    place += np.arange(own.size)
    merged[place] = own
    return own_ptr + added_ptr, merged


def _merged_labels(graphs: Sequence[TaskGraph]) -> tuple[tuple[str, ...], list[Int64Array]]:
    """Return one list of labels for all graphs and where each graph's labels went in it."""
    places: dict[str, int] = {}
    maps = [
        np.array([places.setdefault(name, len(places)) for name in graph.labels], dtype=np.int64) for graph in graphs
    ]
    return tuple(places), maps
