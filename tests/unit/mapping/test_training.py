"""Sharded training steps: flops and bytes of all ranks are those of the whole, memory is Korthikanti's closed form."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import Training, load_model, simulate
from accelsim.dtypes import DType
from accelsim.mapping.parallel.sequence import share_sequence
from accelsim.mapping.parallel.stages import stages_of_step
from accelsim.mapping.plan import Plan
from accelsim.mapping.shard import shard_all
from accelsim.mapping.training_footprint import kept_bytes
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
