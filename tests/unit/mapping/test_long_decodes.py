"""A long decode is few values, and what its steps are one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim import simulate
from accelsim.cost.gpu.model import GpuCostModel
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.lower import lower
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.shard import shard, shard_series
from accelsim.workload.build import build_step
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode
from accelsim.workload.recipe import Recipe
from accelsim.workload.series import build_series
from accelsim.workload.steps import StepSeries
from accelsim.workload.types import Types

COSTS = GpuCostModel.costs
PHASE = Decode(batch=2, context=0, steps=9)
PLAN = Plan(tp=4)
COLUMNS = ("server", "work_ticks", "nbytes", "latency_ticks", "priority", "route_ptr", "route_link", "label")


def one_by_one(model, phase, attention="flash"):
    """Every step on its own, sharing nothing with the others."""
    return [build_step(model, phase, step, Recipe.of(model.torch_dtype, attention)) for step in range(phase.steps)]


def in_series(model, phase, attention="flash"):
    return build_series(model, phase, Recipe.of(model.torch_dtype, attention))


def steps_of(series):
    return [step for one in series for step in one]


@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("name", ["llama3-8b", "mistral-7b", "gpt3-13b", "deepseek-v3", "gpt-oss-120b"])
def test_steps_of_a_series_equal_steps_built_alone(name, attention):
    model = load_model(name)
    series = in_series(model, PHASE, attention)
    assert steps_of(series) == one_by_one(model, PHASE, attention)
    assert [one.count for one in series] == [1, 8]  # the first step has no cache


def test_only_what_depends_on_the_length_of_the_cache_grows():
    (series,) = in_series(load_model("llama3-8b"), replace(PHASE, context=7))
    graph = series.first.segments[1].graph
    assert [[graph.operators[index].name for index in growing] for growing in series.growing] == [
        [],
        ["attn.attention"],
        [],
    ]
    assert series.at(4).segments[0] is series.first.segments[0]  # embedding


@pytest.mark.parametrize(
    ("context", "counts"), [(0, [1, 11]), (4080, [12]), (4090, [6, 6]), (4094, [2, 10]), (4095, [12]), (5000, [12])]
)
def test_a_window_that_fills_on_the_way_ends_a_series(context, counts):
    model = load_model("mistral-7b")  # a window of 4,096: with 4,095 cached tokens it is full
    phase = Decode(batch=1, context=context, steps=12)
    series = in_series(model, phase)
    assert steps_of(series) == one_by_one(model, phase)
    assert [one.count for one in series] == counts


def test_a_decode_of_any_length_is_few_builds(monkeypatch):
    built = []
    monkeypatch.setattr("accelsim.workload.series.build_step", lambda *a: built.append(a[2]) or build_step(*a))
    in_series(load_model("llama3-8b"), Decode(1, 100, 200_000))
    assert sorted(built) == [0, 1, 199_999]


@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("name", ["llama3-8b", "deepseek-v3", "gpt-oss-120b"])
def test_series_sharded_equal_steps_sharded_alone(name, attention):
    model = load_model(name)
    shares = shard_series(in_series(model, PHASE, attention), PLAN)
    assert steps_of(shares) == [shard(step, PLAN) for step in one_by_one(model, PHASE, attention)]
    assert [one.count for one in shares] == [1, 8]


def test_what_does_not_grow_evenly_under_a_pass_falls_apart_into_steps():
    (series,) = in_series(load_model("llama3-8b"), replace(PHASE, context=7))
    odd = [replace(one, tokens=one.tokens + at) for at, one in enumerate(series)]
    grown = series.map(lambda passes: odd if len(passes) > 3 else [odd[0], series.at(1), replace(odd[-1], segments=())])
    assert [one.count for one in grown] == [1] * 9
    assert steps_of(grown) == odd


def test_columns_are_the_figures_step_by_step_whether_on_a_line_or_not():
    (series,) = in_series(load_model("llama3-8b"), replace(PHASE, context=7, steps=40))
    (attention,) = series.growing[1].values()
    for figure in (lambda op: op.kv_len, lambda op: op.flops, lambda op: op.kv_len**2, lambda op: op.kv_len // 3):
        assert attention.column(figure).tolist() == [figure(attention.at(step)) for step in range(40)]
    assert series.total(lambda one: one.flops) == sum(one.flops for one in series)


@pytest.mark.parametrize("attention", ["flash", "standard"])
@pytest.mark.parametrize("plan", [Plan(tp=4), Plan(tp=1)])
def test_steps_lowered_together_equal_steps_lowered_alone(plan, attention):
    model, system = load_model("llama3-8b"), load_system("nvidia-dgx-h100:4")
    region = region_of(plan, system.chip)
    pricer = Pricer(system, region)
    shares = shard_series(in_series(model, PHASE, attention), plan)
    together = lower([pricer.price_series(share) for share in shares], system)
    steps = one_by_one(model, PHASE, attention)
    alone = [lower([Pricer(system, region).price(shard(step, plan))], system) for step in steps]
    stages = [stage for one in alone for stage in one.program.stages]
    blocks = [block for one in alone for block in one.blocks]
    assert len(together.program.written) == 6
    assert len(together.program.stages) == len(stages) == 3 * PHASE.steps
    for ours, theirs in zip(together.program.stages, stages, strict=True):
        assert (ours.name, ours.repeat, ours.graph.labels) == (theirs.name, theirs.repeat, theirs.graph.labels)
        for column in COLUMNS:
            assert getattr(ours.graph, column).tolist() == getattr(theirs.graph, column).tolist(), column
        for task in range(ours.graph.num_tasks):
            assert ours.graph.predecessors(task).tolist() == theirs.graph.predecessors(task).tolist()
    for ours, theirs in zip(together.unrolled().blocks, blocks, strict=True):
        assert [(one.operator, one.cost) for one in ours.operators] == [(o.operator, o.cost) for o in theirs.operators]
        assert (ours.predecessors, ours.count) == (theirs.predecessors, 1)
    # Embedding and head once, the decoder once per length of the cache.
    distinct = together.program.distinct_stages()
    assert sum(stage.num_variants for stage in distinct) == 2 + PHASE.steps


def test_equal_blocks_of_workloads_built_apart_are_one_object():
    model, system = load_model("llama3-8b"), load_system("nvidia-dgx-h100:1")
    pricer = Pricer(system, region_of(Plan(), system.chip))
    first, second = (pricer.price(build_step(model, PHASE, 1)) for _ in range(2))
    assert all(a is b for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", ["llama3-8b", "deepseek-v3", "gpt-oss-120b"])
@pytest.mark.parametrize("system", ["nvidia-dgx-h100:1", "google-tpu-v5p:1"])
def test_attentions_priced_in_columns_equal_attentions_priced_alone(name, system):
    machine = load_system(system)
    pricer = Pricer(machine, region_of(Plan(), machine.chip))
    for series in in_series(load_model(name), Decode(batch=4, context=500, steps=7)):
        for block in pricer.price_series(series):
            for steps in block.growing.values():
                for step in range(series.count):
                    alone, figures = steps.at(step), steps.figures(step)
                    assert alone.operator == figures.operator
                    for what in ("work_s", "traffic_bytes", "parts_s", "energy_j", "limiter"):
                        assert getattr(alone.cost, what) == getattr(figures.cost, what)


@pytest.mark.parametrize("types", [Types.of(DType.BF16), replace(Types.of(DType.BF16), kv=DType.FP8)], ids=str)
def test_a_gpu_prices_all_steps_of_a_decode_in_one_call(monkeypatch, types):
    machine = load_system("nvidia-dgx-h100:1")
    series = build_series(load_model("llama3-8b"), Decode(4, 500, 50), Recipe(types))
    pricer = Pricer(machine, region_of(Plan(), machine.chip))
    priced = []
    monkeypatch.setattr(
        GpuCostModel, "costs", lambda self, ops, *a: priced.extend(op.kind for op in ops) or COSTS(self, ops, *a)
    )
    pricer.price_series(series[0])
    assert priced.count("attention") == 3  # the first step for its block, both ends to compare with


def test_many_steps_are_priced_in_parts(monkeypatch):
    monkeypatch.setattr("accelsim.cost.gpu.kernels.attention_decode.STEPS_AT_ONCE", 3)
    system = load_system("nvidia-dgx-h100")
    pricer = Pricer(system, region_of(PLAN, system.chip))
    (series,) = in_series(load_model("llama3-8b"), Decode(batch=4, context=500, steps=7))
    (steps,) = pricer.price_series(series)[1].growing.values()
    assert steps.costs.work_s.tolist() == [steps.at(step).cost.work_s for step in range(7)]


CASES = [
    ("llama3-8b", "nvidia-dgx-h100", "tp=1", Decode(2, 0, 12)),
    ("llama3-8b", "nvidia-dgx-h100", "tp=8", Decode(2, 300, 12)),
    ("mistral-7b", "nvidia-dgx-h100", "tp=2", Decode(1, 4090, 12)),
    ("deepseek-v3", "nvidia-dgx-h200", "tp=8,ep=8", Decode(16, 512, 8)),
    ("gpt-oss-120b", "nvidia-dgx-h100", "tp=8", Decode(4, 120, 12)),
    ("gpt3-13b", "nvidia-dgx-a100", "tp=4", Decode(1, 100, 8)),
    ("llama3-8b", "google-tpu-v5p", "tp=1", Decode(4, 512, 8)),
]


@pytest.mark.parametrize("standard", [False, True], ids=["flash", "standard"])
@pytest.mark.parametrize(("model", "system", "plan", "phase"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_run_in_series_equals_the_run_step_by_step(monkeypatch, model, system, plan, phase, standard):
    def run():
        attention = "standard" if standard else "flash"
        return simulate(model, system, phase, plan, attention=attention, ignore_capacity=True, what_ifs=False)

    together = run()
    monkeypatch.setattr(
        "accelsim.mapping.known.build_series",
        lambda *a: tuple(StepSeries.one(step, at) for at, step in enumerate(steps_of(build_series(*a)))),
    )
    alone = run()
    assert len(alone.timeline.series) == phase.steps > len(together.timeline.series)
    assert together.timeline.makespan_ticks == alone.timeline.makespan_ticks
    for column in ("link_bytes", "link_busy_ticks", "server_busy_ticks"):
        assert np.array_equal(getattr(together.timeline, column), getattr(alone.timeline, column))
    assert together.ledger.rows == alone.ledger.rows
    assert (together.ledger.traffic_bytes, together.ledger.role_bytes, together.ledger.flops) == (
        alone.ledger.traffic_bytes, alone.ledger.role_bytes, alone.ledger.flops
    )  # fmt: skip
    assert together.ledger.cause_s == pytest.approx(alone.ledger.cause_s, rel=1e-12)
    assert together.ledger.critical_cause_s == pytest.approx(alone.ledger.critical_cause_s, rel=1e-12)
    # Of extents that leave a range step after step, a series names the first and the last.
    assert set(together.warnings) <= set(alone.warnings)
    assert {text.partition(":")[0] for text in together.warnings} == {text.partition(":")[0] for text in alone.warnings}
    assert standard or together.warnings == alone.warnings
    for name in ("memory", "tasks", "power"):
        ours, theirs = together.table(name), alone.table(name)
        assert list(ours.columns) == list(theirs.columns)
        for column in ours.columns:
            if ours[column].dtype.kind == "f":
                np.testing.assert_allclose(ours[column], theirs[column], rtol=1e-12, atol=1e-300)
            else:
                assert ours[column].tolist() == theirs[column].tolist()


def test_a_decode_that_grows_beyond_the_positions_of_its_model_says_so():
    inside = simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 8180, 12), what_ifs=False)  # ends at 8,192, the limit
    beyond = simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 8180, 13), what_ifs=False)
    assert not any(text.startswith("long-context") for text in inside.warnings)
    assert any("8193 positions exceed max_position_embeddings=8192" in text for text in beyond.warnings)


def test_power_of_very_many_steps_is_shown_in_slices_of_the_same_energy_and_peaks_as_the_steps_do(monkeypatch):
    def run():
        return simulate("llama3-8b", "nvidia-dgx-h100", Decode(2, 300, 25), "tp=8", what_ifs=False)

    every = run()
    highest_w, peak = every.table("power")["power_w"].max(), every.power
    monkeypatch.setattr("accelsim.results.shown.MAX_ROUNDS", 10)
    sliced = run()
    table = sliced.table("power")
    assert len(table) == 9  # slices of three steps, the last of one
    assert table["start_s"].tolist()[1:] == table["end_s"].tolist()[:-1]
    joules = (table["power_w"] * (table["end_s"] - table["start_s"]) * table["repeat"]).sum()
    assert joules == pytest.approx(sliced.energy.total_j, rel=1e-9)
    assert sliced.power == peak
    assert peak.peak_w == pytest.approx(highest_w, rel=1e-12)
