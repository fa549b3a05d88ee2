"""Benchmark of the placers; run with ``pytest tests/bench/test_bench_placement.py --benchmark-enable``.

1,000 operators on 1,000 x 1,000 tiles; without ``--benchmark-enable`` a tenth of both, with a hundredth of the budget.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.mapping.placement.base import PLACERS, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.placement import check_legal

BUDGET, QUICK = 10_000, 100
LIMIT_S = 60.0


def operators(count: int) -> PlacementProblem:
    """A chain with a residual around each operator, sizes from 300 to 1,500 tiles: nine tenths of the grid."""
    rng = np.random.default_rng(0)
    items = tuple(Item(f"o{i}", int(n), int(n) // 2) for i, n in enumerate(rng.integers(300, 1500, count)))
    wires = tuple(
        ItemWire(i, min(count - 1, i + step), float(rng.uniform(0.1, 1))) for i in range(count) for step in (1, 2)
    )
    return PlacementProblem((1000, count), items, wires)


@pytest.mark.parametrize("name", ["greedy", "annealing"])
def test_a_thousand_operators_on_a_million_tiles(benchmark: BenchmarkFixture, name: str) -> None:
    count, budget = (1000, BUDGET) if benchmark.enabled else (100, QUICK)
    problem = operators(count)
    PLACERS.get(name)  # imports the placers
    start_s = time.process_time()
    found = benchmark.pedantic(lambda: PLACERS.get(name)(problem, np.random.default_rng(0), budget), rounds=1)
    assert time.process_time() - start_s < LIMIT_S
    check_legal(problem.grid, {item.name: (0, r) for item, r in zip(problem.items, found, strict=True)})
