"""More sequences or more keys take no less time on a GPU."""

from __future__ import annotations

import itertools

import pytest

from accelsim import Decode, simulate

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
