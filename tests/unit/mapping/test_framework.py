"""Gaps of a launch profile lengthen runs by what they are, in series with everything else."""

from __future__ import annotations

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.hardware.profile import LaunchProfile
from accelsim.workload.phase import Phase

LAYERS = 32
LAYER, COLLECTIVE, STEP, SEQUENCE = 1e-3, 1e-4, 1e-2, 1e-1
GAPS = LaunchProfile(
    name="gaps", layer_gap_s=LAYER, collective_gap_s=COLLECTIVE, step_gap_s=STEP, sequence_gap_s=SEQUENCE
)


def added(phase: Phase, system: str, plan: str, profile: LaunchProfile = GAPS) -> float:
    options = {"what_ifs": False}
    without = simulate("llama3-8b", system, phase, plan, **options).latency_s
    return simulate("llama3-8b", system, phase, plan, profile=profile, **options).latency_s - without


@pytest.mark.parametrize("steps", [1, 3])
def test_every_step_pays_its_layers_collectives_and_sequences(steps: int) -> None:
    found = added(Decode(4, 1000, steps), "nvidia-dgx-h100:2", "tp=2")
    blocks, collectives = LAYERS + 2, 2 * LAYERS + 2  # embedding and head; their gathers
    expected = steps * (blocks * LAYER + collectives * COLLECTIVE + STEP + 4 * SEQUENCE)
    assert found == pytest.approx(expected, rel=1e-9)


def test_one_chip_has_no_collectives_to_wait_at() -> None:
    found = added(Prefill(2, 100), "nvidia-h100-sxm", "tp=1")
    assert found == pytest.approx((LAYERS + 2) * LAYER + STEP + 2 * SEQUENCE, rel=1e-9)


def test_a_pass_through_a_pipeline_ends_once() -> None:
    only_ends = LaunchProfile(name="ends", step_gap_s=STEP, sequence_gap_s=SEQUENCE)
    found = added(Prefill(2, 100), "nvidia-dgx-h100:2", "pp=2", only_ends)
    assert found == pytest.approx(STEP + 2 * SEQUENCE, rel=1e-9)


def test_the_framework_is_an_operator_that_moves_nothing_and_says_what_it_waits_for() -> None:
    result = simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 100), "tp=1", profile=GAPS, what_ifs=False)
    rows = [row for row in result.to_dict()["operators"] if row["kind"] == "framework"]
    assert sum(row["time_s"] for row in rows) == pytest.approx((LAYERS + 2) * LAYER + STEP + SEQUENCE, rel=1e-9)
    assert {row["limiter"] for row in rows} == {"host"}
    assert not any(row["flops"] for row in rows)


def test_what_runs_no_kernels_ignores_gaps_and_says_so() -> None:
    result = simulate("llama3-8b", "google-tpu-v4-pod:1", Decode(1, 100), "tp=1", profile=GAPS, what_ifs=False)
    plain = simulate("llama3-8b", "google-tpu-v4-pod:1", Decode(1, 100), "tp=1", what_ifs=False)
    assert result.latency_s == plain.latency_s
    assert any("profile gaps is ignored" in warning for warning in result.warnings)


def test_gaps_state_a_profile_that_is_not_the_default() -> None:
    assert not GAPS.is_default
    assert not GAPS.inside_pass.step_gap_s and GAPS.inside_pass.layer_gap_s == LAYER
    assert LaunchProfile(name="plain").is_default
