"""Libraries of collectives: the level's own, the engines', and the fastest of them."""

from __future__ import annotations

import pytest

from accelsim import Decode, simulate
from accelsim.cost.call import Call
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_system
from accelsim.network.collective import collective_choices, collective_steps

DGX = load_system("nvidia-dgx-h100")
ENGINES = ("vllm", "sglang", "trtllm")


def microseconds(library: str, nbytes: int = 2**16) -> float:
    return collective_steps(Call("all_reduce", nbytes, 8, library=library), DGX).work_s * 1e6


def test_an_engine_adds_64_kib_in_a_third_of_the_time_of_nccl() -> None:
    assert microseconds("nccl") == microseconds("") == pytest.approx(18.6, abs=0.05)
    assert microseconds("vllm") == pytest.approx(6.16, abs=0.05)


@pytest.mark.parametrize("nbytes", [2**10, 2**16, 2**22, 2**28])
def test_the_fastest_library_is_as_fast_as_the_fastest_of_them(nbytes: int) -> None:
    assert microseconds("auto", nbytes) == min(microseconds(name, nbytes) for name in ("nccl", *ENGINES))


def test_of_several_libraries_each_algorithm_is_listed_once_by_its_fastest() -> None:
    found = collective_choices(Call("all_reduce", 2**16, 8, library="auto"), DGX)
    names = [cost.call.algorithm for cost in found]
    assert len(set(names)) == len(names)
    assert found[0].work_s == min(cost.work_s for cost in found)


def test_engines_leave_large_calls_to_nccl() -> None:
    assert {microseconds(name, 2**30) for name in ENGINES} == {microseconds("nccl", 2**30)}


def test_switches_that_need_a_plug_in_are_taken_only_by_name() -> None:
    system = load_system("nvidia-dgx-h100:128")
    seconds = {
        name: collective_steps(Call("all_reduce", 2**34, 128, library=name), system).work_s
        for name in ("", "auto", "sharp")
    }
    assert seconds["auto"] == seconds[""] > seconds["sharp"]


def test_a_machine_without_further_libraries_has_no_name_for_its_own() -> None:
    with pytest.raises(ConfigError, match=r"google-tpu-v4-pod has none called 'nccl'. Known: none"):
        load_system("google-tpu-v4-pod:8").with_library("nccl")


def test_a_library_that_no_level_has_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"none called 'vlm'. Known: auto, nccl, sglang, sharp, trtllm, vllm"):
        load_system("nvidia-dgx-h100:16").with_library("vlm")


def test_a_decode_with_the_engines_library_exposes_less_communication() -> None:
    spent = {
        name: simulate("llama3-70b", DGX, Decode(8, 1024), "tp=8", library=name, what_ifs=False).latency_s
        for name in ("nccl", "vllm", "auto")
    }
    # 160 calls of 128 KiB: some 12 us less each
    assert 1e-3 < spent["nccl"] - spent["vllm"] < 4e-3
    assert spent["auto"] <= spent["vllm"]
