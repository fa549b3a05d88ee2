"""What is said to limit a run, and whether the what-ifs beside it move that."""

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.cost.causes import LINK_BYTES, LINK_LATENCY
from accelsim.results.bottleneck import MOVES, Bottleneck, WhatIf

#: One machine per way of execution: model, system, plan.
MACHINES = (
    ("llama3-8b", "nvidia-h100-sxm", "tp=1"),
    ("gpt2-xl", "nvidia-dgx-h100", "tp=5"),
    ("gpt2-xl", "amd-mi300x", "tp=1"),  # no calibration of its own
    ("gpt2-xl", "google-tpu-v5e", "tp=1"),
    ("llama3-8b", "aws-trainium2", "tp=1"),
    ("gpt2-xl", "graphcore-pod64:16", "tp=5"),
    ("llama3-8b", "cerebras-wse2", "region=360x360"),
    ("llama3-8b", "sram-array", "auto"),
    ("gpt2-xl", "sram-array", "execution=spatial"),
    ("llama3-8b", "cerebras-cs3", "execution=weight_streaming"),
)


@pytest.mark.parametrize(("model", "system", "plan"), MACHINES)
@pytest.mark.parametrize("phase", [Decode(1, 512), Prefill(1, 512)], ids=["decode", "prefill"])
def test_the_largest_cause_is_moved_by_a_what_if_or_the_text_says_that_none_does(model, system, plan, phase):
    found = simulate(model, system, phase, plan).bottleneck
    assert found.is_moved != ("no faster part of the machine moves that" in found.sentence)
    assert all(what_if.speedup >= MOVES for what_if in found.what_ifs)
    assert len({what_if.change for what_if in found.what_ifs}) == len(found.what_ifs)
    if found.is_moved:
        assert found.what_ifs[0].cause == found.cause


def test_small_messages_wait_for_latency_and_large_ones_for_bandwidth():
    small = simulate("llama3-8b", "nvidia-dgx-h100", Decode(1, 64), "tp=8").bottleneck
    assert small.cause == LINK_LATENCY
    assert small.what_ifs[0].change == "1/2 link latency"
    # halving what takes a share f of the time gains 1 / (1 - f / 2)
    assert small.what_ifs[0].speedup == pytest.approx(1 / (1 - small.fraction / 2), rel=0.03)
    large = simulate("gpt2-xl", "nvidia-dgx-h100", Prefill(16, 1024), "tp=5").bottleneck
    assert large.cause == LINK_BYTES
    assert large.what_ifs[0].change == "2x link bandwidth"


def test_a_collective_whose_link_idles_is_not_limited_by_the_link():
    result = simulate("gpt2-xl", "nvidia-dgx-h100", Decode(1, 64), "tp=5", what_ifs=False)
    limits = {row.operator: row.limiter for row in result.ledger.rows if row.kind == "collective"}
    assert set(limits.values()) == {LINK_LATENCY, "launch"}
    large = simulate("gpt2-xl", "nvidia-dgx-h100", Prefill(16, 1024), "tp=5", what_ifs=False)
    assert {row.limiter for row in large.ledger.rows if row.kind == "collective"} == {"nvlink"}


def test_a_cause_that_nothing_moves_is_said_to_be_so_beside_what_moves_another():
    still = Bottleneck("hbm", 0.5, "mlp", (), is_tried=True)
    assert still.sentence.endswith("most of it in mlp; no faster part of the machine moves that.")
    other = Bottleneck("hbm", 0.5, "mlp", (WhatIf("2x core clock", 1.0, 1.3, "compute"),), is_tried=True)
    assert other.sentence.endswith("; no faster part of the machine moves that; 2x core clock gives 1.30x.")
    moved = Bottleneck("hbm", 0.5, "mlp", (WhatIf("2x hbm bandwidth", 1.0, 1.3, "hbm"),), is_tried=True)
    assert moved.sentence.endswith("most of it in mlp; 2x hbm bandwidth gives 1.30x.")
    assert Bottleneck("hbm", 0.5, "mlp").sentence.endswith("most of it in mlp.")  # nothing was tried
