"""What only the compiled engine can get wrong: growing arrays, overflow, its cache, its queues."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import accelsim
from accelsim.engine import CrossEdges, instantiate, make_task_graph, simulate
from accelsim.engine.machine_code import first_writable, is_kept, source_stamp


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
@pytest.mark.parametrize(
    "columns",
    [
        {"work_ticks": 2**62},
        {"latency_ticks": 2**62},
        {"nbytes": 2**62, "route_link": np.zeros(4, dtype=np.int32)},
        {"nbytes": 1, "work_ticks": 2**62, "route_link": np.zeros(4, dtype=np.int32)},
    ],
)
def test_a_run_longer_than_the_clock_names_the_remedy(engine: str, columns: dict[str, object]) -> None:
    # Four in a row of half the clock each: the third one passes the end.
    graph = make_task_graph(
        4,
        pred_ptr=[0, 0, 1, 2, 3],
        pred_task=[0, 1, 2],
        capacity_bytes_per_s=[1e15],
        **columns,  # type: ignore[arg-type]
    )
    with pytest.raises(OverflowError, match=r"passes 9223 s: .*repeat it \(Program"):
        simulate(graph, engine)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_a_run_may_fill_the_clock(engine: str) -> None:
    assert simulate(make_task_graph(1, work_ticks=2**63 - 1), engine).makespan_ticks == 2**63 - 1  # type: ignore[arg-type]


def test_room_is_made_for_any_number_of_flows_at_once() -> None:
    # 5,000 flows of 2 hops start together, far above the first slots; record every change of rate.
    count = 5000
    links = np.stack([np.arange(count) % 40, 40 + np.arange(count) % 7], axis=1)
    graph = make_task_graph(
        count,
        nbytes=1000 + np.arange(count) % 13,
        route_ptr=2 * np.arange(count + 1),
        route_link=links.ravel(),
        capacity_bytes_per_s=np.full(47, 1e15),
    )
    assert simulate(graph, "compiled", True).digest() == simulate(graph, "simpy", True).digest()


def test_queues_in_reverse_order_of_priority_are_served_in_order() -> None:
    count = 2000
    graph = make_task_graph(count, server=0, servers=1, work_ticks=1, priority=np.arange(count)[::-1])
    assert simulate(graph, "compiled").start_ticks.tolist() == list(range(count))[::-1]


def test_an_empty_graph_ends_at_once() -> None:
    for engine in ("simpy", "compiled"):
        timeline = simulate(make_task_graph(0), engine, record_rates=True)  # type: ignore[arg-type]
        assert (timeline.makespan_ticks, timeline.num_tasks) == (0, 0)


@pytest.mark.parametrize("ranks", [2, 3, 8, 64])
def test_ring_all_reduce_matches_its_closed_form(ranks: int) -> None:
    # 2(n-1) steps of (latency + size/n / capacity): 50e9 B/s, 500 ns, 1 MiB / n.
    nbytes, latency_s, capacity = 2**20 // ranks, 500e-9, 50e9
    steps = 2 * (ranks - 1)
    step = make_task_graph(
        ranks,
        nbytes=nbytes,
        latency_ticks=5 * 10**8,
        route_link=np.arange(ranks),
        capacity_bytes_per_s=np.full(ranks, capacity),
    )
    at, rank = np.arange(1, steps)[:, None], np.arange(ranks)[None, :]
    graph = instantiate(step, steps, cross_edges=CrossEdges(at - 1, (rank - 1) % ranks, at, rank))
    closed_form_s = steps * (latency_s + nbytes / capacity)
    assert simulate(graph, "compiled").makespan_s == pytest.approx(closed_form_s, rel=1e-9)


def test_numba_is_not_imported_by_small_runs() -> None:
    script = (
        "import sys\nfrom accelsim.engine import make_task_graph, simulate\n"
        "simulate(make_task_graph(3, work_ticks=1))\nprint('numba' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "False"


def test_a_change_in_any_kernel_file_makes_a_new_cache(tmp_path: Path) -> None:
    for name in ("_kernel.py", "_heaps.py", "run.py"):
        (tmp_path / name).write_text("x = 1")
    before = source_stamp(tmp_path)
    (tmp_path / "run.py").write_text("x = 2")  # Not compiled.
    assert source_stamp(tmp_path) == before
    (tmp_path / "_heaps.py").write_text("x = 2")
    assert source_stamp(tmp_path) != before


def test_the_first_folder_that_takes_a_file_is_used(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert first_writable([blocked / "a", tmp_path / "b", tmp_path / "c"]) == tmp_path / "b"
    assert first_writable([blocked / "a"]) is None


def test_it_runs_where_the_cache_cannot_be_written(tmp_path: Path) -> None:
    # A copy of the package without write permission, and no home to fall back to; only root could write there.
    package = tmp_path / "site" / "accelsim"
    shutil.copytree(Path(accelsim.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is needed")
    (package / "engine" / "__pycache__").write_text("likewise")
    script = (
        "import accelsim.engine._jit as j; from accelsim.engine._kernel import turn_round; import numpy as np\n"
        "pointers, waiting = np.zeros(3, np.int64), np.zeros(1, np.int32)\n"
        "turn_round(np.array([0, 0, 1]), np.zeros(1, np.int32), pointers, waiting)\n"
        "print(j.__file__, j._FOLDER, waiting[0])"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(package.parent),
        "HOME": str(blocked),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment |= {"XDG_CACHE_HOME": str(blocked)}
    environment.pop("NUMBA_CACHE_DIR", None)
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert result.stdout.split() == [str(package / "engine" / "_jit.py"), "None", "1"]
    assert result.stderr.startswith("compiling the engine for large runs (about 7 s, in every process: no folder")
    assert result.stderr.count("\n") == 1


def test_nothing_is_said_where_machine_code_is_kept() -> None:
    simulate(make_task_graph(1, work_ticks=1), "compiled")
    assert is_kept()
    script = (
        "from accelsim.engine import make_task_graph, simulate; simulate(make_task_graph(1, work_ticks=1), 'compiled')"
    )
    result = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("", "")
