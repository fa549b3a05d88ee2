"""Sharded training steps: flops and bytes of all ranks are those of the whole, memory is Korthikanti's closed form."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import Training, load_model, simulate
from accelsim.case.case import Case
from accelsim.cost.call import Call, LevelSteps
from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.engine.program import run_program
from accelsim.mapping.execution.whole_chip.cells import StageProgram, lower_pipelined
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.execution.whole_chip.training import share_of_iteration
from accelsim.mapping.execution.whole_chip.training_stages import orders_of, price_stages
from accelsim.mapping.lower import lower
from accelsim.mapping.parallel.sequence import share_sequence
from accelsim.mapping.parallel.stages import stages_of_step
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import PricedOperator, Pricer
from accelsim.mapping.schedule.base import SCHEDULES, TRAINING, bubble_fraction
from accelsim.mapping.seating import seats_of
from accelsim.mapping.shard import shard_all
from accelsim.mapping.training_footprint import kept_bytes
from accelsim.workload.group import Group
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.recipe import Recipe
from accelsim.workload.training import TrainingStep, training_step
from accelsim.workload.traversal import Traversal

SMALL = load_model("gpt3-175b").model_copy(
    update={
        "num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8, "num_key_value_heads": 8,
        "intermediate_size": 2048, "head_dim": 64, "vocab_size": 1024, "embedding_size": 512, "name": "small",
    }
)  # fmt: skip
GPT3 = load_model("gpt3-175b")
SEQ = 256


def step_of(model, plan: Plan, batch: int = 1, seq: int = SEQ, dropout: bool = True) -> TrainingStep:
    forward = model.build(Traversal.uniform(batch, seq), Recipe.of(DType.FP16, "standard", "all"))
    step = training_step(forward, plan.recompute, dropout).map(lambda both: shard_all(both, plan))
    return step.map(lambda both: share_sequence(both, plan)) if plan.sp == "on" else step


def products(step: TrainingStep) -> int:
    both = (*step.forward.segments, *step.backward.segments)
    return sum(s.repeat * sum(op.flops for op in s.graph if op.kind == "gemm") for s in both)


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(["off", "on"]),
    st.sampled_from(["none", "selective", "full"]),
    st.sampled_from([64, 128]),
)
def test_products_of_all_ranks_are_those_of_the_whole(tp: int, sp: str, recompute: str, seq: int) -> None:
    plan = Plan(tp=tp, sp=sp, recompute=recompute)
    assert tp * products(step_of(SMALL, plan, 1, seq)) == products(step_of(SMALL, Plan(recompute=recompute), 1, seq))


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([1, 2, 3, 5, 8]), st.sampled_from(["none", "full"]))
def test_stages_together_are_the_step(pp: int, recompute: str) -> None:
    step = step_of(SMALL, Plan(recompute=recompute))
    parts = stages_of_step(step, pp)
    for way in ("forward", "backward"):
        assert sum(getattr(part, way).flops for part in parts) == getattr(step, way).flops
    assert sum(kept_bytes(part.backward) for part in parts) == kept_bytes(step.backward)


@pytest.mark.parametrize(
    ("sp", "recompute", "form"),
    [
        # Korthikanti et al. 2022, equations 2 to 6: bytes over s b h, with x = 5 a s / h
        ("off", "none", lambda t, x: 10 + 24 / t + x / t),
        ("on", "none", lambda t, x: (34 + x) / t),
        ("off", "selective", lambda t, x: 10 + 24 / t),
        ("on", "selective", lambda t, x: 34 / t),
        ("off", "full", lambda t, x: 2),
    ],
)
def test_a_layer_of_gpt3_keeps_the_closed_form(sp, recompute, form) -> None:
    seq, hidden, heads, tp = 2048, 12288, 96, 8
    step = step_of(GPT3, Plan(tp=tp, sp=sp, recompute=recompute), 1, seq)
    layers = dataclasses.replace(step.backward, segments=(step.backward.segments[1],))
    assert kept_bytes(layers) == 96 * seq * hidden * form(tp, 5 * heads * seq / hidden)


def test_memory_of_the_first_stage_is_18_bytes_per_parameter_and_all_layers_of_one_microbatch() -> None:
    phase = Training(seq=2048, global_batch=16, micro_batch=1, dropout=True)
    result = simulate(
        GPT3, "nvidia-dgx-a100:64", phase, "tp=8,pp=8,sp=on,recompute=selective,schedule=1f1b",
        attention="standard", what_ifs=False,
    )  # fmt: skip
    memory = result.to_dict()["memory_bytes"]
    # 34 s b h / t for each of L layers: p microbatches in flight of L / p layers each; ids are 4 B a token
    assert memory["activation"] == pytest.approx(34 * 2048 * 12288 * 96 / 8, rel=1e-3)
    assert memory["gradient"] == 2 * memory["weight"] and memory["optimizer_state"] == 6 * memory["weight"]


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
def test_an_iteration_on_stages_names_its_figures_and_both_engines_agree(schedule: str) -> None:
    phase = Training(seq=256, global_batch=8, micro_batch=1)
    plan = f"tp=2,pp=4,schedule={schedule}"
    runs = [
        simulate(SMALL, "nvidia-dgx-a100:8", phase, plan, what_ifs=False, engine=engine)
        for engine in ("simpy", "compiled")
    ]
    assert runs[0].latency_s == runs[1].latency_s
    data = runs[0].to_dict()
    assert {"mfu", "hfu", "bubble_s", "idle_fraction", "tokens_per_s"} <= set(data)
    assert data["plan"]["microbatches"] == 8
    assert data["hfu"] >= data["mfu"] > 0
    assert sum(runs[0].ledger.cause_s.values()) == pytest.approx(runs[0].latency_s)


def test_recomputing_takes_longer_and_keeps_less() -> None:
    phase = Training(seq=256, global_batch=4, micro_batch=1)
    runs = [
        simulate(SMALL, "nvidia-dgx-a100:8", phase, f"tp=8,recompute={mode}", what_ifs=False)
        for mode in ("none", "full")
    ]
    assert runs[1].latency_s > runs[0].latency_s
    assert runs[1].footprint.role_bytes["activation"] < runs[0].footprint.role_bytes["activation"]
    assert runs[1].utilisation.mfu_fraction < runs[1].hfu_fraction


def test_zero_1_moves_as_many_bytes_as_an_all_reduce_of_gradients_and_half_of_the_gather() -> None:
    phase = Training(seq=256, global_batch=8, micro_batch=1)
    runs = {zero: simulate(SMALL, "nvidia-dgx-a100:8", phase, f"dp=8,zero={zero}", what_ifs=False) for zero in "01"}
    moved = {zero: run.ledger.traffic_bytes["nvlink"] for zero, run in runs.items()}
    # ring: all_reduce 2 x 4 B, reduce_scatter 4 B and all_gather 2 B per parameter
    assert moved["1"] / moved["0"] == pytest.approx(6 / 8, rel=0.01)
    states = {zero: run.footprint.role_bytes["optimizer_state"] for zero, run in runs.items()}
    assert states["0"] == pytest.approx(8 * states["1"], rel=1e-4)


def job_of(plan: str, system: str = "nvidia-dgx-a100:8"):
    phase = Training(seq=256, global_batch=8, micro_batch=1)
    return Case.of(SMALL, system, phase, plan).load(None).job


@pytest.mark.parametrize("plan", ["pp=4,schedule=1f1b,recompute=full", "pp=2,schedule=gpipe"])
def test_folded_cells_of_both_ways_are_the_cells_with_all_tasks_to_the_tick(plan: str) -> None:
    job = job_of(plan)
    iteration = share_of_iteration(job)
    stages, orders = price_stages(job, iteration), orders_of(job.plan, iteration.num_microbatches)
    runs = []
    for folded in (True, False):
        program, _, _ = lower_pipelined(stages, orders, job.system, 1, folded)
        runs.append((program.num_tasks, run_program(program).makespan_ticks))
    assert runs[0][0] < runs[1][0]
    assert runs[0][1] == runs[1][1]


@pytest.mark.parametrize("schedule", ["gpipe", "1f1b"])
@pytest.mark.parametrize(("num_stages", "num_microbatches"), [(2, 1), (3, 5), (4, 8)])
def test_the_bubble_of_unequal_ways_is_the_closed_form_to_the_tick(schedule, num_stages, num_microbatches) -> None:
    # makespan m (F + B) and a bubble of (p - 1) (F + B); F and B differ, transfers take no time
    job = job_of("tp=1")
    step = share_of_iteration(job).step
    pricer = Pricer(job.system, region_of(job.plan, job.system.chip), seats_of(job.plan, None), job.known)
    ways = [lower([pricer.price(dataclasses.replace(way, segments=way.segments[1:2]))], job.system)
            for way in (step.forward, step.backward)]  # fmt: skip
    forward, back = (run_program(way.program).makespan_ticks for way in ways)
    assert forward != back
    nothing = Cost.of_call(Call("send_recv", 0, 2, "direct"), 0.0, [LevelSteps("nvlink", (), 1, 0.0, math.inf)])
    send = PricedOperator(SendRecv.of(1, Group("pp", num_stages)), nothing)
    stages = [
        StageProgram(
            ways[0], send if at < num_stages - 1 else None, {"backward": StageProgram(ways[1], send if at else None)}
        )
        for at in range(num_stages)
    ]
    orders = [
        tuple(SCHEDULES.get(schedule).cells(at, num_stages, num_microbatches, TRAINING)) for at in range(num_stages)
    ]
    program, _, cells = lower_pipelined(stages, orders, job.system, 1)
    timeline = run_program(program).stages[0].timeline
    assert timeline.makespan_ticks == (num_microbatches + num_stages - 1) * (forward + back)
    assert cells.bubble_fraction(timeline) == pytest.approx(bubble_fraction(num_stages, num_microbatches), rel=1e-12)
