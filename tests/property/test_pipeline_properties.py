"""What must hold for every run, whatever the model, phase and plan."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import Decode, Plan, Prefill, simulate
from accelsim.dtypes import DType
from accelsim.workload.model import Model

CHIPS = {"nvidia-dgx-a100:4": [1, 2, 4], "google-tpu-v4-pod:4": [1, 2, 4], "cerebras-cs2": [1]}


@st.composite
def models(draw):
    kv_heads = draw(st.sampled_from([4, 8]))
    heads = kv_heads * draw(st.sampled_from([1, 2, 4]))
    head_dim = draw(st.sampled_from([64, 128]))
    return Model(
        name="drawn",
        hidden_size=heads * head_dim,
        intermediate_size=draw(st.sampled_from([1024, 4096])),
        num_hidden_layers=draw(st.integers(1, 4)),
        vocab_size=draw(st.sampled_from([1024, 32000])),
        max_position_embeddings=100_000,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        torch_dtype=DType.BF16,
    )


phases = st.one_of(
    st.builds(Prefill, batch=st.sampled_from([1, 2, 8]), prompt=st.integers(1, 600)),
    st.builds(Decode, batch=st.sampled_from([1, 2, 8]), context=st.integers(0, 3000), steps=st.integers(1, 3)),
)


@settings(max_examples=30, deadline=None)
@given(model=models(), phase=phases, data=st.data())
def test_every_run_keeps_its_books(model, phase, data):
    system = data.draw(st.sampled_from(sorted(CHIPS)))
    plan = Plan(tp=data.draw(st.sampled_from(CHIPS[system])))
    result = simulate(model, system, phase, plan, what_ifs=False)
    ledger = result.ledger

    assert sum(ledger.cause_s.values()) == pytest.approx(result.latency_s, rel=1e-6)
    assert sum(row.flops for row in ledger.rows) == ledger.flops
    for level, nbytes in ledger.traffic_bytes.items():
        assert sum(row.traffic_bytes.get(level, 0.0) for row in ledger.rows) == pytest.approx(nbytes)
    main = result.footprint.memory
    moved = sum(r.traffic_bytes.get(main, 0.0) for r in ledger.rows if r.kind != "collective")
    assert sum(ledger.role_bytes.values()) == pytest.approx(moved)
    # Never faster than the roofline of the peaks: FLOPs of all chips, weights and KV cache once.
    chip = result.machine.chip
    matrix_flops = sum(row.flops for row in ledger.rows if row.kind in ("gemm", "attention"))
    peak = chip.peak_flops_per_s(DType(result.dtype)) * plan.num_ranks
    assert result.latency_s >= matrix_flops / peak
    assert 0 < result.utilisation.mfu_fraction <= 1


@settings(max_examples=15, deadline=None)
@given(model=models(), phase=phases)
def test_the_engines_agree_on_whole_runs_and_a_run_repeats_to_the_bit(model, phase):
    runs = [
        simulate(model, "nvidia-dgx-a100:4", phase, "tp=2", engine=engine, what_ifs=False).latency_s
        for engine in ("simpy", "compiled", "simpy")
    ]
    assert runs[0] == runs[1] == runs[2]


@settings(max_examples=20, deadline=None)
@given(model=models(), phase=phases, factor=st.sampled_from([1.5, 2.0, 4.0]))
def test_more_memory_bandwidth_is_never_slower_under_the_same_plan(model, phase, factor):
    from dataclasses import replace

    from accelsim.cost.relieve import reliefs
    from accelsim.hardware.system import load_system

    system = load_system("nvidia-dgx-a100:4")
    faster, _ = next(reliefs(system, "hbm", factor))
    plan = Plan(tp=2)
    slow_s = simulate(model, replace(system), phase, plan, what_ifs=False).latency_s
    assert simulate(model, faster, phase, plan, what_ifs=False).latency_s <= slow_s * (1 + 1e-12)
