"""What ``--plan auto`` tries on tiles, and that it takes the best of it."""

import itertools

import pytest

from accelsim.case.case import Case
from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.spatial import Spatial
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


def plans_on(system, phase):
    return list(Spatial().candidates(Case.of("gpt2-xl", system, phase).load().job))


def test_on_several_chips_shared_ones_and_replicas_are_tried():
    plans = plans_on("tesla-dojo-tile", Decode(16, 256))
    assert any(plan.rectangles == "shared" and plan.pieces for plan in plans)
    assert any(plan.rectangles is None for plan in plans)
    assert all(plan.dp == 1 or 16 % plan.dp == 0 for plan in plans)


def test_on_one_chip_of_tiles_sharing_is_what_the_whole_chip_does_and_not_tried():
    assert all(plan.rectangles is None for plan in plans_on("cerebras-wse2", Decode(1, 256)))


def test_chips_of_one_core_are_shared_without_naming_it():
    plans = plans_on("groq-rack", Decode(1, 256))
    assert plans and all(plan.rectangles is None for plan in plans)


@pytest.fixture
def counted(monkeypatch):
    """Plans that are played, and jobs that are divided, in order."""
    from accelsim import pipeline
    from accelsim.mapping.execution.spatial import divide

    played, divided = [], []
    play, split = pipeline.play, divide._divide
    monkeypatch.setattr(pipeline, "play", lambda job: played.append(job.plan) or play(job))
    monkeypatch.setattr(divide, "_divide", lambda job, *a: divided.append((job.plan, job.phase)) or split(job, *a))
    return played, divided


def test_the_fastest_plan_is_not_played_again(counted, tiny, small_array):
    played, _ = counted
    result = simulate(tiny, small_array, Decode(1, 100), what_ifs=False)
    assert len(played) == len(set(played))
    again = simulate(tiny, small_array, Decode(1, 100), result.plan, what_ifs=False)
    assert again.latency_s == result.latency_s


def test_what_the_search_divided_is_not_divided_again_for_the_run(counted, tiny, small_arrays):
    _, divided = counted
    simulate(tiny, f"{small_arrays}:4", Decode(2, 100), what_ifs=False)
    assert len(divided) == len(set(divided))


def test_what_all_chips_together_cannot_hold_is_refused_before_anything_is_priced(monkeypatch):
    from accelsim.mapping.execution.spatial.prices import PriceBook

    monkeypatch.setattr(PriceBook, "price", None)
    job = Case.of("llama3-70b", "groq-576", Decode(1, 2048), "execution=spatial").load().job
    with pytest.raises(CapacityError, match=r"all chips have 132\.9 GB: 8\.\d+ GB of SRAM short"):
        Spatial().map(job, job.passes)
