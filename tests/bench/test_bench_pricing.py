"""Benchmarks of pricing; run with ``pytest tests/bench/test_bench_pricing.py --benchmark-enable``;
``--benchmark-timer=time.process_time`` leaves out what neighbours take.

Per operator: one alone, and one of a pass priced together (``extra_info`` has microseconds each).  A search: candidates
of ``--plan auto`` per second, from the plans offered to the chosen one.
"""

from __future__ import annotations

import pytest
from pricing_cases import CHIP, DECODES, PREFILLS, Passes, search, search_job
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.cost.base import COST_MODELS, Region
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.phase import Phase


def test_one_operator(benchmark: BenchmarkFixture) -> None:
    model, region = COST_MODELS.get("gpu")(), Region(*CHIP.core_grid)
    assert benchmark(model.cost, Gemm.of(77, 4096, 4096), CHIP, region).work_s > 0


@pytest.mark.parametrize("phases", [DECODES, PREFILLS], ids=["decode", "prefill"])
def test_operators_of_many_passes(benchmark: BenchmarkFixture, phases: list[Phase]) -> None:
    model, region = COST_MODELS.get("gpu")(), Region(*CHIP.core_grid)
    operators = Passes.of(phases).operators
    costs = benchmark(model.costs, operators, CHIP, region)
    assert len(costs) == len(operators) > 300
    if benchmark.stats is not None:
        benchmark.extra_info["us_each"] = 1e6 * benchmark.stats.stats.min / len(operators)


def test_candidates_of_a_search(benchmark: BenchmarkFixture) -> None:
    job, number = search_job()
    plan = benchmark(search, job)
    assert plan.tp > 1
    if benchmark.stats is not None:
        benchmark.extra_info["candidates_per_s"] = number / benchmark.stats.stats.min
