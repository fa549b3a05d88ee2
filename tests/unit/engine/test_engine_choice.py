"""Which engine ``auto`` means: by what SimPy would take, by what is loaded and by what is kept."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from accelsim.engine import make_task_graph, simulate
from accelsim.engine.choice import COMPILE_S, LOAD_S, SIMPY_FLOW_S, SIMPY_HOP_S, SIMPY_TASK_S, first_done, simpy_s
from accelsim.engine.run import choose_engine


@pytest.mark.parametrize(
    ("estimated_s", "is_kept", "engine"),
    [
        (LOAD_S, True, "simpy"),
        (LOAD_S * 1.01, True, "compiled"),
        (LOAD_S * 1.01, False, "simpy"),
        (COMPILE_S, False, "simpy"),
        (COMPILE_S * 1.01, False, "compiled"),
    ],
)
def test_simpy_is_taken_up_to_the_time_to_load_or_to_half_of_compiling(
    estimated_s: float, is_kept: bool, engine: str
) -> None:
    assert first_done(estimated_s, lambda: is_kept) == engine


def test_the_disk_is_looked_at_only_where_it_decides() -> None:
    for estimated_s in (0.0, LOAD_S, COMPILE_S * 1.01):
        first_done(estimated_s, lambda: pytest.fail("asked"))


def test_tasks_and_flows_cost_what_was_measured() -> None:
    assert simpy_s(make_task_graph(100)) == pytest.approx(100 * SIMPY_TASK_S)
    one_link = make_task_graph(100, nbytes=1, route_link=np.zeros(100, dtype=np.int32), capacity_bytes_per_s=[1e12])
    assert simpy_s(one_link) == pytest.approx(100 * (SIMPY_TASK_S + SIMPY_FLOW_S))


def test_flows_over_two_links_cost_the_hops_of_those_they_meet() -> None:
    # 100 flows of 2 hops start together: each of the 100 sets the rates of 100 anew. One after the other: of one.
    links = {"route_ptr": np.arange(101) * 2, "route_link": np.tile([0, 1], 100), "capacity_bytes_per_s": [1e12, 1e12]}
    alone_s = 100 * (SIMPY_TASK_S + SIMPY_FLOW_S)
    together = make_task_graph(100, nbytes=1, **links)  # type: ignore[arg-type]
    assert simpy_s(together) == pytest.approx(alone_s + 100 * 100 * 2 * SIMPY_HOP_S)
    pointers = np.concatenate([[0], np.arange(100)])
    in_turn = make_task_graph(100, nbytes=1, pred_ptr=pointers, pred_task=np.arange(99), **links)  # type: ignore[arg-type]
    assert simpy_s(in_turn) == pytest.approx(alone_s + 100 * 1 * 2 * SIMPY_HOP_S)


def test_once_loaded_the_compiled_engine_takes_everything() -> None:
    simulate(make_task_graph(1, work_ticks=1), "compiled")
    assert choose_engine([(make_task_graph(1), 1)]) == "compiled"
    assert simulate(make_task_graph(10)).engine == "compiled"


def test_a_fresh_process_plays_a_small_job_without_numba_and_counts_how_often_a_graph_is_run() -> None:
    script = (
        "import sys\nfrom accelsim.engine import make_task_graph, simulate\n"
        "from accelsim.engine.run import choose_engine\n"
        "graph = make_task_graph(1000, work_ticks=1)\n"
        "print(simulate(graph).engine, choose_engine([(graph, 50)]), choose_engine([(graph, 400)]))\n"
        "print('numba' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output.split() == ["simpy", "simpy", "compiled", "False"]
