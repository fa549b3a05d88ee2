from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from accelsim.engine import NumberedNames, TaskGraphBuilder, TaskGraphError, make_task_graph
from accelsim.engine.names import same_names


def test_builder_writes_what_was_said() -> None:
    builder = TaskGraphBuilder()
    core, hbm, bus = builder.server("core"), builder.link("hbm", 2e12), builder.link("bus", 1e12)
    load = builder.task("load", nbytes=64, route=[hbm, bus], latency_s=1e-9)
    builder.task("gemm", server=core, work_s=2e-9, priority=3, after=[load])
    builder.task("load")
    graph = builder.build()
    assert (graph.num_tasks, graph.num_servers, graph.num_links) == (3, 1, 2)
    assert graph.route(0).tolist() == [0, 1]
    assert graph.predecessors(1).tolist() == [0]
    assert graph.server.tolist() == [-1, 0, -1]
    assert graph.latency_ticks.tolist() == [10**6, 0, 0]
    assert graph.work_ticks.tolist() == [0, 2 * 10**6, 0]
    assert [graph.task_name(i) for i in range(3)] == ["load#0", "gemm#1", "load#2"]


def test_a_graph_cannot_be_changed() -> None:
    graph = make_task_graph(2, work_ticks=1)
    with pytest.raises(ValueError, match="read-only"):
        graph.work_ticks[0] = 5


def test_a_graph_that_was_sent_to_another_process_is_still_frozen() -> None:
    graph = pickle.loads(pickle.dumps(make_task_graph(2, work_ticks=[3, 4], servers=2)))
    assert graph.work_ticks.tolist() == [3, 4]
    assert not graph.work_ticks.flags.writeable
    assert graph.servers == NumberedNames("server", 2)


def test_one_column_can_be_replaced() -> None:
    graph = replace(make_task_graph(2, work_ticks=[3, 4]), work_ticks=np.array([5, 6]))
    assert graph.work_ticks.tolist() == [5, 6]
    with pytest.raises(TaskGraphError, match=r"work_ticks\[0\] = -1"):
        replace(graph, work_ticks=np.array([-1, 6]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"server": 2}, r"server\[0\] = 2; must be in \[-1, 2\)"),
        ({"server": -2}, r"server\[0\] = -2"),
        ({"work_ticks": -1}, r"work_ticks\[0\] = -1; must be >= 0"),
        ({"nbytes": [0, -4]}, r"nbytes\[1\] = -4"),
        ({"label": 1}, r"label\[0\] = 1; must be in \[0, 1\)"),
        ({"route_link": [0, 3]}, r"route_link\[1\] = 3; must be in \[0, 3\)"),
        ({"pred_task": [2], "pred_ptr": [0, 0, 1]}, r"pred_task\[0\] = 2"),
        ({"pred_task": [0], "pred_ptr": [0, 2, 1]}, "pred_ptr must rise from 0"),
        ({"pred_task": [0], "pred_ptr": [0, 0, 0]}, "pred_ptr must rise from 0"),
        ({"priority": [0, 0, 0]}, "priority has 3 entries for 2 tasks"),
        ({"work_ticks": [0.5, 1.0]}, "work_ticks must hold integers, got float64"),
        ({"priority": [0, 2**40]}, "priority has values outside int32"),
        ({"colour": 1}, r"unknown columns \['colour'\]"),
        ({"capacity_bytes_per_s": [1.0, 0.0, 1.0]}, r"link 'link1': capacity_bytes_per_s = 0.0; must be in \(6.1"),
        ({"capacity_bytes_per_s": [1.0, 1.0, 5e-324]}, "link 'link2': capacity_bytes_per_s = "),
        ({"capacity_bytes_per_s": [1.0, 1.0, float("inf")]}, "link 'link2': capacity_bytes_per_s = "),
        ({"nbytes": 1.5}, "nbytes must hold integers, got float64"),
        ({"nbytes": 2**63}, "nbytes has values outside int64"),
        ({"nbytes": 2**64}, "nbytes must hold integers, got object"),
        ({"nbytes": True}, "nbytes must hold integers, got bool"),
        ({"capacity_bytes_per_s": [1.0, np.inf, 1.0]}, "link 'link1'"),
        ({"route_link": [0, 1, 0], "route_ptr": [0, 0, 3]}, "task#1: its route crosses link 'link0' twice"),
    ],
)
def test_contradictions_are_refused(columns: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"servers": 2, "capacity_bytes_per_s": [1.0, 1.0, 1.0], **columns}
    with pytest.raises(TaskGraphError, match=message):
        make_task_graph(2, **arguments)  # type: ignore[arg-type]


def test_a_name_is_given_once() -> None:
    builder = TaskGraphBuilder()
    builder.link("hbm", 1e12)
    with pytest.raises(TaskGraphError, match="link 'hbm' exists already"):
        builder.link("hbm", 1e12)


def test_numbered_names_are_a_sequence() -> None:
    names = NumberedNames("link", 3)
    assert list(names) == ["link0", "link1", "link2"] == [names[0], names[1], names[-1]]
    assert names[1:] == ("link1", "link2")
    assert same_names(names, ("link0", "link1", "link2"))
    assert not same_names(names, NumberedNames("link", 4))
    with pytest.raises(IndexError):
        names[3]


def test_an_empty_graph_is_a_graph() -> None:
    assert TaskGraphBuilder().build().num_tasks == 0


def test_a_graph_with_other_sizes_shares_all_other_columns() -> None:
    graph = make_task_graph(2, nbytes=8, route_link=[0, 0], capacity_bytes_per_s=[1e9])
    other = graph.with_sizes(np.array([1, 2]), np.array([3, 4]), np.array([5, 6]))
    assert (other.work_ticks.tolist(), other.nbytes.tolist(), other.latency_ticks.tolist()) == ([1, 2], [3, 4], [5, 6])
    assert other.route_link is graph.route_link
    assert graph.nbytes.tolist() == [8, 8]
    with pytest.raises(ValueError, match="read-only"):
        other.nbytes[0] = 1
    with pytest.raises(TaskGraphError, match=r"nbytes\[1\] = -4; must be >= 0"):
        graph.with_sizes(np.array([1, 2]), np.array([3, -4]), np.array([5, 6]))
    with pytest.raises(TaskGraphError, match="latency_ticks has 1 entries for 2 tasks"):
        graph.with_sizes(np.array([1, 2]), np.array([3, 4]), np.array([5]))
