"""More sequences or more keys take no less time on a GPU."""

from __future__ import annotations

import itertools

import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.warning import warning_id

MACHINES = ("amd-mi300x", "nvidia-h100-sxm", "nvidia-a100-sxm-80gb")


def latency_s(model: str, machine: str, batch: int, context: int) -> float:
    return simulate(model, machine, Decode(batch=batch, context=context), "tp=1", what_ifs=False).latency_s


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("model", ["gpt2-xl", "llama3-8b"])
def test_small_batches_are_no_slower_than_larger_ones(model: str, machine: str) -> None:
    found = [latency_s(model, machine, batch, 0) for batch in (1, 2, 4)]
    assert all(less <= more for less, more in itertools.pairwise(found))


@pytest.mark.parametrize("machine", MACHINES)
def test_an_empty_cache_is_no_slower_than_a_short_one(machine: str) -> None:
    assert latency_s("gpt2-xl", machine, 1, 0) <= latency_s("gpt2-xl", machine, 1, 64)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_a_prompt_of_one_token_takes_no_longer_than_one_of_two(machine: str, batch: int) -> None:
    one, two = (
        simulate("llama3-8b", machine, Prefill(batch, prompt), "tp=1", what_ifs=False).latency_s for prompt in (1, 2)
    )
    assert one <= two


def test_a_library_whose_rule_takes_a_slower_kernel_is_named() -> None:
    # TensorRT-LLM goes by the tokens per expert: at 32 it takes tiles that read each weight twice, at 64 taller ones.
    few, more = (
        simulate("mixtral-8x7b", "nvidia-gb300", Prefill(batch, 64), "tp=1", what_ifs=False) for batch in (2, 4)
    )
    assert more.latency_s < few.latency_s
    assert "kernel-choice" in [warning_id(warning) for warning in few.warnings]
    ids = [warning_id(one) for one in simulate("qwen3-30b-a3b", "nvidia-h100-sxm", Prefill(2, 64), "tp=1").warnings]
    assert "kernel-choice" not in ids  # Triton's kernels take the fastest tiles
