"""Graphs run side by side as islands of one graph give what each gives alone."""

from __future__ import annotations

import numpy as np
import pytest
from engine_graphs import Shape, random_graph
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import Program, Stage, TaskGraph, instantiate, make_task_graph, run_program, simulate
from accelsim.engine import islands as module
from accelsim.engine.islands import run_side_by_side
from accelsim.errors import AccelsimError, VerificationError


def graphs(seed: int, count: int) -> list[TaskGraph]:
    """Different graphs over the same servers and links: one structure, one or two copies, other sizes."""
    rng = np.random.default_rng(seed)
    base = random_graph(Shape(40, 3, 5, 3, 2, ties=seed % 2 == 0, seed=seed))
    found = []
    for index in range(count):
        sizes = [rng.permutation(getattr(base, name)) for name in ("work_ticks", "nbytes", "latency_ticks")]
        found.append(instantiate(base.with_sizes(*sizes), 1 + index % 2))
    return found


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_side_by_side_is_one_by_one_on_either_engine(seed: int, count: int) -> None:
    drawn = graphs(seed, count)
    for graph, timeline in zip(drawn, run_side_by_side(drawn), strict=True):
        assert timeline.digest() == simulate(graph, "compiled").digest() == simulate(graph, "simpy").digest()


@given(st.integers(0, 10**6), st.lists(st.integers(1, 10**9), min_size=1, max_size=5))
@settings(deadline=None, max_examples=20)
def test_totals_of_a_program_are_those_of_its_stages(seed: int, repeats: list[int]) -> None:
    stages = [Stage(graph, repeat) for graph, repeat in zip(graphs(seed, len(repeats)), repeats, strict=True)]
    stages.append(Stage(stages[0].graph, 7))
    result = run_program(Program.of(*stages), "compiled")
    alone = [simulate(stage.graph, "simpy") for stage in stages]
    for column in ("link_bytes", "link_busy_ticks", "server_busy_ticks"):
        expected = sum(getattr(one, column) * stage.repeat for one, stage in zip(alone, stages, strict=True))
        assert getattr(result, column).tolist() == expected.tolist()
    assert result.makespan_ticks == sum(one.makespan_ticks * s.repeat for one, s in zip(alone, stages, strict=True))


def test_batches_end_before_they_grow_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SMALL_SIZE", 60)  # a graph of one copy has 40 tasks, 3 servers and 5 links
    monkeypatch.setattr(module, "JOINED_SIZE", 100)
    drawn = graphs(5, 6)
    batches = [len(batch) for batch in module._batches([*drawn, *drawn[::2]])]
    assert batches == [1, 1, 1, 1, 1, 1, 2, 1]
    assert [one.digest() for one in run_side_by_side(drawn)] == [simulate(one, "simpy").digest() for one in drawn]


def test_an_island_that_cannot_finish_is_named_as_in_its_own_run() -> None:
    good = make_task_graph(2, work_ticks=3)
    stuck = make_task_graph(2, work_ticks=3, pred_ptr=[0, 1, 2], pred_task=[1, 0])
    with pytest.raises(AccelsimError) as alone:
        simulate(stuck, "compiled")
    with pytest.raises(AccelsimError) as together:
        run_side_by_side([good, good, stuck])
    assert (type(together.value), str(together.value)) == (type(alone.value), str(alone.value))


def test_a_breach_of_a_law_is_not_hidden_by_running_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def corrupted(graph: TaskGraph, engine: str) -> object:
        timeline = simulate(graph, engine)
        timeline.link_busy_ticks[0] = timeline.makespan_ticks + 1
        return timeline

    monkeypatch.setattr(module, "simulate", corrupted)
    with pytest.raises(VerificationError, match="busy longer"):
        run_side_by_side(graphs(3, 2))


def test_graphs_without_tasks_run_beside_others() -> None:
    graph, empty = make_task_graph(2, work_ticks=3), make_task_graph(0)
    assert [one.makespan_ticks for one in run_side_by_side([graph, empty, graph])] == [3, 0, 3]
