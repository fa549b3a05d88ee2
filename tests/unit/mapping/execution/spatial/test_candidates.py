"""What ``--plan auto`` tries on tiles, and that it takes the best of it."""

import itertools

import pytest

from accelsim.errors import PlanError
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill


def test_auto_runs_layers_in_space_where_that_is_faster_than_one_after_another():
    whole = simulate("llama3-8b", "cerebras-cs3", Prefill(1, 512), "region=660x660", what_ifs=False)
    best = simulate("llama3-8b", "cerebras-cs3", Prefill(1, 512), what_ifs=False)
    assert best.plan.execution == "spatial"
    assert best.latency_s < whole.latency_s / 5


def test_auto_on_a_gpu_tries_no_tiles():
    assert simulate("llama3-8b", "nvidia-dgx-h100", Decode(1, 512), what_ifs=False).plan.execution == "whole_chip"


def test_a_model_on_more_chips_is_not_slower(tiny, small_arrays):
    times = [
        simulate(tiny, f"{small_arrays}:{chips}", Decode(1, 500), what_ifs=False).latency_s for chips in (1, 2, 3, 4)
    ]
    assert all(more <= fewer * (1 + 1e-9) for fewer, more in itertools.pairwise(times))


def test_chips_are_left_out_when_the_plan_says_so(tiny, small_arrays):
    # 4 layers of two groups: tiles are shared out over as many chips as there are
    plans = [f"execution=spatial,chips={chips}" for chips in (2, 4)]
    runs = [place(tiny, f"{small_arrays}:4", Decode(1, 500), plan) for plan in plans]
    assert [run.floor.num_chips for run in runs] == [2, 4]
    with pytest.raises(PlanError, match="chips=9, small-arrays has 8"):
        place(tiny, f"{small_arrays}:8", Decode(1, 500), "execution=spatial,chips=9")


def test_a_chip_that_cannot_be_walked_in_space_still_runs_one_operator_after_another():
    cut_off = "chip.noc.dead_links=[[[0, 0], [0, 1]], [[0, 0], [1, 0]]]"
    result = simulate(
        "gpt2-xl", "sram-array", Prefill(1, 64), ignore_capacity=True, what_ifs=False, overrides=[cut_off]
    )
    assert result.plan.execution == "whole_chip"
