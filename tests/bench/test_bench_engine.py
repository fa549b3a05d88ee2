"""Benchmarks of the engine; run with ``pytest tests/bench --benchmark-enable``.

They never fail on time; what they assert is that the measured run did the work.
"""

from __future__ import annotations

import pytest
from engine_cases import GRAPHS, ring_all_reduce_folded
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.engine import run_program, simulate

CASES = [
    ("server_tasks", 10_000, "simpy"),
    ("server_tasks", 100_000, "compiled"),
    ("mixed_tasks", 10_000, "simpy"),
    ("mixed_tasks", 100_000, "compiled"),
    ("shared_transfers", 100_000, "compiled"),
    ("ring_all_reduce", 64, "compiled"),
    ("torus_all_reduce", 8, "compiled"),
    ("mesh_permutation", 16, "compiled"),
]


@pytest.mark.parametrize(("case", "size", "engine"), CASES)
def test_run(benchmark: BenchmarkFixture, case: str, size: int, engine: str) -> None:
    graph = GRAPHS[case](size)
    simulate(graph, engine)  # type: ignore[arg-type]  # Loads the machine code.
    timeline = benchmark(simulate, graph, engine)
    assert timeline.num_tasks == graph.num_tasks


@pytest.mark.parametrize("case", ["server_tasks", "mixed_tasks", "shared_transfers"])
def test_build(benchmark: BenchmarkFixture, case: str) -> None:
    graph = benchmark(GRAPHS[case], 100_000)
    assert graph.num_tasks == 100_000


@pytest.mark.parametrize("ranks", [1024, 1_048_576])
def test_folded_ring(benchmark: BenchmarkFixture, ranks: int) -> None:
    result = benchmark(lambda: run_program(ring_all_reduce_folded(ranks)))
    assert result.link_bytes.tolist() == [2 * (ranks - 1) * -(-(1 << 20) // ranks)]


@pytest.mark.parametrize("ranks", [2, 16])
def test_folded_and_unfolded_ring_take_the_same_time(ranks: int) -> None:
    folded = run_program(ring_all_reduce_folded(ranks))
    assert simulate(GRAPHS["ring_all_reduce"](ranks)).makespan_ticks == folded.makespan_ticks
