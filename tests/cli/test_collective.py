"""``accelsim collective``: the numbers scripts rely on, the picture, and what bad input is told."""

import json

import pytest


def test_json_has_nccl_tests_definitions(accelsim):
    outcome = accelsim("collective", "all_reduce", "--on", "nvidia-dgx-h100:8", "--bytes", "64MiB", "--json", "-")
    assert outcome.code == 0
    (row,) = json.loads(outcome.out)["fastest"]
    assert row["bytes"] == 2**26
    assert row["algbw_bytes_per_s"] == pytest.approx(2**26 / row["time_s"])
    assert row["busbw_bytes_per_s"] == pytest.approx(2**26 / row["time_s"] * 2 * 7 / 8)


def test_sweep_names_the_crossover_and_draws(accelsim, tmp_path):
    picture = tmp_path / "sweep.png"
    outcome = accelsim("collective", "all_reduce", "--on", "nvidia-dgx-h100:8", "--sweep", "--plot", str(picture))
    assert outcome.code == 0
    assert "ring up to " in outcome.out
    assert "in_network from " in outcome.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_one_algorithm_and_one_library_can_be_asked_for(accelsim):
    call = ("collective", "all_reduce", "--on", "nvidia-dgx-a100:4", "--bytes", "64KiB", "--json", "-")
    ring = json.loads(accelsim(*call, "--algorithm", "ring").out)["fastest"][0]
    vllm = json.loads(accelsim(*call, "--library", "vllm").out)["fastest"][0]
    assert ring["algorithm"] == "ring"
    assert vllm["algorithm"] in ("one_shot", "direct")
    assert vllm["time_s"] < ring["time_s"]


def test_bad_names_are_told_what_is_known(accelsim):
    outcome = accelsim("collective", "allreduce", "--on", "nvidia-dgx-a100:4")
    assert outcome.code == 2
    assert "Did you mean 'all_reduce'" in outcome.err
    outcome = accelsim("collective", "all_reduce", "--on", "nvidia-dgx-a100:4", "--library", "vlm")
    assert outcome.code == 2
    assert "Did you mean 'vllm'" in outcome.err


def test_a_stride_prices_one_chip_of_each_node(accelsim):
    call = ("collective", "all_reduce", "--on", "nvidia-dgx-h100:64", "--bytes", "64MiB", "--json", "-")
    inside, across = (
        json.loads(accelsim(*call, "--ranks", "8", "--stride", stride).out)["fastest"][0] for stride in ("1", "8")
    )
    assert inside["ranks"] == across["ranks"] == 8
    # an H100 has 450 GB/s of NVLink and 50 GB/s of InfiniBand
    assert across["time_s"] > 5 * inside["time_s"]
    assert json.loads(accelsim(*call, "--stride", "8").out)["fastest"] == [across]


def test_a_stride_off_whole_levels_takes_no_algorithm(accelsim):
    call = ("collective", "all_reduce", "--on", "nvidia-dgx-h100:64", "--ranks", "8", "--stride", "3")
    assert accelsim(*call).code == 0
    refused = accelsim(*call, "--algorithm", "ring")
    assert refused.code == 2
    assert "8 ranks of ranks, 3 apart do not lie on whole levels" in refused.err
