"""Benchmarks of pricing; run with ``pytest tests/bench/test_bench_pricing.py --benchmark-enable``;
``--benchmark-timer=time.process_time`` leaves out what neighbours take.

Per operator: one alone, and one of a pass priced together (``extra_info`` has microseconds each).  A search: candidates
of ``--plan auto`` per second, from the plans offered to the chosen one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from accelsim.case.case import Case
from accelsim.cost.base import COST_MODELS, Region
from accelsim.hardware.system import load_system
from accelsim.mapping.auto import choose_plan
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.known import Known
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard
from accelsim.pipeline import latency_of
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operator import Operator
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.phase import Decode, Phase, Prefill

CHIP = load_system("nvidia-dgx-h100").chip
DECODES: list[Phase] = [Decode(batch, 1024) for batch in range(1, 65)]
PREFILLS: list[Phase] = [Prefill(1, prompt) for prompt in range(128, 4096, 128)]


def operators_of(phases: list[Phase]) -> list[Operator]:
    """Distinct operators on cores of passes of llama3-8b, as one of two ranks runs them."""
    model = load_model("llama3-8b")
    shares = [shard(build_workload(model, phase), Plan(tp=2)) for phase in phases]
    graphs = [segment.graph for share in shares for segment in share.segments]
    return list(dict.fromkeys(op for graph in graphs for op in graph if op.kind != "collective"))


def test_one_operator(benchmark: BenchmarkFixture) -> None:
    model, region = COST_MODELS.get("gpu")(), Region(*CHIP.core_grid)
    assert benchmark(model.cost, Gemm.of(77, 4096, 4096), CHIP, region).work_s > 0


@pytest.mark.parametrize("phases", [DECODES, PREFILLS], ids=["decode", "prefill"])
def test_operators_of_many_passes(benchmark: BenchmarkFixture, phases: list[Phase]) -> None:
    model, region = COST_MODELS.get("gpu")(), Region(*CHIP.core_grid)
    operators = operators_of(phases)
    costs = benchmark(model.costs, operators, CHIP, region)
    assert len(costs) == len(operators) > 300
    if benchmark.stats is not None:
        benchmark.extra_info["us_each"] = 1e6 * benchmark.stats.stats.min / len(operators)


def test_candidates_of_a_search(benchmark: BenchmarkFixture) -> None:
    job = Case.of("llama3-70b", "nvidia-dgx-h100", Decode(8, 1024), "auto").load().job
    number = sum(len(list(execution().candidates(job))) for _, execution in EXECUTIONS.items())
    plan = benchmark(lambda: choose_plan(replace(job, known=Known()), "auto", latency_of))
    assert plan.tp > 1
    if benchmark.stats is not None:
        benchmark.extra_info["candidates_per_s"] = number / benchmark.stats.stats.min
