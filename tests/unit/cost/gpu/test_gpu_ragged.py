"""Attention over unequal sequences on a small GPU, by hand; and on real ones against uniform batches."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import DECODE, MACHINE, PREFILL

from accelsim.cost.base import Region
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention import InL2, PrefillParameters, prefill_times, ragged_prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.decode import DecodeParameters, decode_times, ragged_decode_times
from accelsim.cost.gpu.model import GpuCostModel
from accelsim.hardware.system import load_system
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.ragged_attention import RaggedAttention
from accelsim.workload.traversal import Span

#: Keys are never divided.
WHOLE = replace(DECODE, splits_unpacked=False, launch_s=0.0)


def ragged_s(parameters: DecodeParameters, batch: Sequence[int], lengths: Sequence[int], head_dim: int = 64) -> float:
    shapes = AttentionShapes.of(batch, 1, 1, head_dim, 1, lengths)
    return float(ragged_decode_times(MACHINE, parameters, shapes, core_flops_per_s=1e18).total_s[0])


def uniform_s(parameters: DecodeParameters, batch: int, length: float, head_dim: int = 64) -> float:
    shapes = AttentionShapes.of(batch, 1, 1, head_dim, 1, length)
    return float(decode_times(MACHINE, parameters, shapes, core_flops_per_s=1e18).total_s[0])


def test_a_long_sequence_alone_cannot_use_the_bandwidth_of_all_cores() -> None:
    # a key and its value take 256 B; 5 of the 10 cores saturate the memory of 1 TB/s
    parameters = replace(WHOLE, core_bandwidth_bytes_per_s=2e11)
    together = 10 * 1000 * 256 / 1e12
    alone = 1000 * 256 / 2e11
    assert ragged_s(parameters, [9, 1], [1000, 2000]) == pytest.approx(together + alone)
    assert uniform_s(parameters, 10, 1100) == pytest.approx(10 * 1100 * 256 / 1e12, rel=2e-3)  # queries, results
    assert uniform_s(parameters, 10, 2000) == pytest.approx(10 * 2000 * 256 / 1e12, rel=2e-3)


def test_a_long_sequence_starts_behind_a_short_one() -> None:
    # 20 items on 10 cores; a block of 128 keys takes 1 us: 1 us of a short one, then 10 us of the long one
    parameters = replace(WHOLE, block_s=1e-6)
    assert ragged_s(parameters, [19, 1], [128, 1280], head_dim=1) == pytest.approx(11e-6)
    assert uniform_s(parameters, 20, 186, head_dim=1) == pytest.approx(4e-6)  # two waves of two blocks
    assert uniform_s(parameters, 20, 1280, head_dim=1) == pytest.approx(20e-6)


def test_with_a_core_for_each_sequence_the_longest_decides() -> None:
    parameters = replace(WHOLE, block_s=1e-6)
    assert ragged_s(parameters, [3, 1], [128, 1280], head_dim=1) == pytest.approx(10e-6)


def test_keys_are_divided_where_one_sequence_is_much_longer() -> None:
    parameters = replace(DECODE, block_s=1e-6, split_s=1e-6)
    shapes = AttentionShapes.of([3, 1], 8, 1, 1, 1, [128, 12800])
    found = ragged_decode_times(MACHINE, parameters, shapes, core_flops_per_s=1e18)
    assert found.splits[0] > 1
    assert found.total_s[0] < 1e-6 + 100e-6


def test_tiles_of_all_prompts_share_the_cores() -> None:
    # 5 heads of 2 tiles and 5 heads of 4: 30 tiles on 10 cores; blocks of 64 keys: 2 + 4, and 2 + 4 + 6 + 8
    parameters = replace(PREFILL, launch_s=0.0)
    shapes = AttentionShapes.of([1, 1], 5, 5, 128, [256, 512], [256, 512])
    found = ragged_prefill_times(MACHINE, parameters, shapes, core_flops_per_s=1e12)
    block_s = 2 * 128 * 64 * 256 / 1e12
    assert found.compute_s[0] == pytest.approx(5 * (2 + 4 + 2 + 4 + 6 + 8) * block_s / 10)
    assert found.waves[0] == 3


@pytest.mark.parametrize("library", ["flash1", "flash2", "flash3", "trtllm"])
def test_equal_prompts_in_several_rows_are_one_batch(library: str) -> None:
    parameters: PrefillParameters = replace(PREFILL, library=library, tile_s=1e-7, score_s=1e-12)
    split = AttentionShapes.of([1, 3], 8, 2, 128, [300, 300], [700, 700])
    whole = AttentionShapes.of(4, 8, 2, 128, 300, 700)
    found = ragged_prefill_times(MACHINE, parameters, split, core_flops_per_s=1e12, in_l2=InL2(0.5, 0.25))
    expected = prefill_times(MACHINE, parameters, whole, core_flops_per_s=1e12, in_l2=InL2(0.5, 0.25))
    for name in (one.name for one in fields(found)):
        assert getattr(found, name)[0] == pytest.approx(getattr(expected, name)[0], rel=1e-12), name


H100 = load_system("nvidia-h100-sxm").chip


def cost(operator: Operator) -> Cost:
    return GpuCostModel().cost(operator, H100, Region(*H100.core_grid))


def ragged(*spans: Span) -> Cost:
    return cost(RaggedAttention.of(spans, heads=32, kv_heads=8, head_dim=128))


def alike(batch: int, new: int, cached: int) -> Cost:
    return cost(Attention.of(batch, Heads(32, 8, 128), new, cached + new))


def test_decodes_and_prompts_are_two_kernels() -> None:
    found = ragged(Span(1, 4096, 31), Span(512, 2048))
    decodes, prompts = alike(31, 1, 4096), alike(1, 512, 2048)
    assert found.detail["kernel"] == "attention_decode + attention_prefill"
    assert found.work_s == pytest.approx(decodes.work_s + prompts.work_s, rel=1e-12)
    for level, nbytes in found.traffic_bytes.items():
        assert nbytes == pytest.approx(decodes.traffic_bytes[level] + prompts.traffic_bytes[level], rel=1e-12)
    assert found.energy_j == pytest.approx(decodes.energy_j + prompts.energy_j, rel=1e-12)


@pytest.mark.parametrize(("new", "kernel"), [(16, "attention_decode"), (17, "attention_prefill")])
def test_a_few_new_tokens_behind_a_cache_run_with_the_decodes(new: int, kernel: str) -> None:
    assert ragged(Span(new, 100), Span(new, 200)).detail["kernel"] == kernel


def test_a_prompt_of_one_token_runs_as_a_decode_does_and_one_of_two_does_not() -> None:
    assert ragged(Span(1), Span(1, 1)).detail["kernel"] == "attention_decode"
    assert ragged(Span(2), Span(1, 1)).detail["kernel"] == "attention_decode + attention_prefill"


@pytest.mark.parametrize(
    "spans",
    [
        (Span(1, 2047, 24), Span(1, 10239, 8)),
        (Span(1, 4095, 31), Span(1, 32767)),
        tuple(Span(1, 512 * i - 1, 2) for i in range(1, 17)),
    ],
    ids=["a quarter five times as long", "one eight times as long", "spread evenly"],
)
def test_a_skewed_batch_lies_between_its_mean_and_its_largest_context(spans: tuple[Span, ...]) -> None:
    count = sum(span.count for span in spans)
    mean = sum(span.count * span.length for span in spans) / count
    low, high = alike(count, 1, round(mean) - 1), alike(count, 1, max(span.cached for span in spans))
    assert low.work_s < ragged(*spans).work_s < high.work_s


def test_a_sequence_outside_the_calibration_is_warned_of_whatever_the_others_are() -> None:
    longest = int(H100.calibration["attention_decode_range"]["kv_len"][1])
    inside, outside = (ragged(Span(1, 99, 7), Span(1, longest - 1 + more)).warnings for more in (0, 1))
    assert not any("kv_len" in warning for warning in inside)
    assert sum(f"kv_len={longest + 1} lies outside" in warning for warning in outside) == 1


def test_parts_of_a_ragged_cost_add_up() -> None:
    found = ragged(Span(1, 900, 3), Span(1, 9000), Span(300), Span(64, 64, 2))
    assert sum(found.parts_s.values()) == pytest.approx(found.work_s, rel=1e-12)
