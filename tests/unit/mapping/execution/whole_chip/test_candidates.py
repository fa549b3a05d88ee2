"""Plans that ``auto`` tries."""

from __future__ import annotations

import pytest

from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.candidates import candidate_plans
from accelsim.mapping.plan import Plan
from accelsim.workload.formats.hf import load_model


@pytest.mark.parametrize(
    ("model", "system", "batch", "plans"),
    [
        # 50,257 rows of the vocabulary are padded; 96 heads divide over 8
        ("gpt3-175b", "nvidia-dgx-h200", 1, {Plan(tp=8), Plan(tp=6), Plan(tp=4), Plan(tp=3), Plan(tp=2), Plan(tp=1)}),
        # batch 4 on 8 chips: most replicas that divide the batch
        ("llama3-8b", "nvidia-dgx-h100", 4, {Plan(tp=8), Plan(tp=4, dp=2), Plan(tp=2, dp=4), Plan(tp=1, dp=4)}),
    ],
)  # fmt: skip
def test_degrees_divide_the_model_and_may_leave_chips_idle(
    model: str, system: str, batch: int, plans: set[Plan]
) -> None:
    assert set(candidate_plans(load_model(model).sample, load_system(system), batch)) == plans


def test_a_model_whose_heads_do_not_divide_over_all_chips_still_has_plans() -> None:
    found = candidate_plans(load_model("palm-540b").sample, load_system("google-tpu-v4-pod:64"), 1)
    assert max(plan.tp for plan in found) == 48


def test_experts_are_tried_divided_and_whole() -> None:
    found = candidate_plans(load_model("mixtral-8x7b").sample, load_system("nvidia-dgx-h100"), 8)
    asked = {Plan(tp=8), Plan(tp=8, ep=8), Plan(tp=2, dp=4, ep=2), Plan(tp=2, dp=4, ep=8), Plan(dp=8, ep=8)}
    assert asked <= set(found)
