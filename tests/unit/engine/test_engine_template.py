from __future__ import annotations

import numpy as np
import pytest

from accelsim.engine import (
    CrossEdges,
    Resources,
    TaskGraph,
    TaskGraphBuilder,
    TaskGraphError,
    chain,
    concatenate,
    instantiate,
    simulate,
    with_barrier,
)


def block() -> TaskGraph:
    """load -> gemm on a core, and a barrier-like task without a server."""
    builder = TaskGraphBuilder()
    core, hbm = builder.server("core"), builder.link("hbm", 1e15)
    load = builder.task("load", nbytes=10, route=[hbm])
    gemm = builder.task("gemm", server=core, work_s=20e-15, after=[load])
    builder.task("join", after=[load, gemm])
    return builder.build()


def test_copies_get_consecutive_ids_and_their_own_dependencies() -> None:
    graph = instantiate(block(), 3)
    assert graph.num_tasks == 9
    for copy in range(3):
        assert graph.predecessors(3 * copy).tolist() == []
        assert graph.predecessors(3 * copy + 1).tolist() == [3 * copy]
        assert graph.predecessors(3 * copy + 2).tolist() == [3 * copy, 3 * copy + 1]
        assert graph.route(3 * copy).tolist() == [0]
    assert graph.server.tolist() == [-1, 0, -1] * 3


def test_maps_send_each_copy_to_its_own_servers_and_links() -> None:
    graph = instantiate(
        block(),
        2,
        Resources(
            server_map=[[1], [0]],
            link_map=[[2], [1]],
            servers=("core0", "core1"),
            links=("a", "b", "c"),
            capacity_bytes_per_s=[1e15, 2e15, 3e15],
        ),
    )
    assert graph.server.tolist() == [-1, 1, -1, -1, 0, -1]
    assert (graph.route(0).tolist(), graph.route(3).tolist()) == ([2], [1])


def test_cross_edges_join_the_dependencies_of_the_template() -> None:
    # Copy c's load waits for copy c-1's gemm; written in descending order to exercise the sort.
    later = np.array([2, 1])
    graph = instantiate(block(), 3, cross_edges=CrossEdges(later - 1, 1, later, 0))
    assert [graph.predecessors(task).tolist() for task in range(9)] == [
        [], [0], [0, 1],
        [1], [3], [3, 4],
        [4], [6], [6, 7],
    ]  # fmt: skip


def test_instantiating_equals_building_by_hand() -> None:
    builder = TaskGraphBuilder()
    core, hbm = builder.server("core"), builder.link("hbm", 1e15)
    previous: list[int] = []
    for _ in range(4):
        load = builder.task("load", nbytes=10, route=[hbm], after=previous)
        gemm = builder.task("gemm", server=core, work_s=20e-15, after=[load])
        builder.task("join", after=[load, gemm])
        previous = [gemm]
    copies = np.arange(1, 4)
    graph = instantiate(block(), 4, cross_edges=CrossEdges(copies - 1, 1, copies, 0))
    assert simulate(graph).digest() == simulate(builder.build()).digest()


def test_chain_starts_a_copy_when_all_of_the_previous_one_has_ended() -> None:
    # One copy: load 10 ticks, gemm 20: 30 ticks.  Five in a row: 150.
    timeline = simulate(chain(block(), 5))
    assert timeline.makespan_ticks == 150
    assert timeline.start_ticks[::4].tolist() == [0, 30, 60, 90, 120]


def test_a_barrier_waits_for_all_sinks() -> None:
    graph = with_barrier(instantiate(block(), 2))
    assert graph.predecessors(6).tolist() == [2, 5]
    assert graph.task_name(6) == "barrier#6"


def test_concatenate_keeps_order_and_merges_labels() -> None:
    graph = concatenate([block(), with_barrier(block())], ([2], [3]))
    assert graph.labels == ("load", "gemm", "join", "barrier")
    assert graph.predecessors(3).tolist() == [2]
    assert graph.predecessors(6).tolist() == [5]
    assert simulate(graph).makespan_ticks == 60


def test_graphs_on_different_resources_cannot_be_joined() -> None:
    builder = TaskGraphBuilder()
    builder.server("core")
    builder.link("hbm", 2e15)
    with pytest.raises(TaskGraphError, match="different capacities"):
        concatenate([block(), builder.build()])
    with pytest.raises(TaskGraphError, match="different servers"):
        concatenate([block(), TaskGraphBuilder().build()])


def test_wrong_maps_and_edges_are_refused() -> None:
    with pytest.raises(TaskGraphError, match=r"server_map must have shape \(2, 1\), got \(1, 2\)"):
        instantiate(block(), 2, Resources(server_map=[[0, 0]]))
    with pytest.raises(TaskGraphError, match=r"cross edges: succ_copy must be in \[0, 2\)"):
        instantiate(block(), 2, cross_edges=CrossEdges(0, 0, 2, 0))
    with pytest.raises(TaskGraphError, match="copies must be >= 1"):
        instantiate(block(), 0)
    with pytest.raises(TaskGraphError, match=r"at most 2\*\*31 - 1 tasks. Fold"):
        instantiate(block(), 10**9)


def test_a_map_that_makes_a_route_cross_a_link_twice_is_refused() -> None:
    builder = TaskGraphBuilder()
    route = [builder.link("a", 1.0), builder.link("b", 1.0)]
    builder.task("send", nbytes=1, route=route)
    with pytest.raises(TaskGraphError, match="crosses link 'a' twice"):
        instantiate(builder.build(), 1, Resources(link_map=[[0, 0]]))
