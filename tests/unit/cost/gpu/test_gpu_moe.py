from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ideal import ideal

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, MACHINE

from accelsim import load_chip
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.kernels.experts import MOE as MOE_SECTION
from accelsim.cost.gpu.kernels.experts import MOE_CUTLASS, library_section
from accelsim.cost.gpu.moe import MoeParameters, MoeShapes, moe_times
from accelsim.errors import ConfigError

MOE = ideal(MoeParameters, launch_s=1e-5, k_block_s=1e-12, l2_efficiency=1e6, serial_fraction=0.0, library="cutlass")
LAYER = {"hidden": 1024, "inter": 2048, "topk": 2, "num_experts": 8, "core_flops_per_s": CORE_FLOPS_PER_S}


def seconds(tokens: int, parameters: MoeParameters = MOE, **changes: float) -> float:
    return float(moe_times(MACHINE, parameters, MoeShapes.of(tokens=tokens, **{**LAYER, **changes})).total_s[0])


def test_one_token_reads_the_weights_of_its_experts_alone() -> None:
    # 2 experts x 3 matrices x 1024 x 2048 elements of 2 B = 25.2 MB at 1 TB/s, and 10 us of launches
    assert seconds(1, core_flops_per_s=1e18) == pytest.approx(1e-5 + 25.2e-6, rel=0.02)


def test_many_tokens_take_their_arithmetic_over_the_peak() -> None:
    # 8,192 tokens x 2 experts x 3 x 2 x 1024 x 2048 FLOPs on 10 cores of 1 TFLOP/s, whole waves
    flops = 8192 * 2 * 3 * 2 * 1024 * 2048
    assert seconds(8192) == pytest.approx(flops / 1e13, rel=0.05)


def test_an_expert_without_a_gate_does_two_thirds_of_the_work() -> None:
    assert seconds(8192, gated=0) / seconds(8192) == pytest.approx(2 / 3, rel=0.02)


def test_ranks_divide_experts_or_their_width() -> None:
    whole, by_expert, by_width = seconds(8192), seconds(8192, ep=4), seconds(8192, tp=4)
    assert by_expert / whole == pytest.approx(1 / 4, rel=0.05)
    assert by_width / whole == pytest.approx(1 / 4, rel=0.1)


def test_a_rank_with_twice_the_mean_load_takes_twice_as_long() -> None:
    assert seconds(8192, ep=4, imbalance=2.0) / seconds(8192, ep=4) == pytest.approx(2.0, rel=0.05)


def test_a_library_that_holds_all_rows_pays_for_those_of_other_ranks() -> None:
    holding = replace(MOE, library="triton")
    assert seconds(8192, holding) == seconds(8192)
    # of 16,384 rows 3/4 belong to others: zeros of (4096 + 1024) x 12,288 x 2 B = 126 MB are written in 126 us, and the
    # small kernels read and write 12,288 x (3 x 2048 + 1024) x 2 B = 176 MB more
    more = seconds(8192, holding, ep=4) - seconds(8192, ep=4)
    assert more == pytest.approx(302e-6, rel=0.05)


def main_memory_bytes(tokens: int, parameters: MoeParameters) -> float:
    return float(moe_times(MACHINE, parameters, MoeShapes.of(tokens=tokens, **LAYER)).hbm_bytes[0])


def test_a_library_that_finishes_a_row_of_tiles_first_reads_weights_once_per_row_of_tiles() -> None:
    # 512 tokens x 2 of 8 experts: 128 rows each, two tiles of half the height that covers them
    low, high = (replace(MOE, library="trtllm", tile_rows=rows) for rows in ((64, 128), (128, 256)))
    weights = 8 * 3 * 1024 * 2048 * 2
    assert main_memory_bytes(512, low) - main_memory_bytes(512, high) == pytest.approx(weights)


def test_that_library_takes_tile_heights_as_if_every_token_were_its_own() -> None:
    # 4 ranks with 2 experts each: 512 x 2 / 2 = 512 rows per expert by its count, 128 in truth
    tall = replace(MOE, library="trtllm", tile_rows=(16, 32, 128, 256))
    alone = replace(tall, tile_rows=(128, 256))
    assert seconds(512, tall, ep=4) == seconds(512, alone, ep=4)
    assert main_memory_bytes(512, tall) > main_memory_bytes(512, alone)


def test_weights_are_stored_in_whole_blocks_of_columns() -> None:
    padded = replace(MOE, library="trtllm")
    assert seconds(4, padded, inter=58) == seconds(4, padded, inter=128)
    assert seconds(4, inter=58) < seconds(4, inter=128)


def test_sorting_takes_time_per_expert_of_each_token_the_rank_sees() -> None:
    sorting = replace(MOE, library="cutlass", route_s=1e-9)
    assert seconds(8192, sorting, ep=4) - seconds(8192, ep=4) == pytest.approx(8192 * 2 * 1e-9)
    sent = seconds(8192, sorting, ep=4, is_dispatched=True) - seconds(8192, ep=4)
    assert sent == pytest.approx(8192 * 2 / 4 * 1e-9)


def test_an_activation_the_first_library_lacks_runs_in_the_second() -> None:
    b200, h100 = (GpuCalibration.of(load_chip(name)) for name in ("nvidia-b200-sxm", "nvidia-h100-sxm"))
    assert [library_section(name, b200) for name in ("silu_mul", "gelu_mul")] == [MOE_SECTION, MOE_CUTLASS]
    assert library_section("gelu_mul", h100) == MOE_SECTION
    assert b200.read(MOE_CUTLASS)[0].library == "cutlass"


def test_an_unknown_library_is_named_with_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"unknown library 'trtlm' of experts\. Known: triton, cutlass, trtllm\. Did you"
    ):
        seconds(1, replace(MOE, library="trtlm"))
