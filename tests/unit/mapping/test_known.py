"""Prices that are remembered: a what-if prices what it relieves and takes the rest, and gets what a new run gets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.cost.causes import COLLECTIVE_LAUNCH, LINK_LATENCY
from accelsim.cost.gpu.model import GpuCostModel
from accelsim.cost.relieve import reliefs
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.mapping.job import Job
from accelsim.mapping.known import Known
from accelsim.mapping.plan import Plan
from accelsim.network.pricing import NetworkPricer
from accelsim.pipeline import play
from accelsim.workload.formats.hf import load_model
from accelsim.workload.recipe import Recipe

CAUSES = ("compute", "hbm", "l2", "launch", "latency", "exposed communication", LINK_LATENCY, COLLECTIVE_LAUNCH)


@pytest.fixture
def priced(monkeypatch):
    """Names of the operators that are really priced, on cores and between ranks."""
    found = []
    on_cores, between = GpuCostModel.costs, NetworkPricer.cost
    monkeypatch.setattr(
        GpuCostModel, "costs", lambda self, ops, *a: found.extend(op.kind for op in ops) or on_cores(self, ops, *a)
    )
    monkeypatch.setattr(NetworkPricer, "cost", lambda self, op: found.append(op.kind) or between(self, op))
    return found


def job_of(model, system, phase, plan, **options):
    return Job(load_model(model), load_system(system), phase, Plan.parse(plan), Recipe.of(DType.BF16), **options)


def relieved(job, cause):
    system, _ = next(reliefs(job.system, cause, 2.0))
    return replace(job, system=system)


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(
    ("model", "plan", "phase"),
    [
        ("llama3-8b", "tp=8", Decode(8, 300, 1)),
        ("llama3-8b", "tp=2", Prefill(1, 700)),
        ("llama3-8b", "tp=8", Decode(2, 0, 30)),
        ("mixtral-8x7b", "tp=4,ep=4", Decode(16, 100, 5)),
    ],
)
def test_a_what_if_from_known_prices_is_the_run_from_none(cause, model, plan, phase):
    job = job_of(model, "nvidia-dgx-h100", phase, plan)
    play(job)
    from_known = play(relieved(job, cause))
    from_none = play(replace(relieved(job, cause), known=Known()))
    assert from_known.timeline.makespan_ticks == from_none.timeline.makespan_ticks
    for mine, theirs in zip(from_known.mapped.blocks, from_none.mapped.blocks, strict=True):
        assert [one.cost for one in mine.operators] == [one.cost for one in theirs.operators]
        for index, steps in mine.growing.items():
            other = theirs.growing[index].costs
            assert steps.costs.work_s.tolist() == other.work_s.tolist()
            assert {k: v.tolist() for k, v in steps.costs.parts_s.items()} == {
                k: v.tolist() for k, v in other.parts_s.items()
            }


def test_relieved_links_reprice_collectives_only_and_a_relieved_chip_no_collective(priced):
    job = job_of("llama3-8b", "nvidia-dgx-h100", Decode(8, 300, 20), "tp=8")
    play(job)
    priced.clear()
    play(relieved(job, "exposed communication"))
    assert set(priced) == {"collective"}
    priced.clear()
    play(relieved(job, "hbm"))
    assert "collective" not in priced
    assert "gemm" in priced


def test_the_same_job_again_prices_nothing(priced):
    job = job_of("llama3-8b", "nvidia-dgx-h100", Decode(8, 300, 20), "tp=8")
    play(job)
    priced.clear()
    play(replace(job, ignore_capacity=True))
    assert priced == []
    play(replace(job, known=Known()))
    assert priced != []


def test_what_ifs_of_a_run_are_runs_of_relieved_systems():
    job = job_of("llama3-8b", "nvidia-dgx-h100", Decode(8, 300, 20), "tp=8")
    result = simulate("llama3-8b", job.system, job.phase, "tp=8")
    assert len(result.bottleneck.what_ifs) == 2
    for what_if in result.bottleneck.what_ifs:
        by_change = {change: cause for cause in CAUSES for _, change in reliefs(job.system, cause, 2.0)}
        alone = play(replace(relieved(job, by_change[what_if.change]), known=Known()))
        assert what_if.latency_s == alone.timeline.makespan_s


def test_what_is_made_of_the_same_parts_is_made_once():
    known, parts = Known(), [object(), object()]
    first = known.made(lambda *given: object(), *parts)
    make = dict.fromkeys
    assert known.made(make, "ab", "c") is known.made(make, "ab", "c")
    assert known.made(make, "ab", "d") == {"a": "d", "b": "d"}
    assert known.made(lambda *given: object(), *parts) is not first  # another function


def test_parts_are_told_apart_as_objects():
    known, one, equal = Known(), [1], [1]
    assert known.made(tuple, one) is known.made(tuple, one)
    other = known.made(list, one)
    assert known.made(list, equal) is not other
