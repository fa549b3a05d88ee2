from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, DECODE, MACHINE

from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.decode import MATRIX_EFFICIENCY, DecodeParameters, decode_times


def times(
    *shape: int, parameters: DecodeParameters = DECODE, peak: float = 1e15, cached: float = 0.0, **options: object
) -> AttentionTimes:
    shapes = AttentionShapes.of(*shape, **options)  # type: ignore[arg-type]
    return decode_times(MACHINE, parameters, shapes, core_flops_per_s=peak, kv_cached=cached)


def test_decode_reads_the_kv_cache_once() -> None:
    # 10 sequences x 2 KV heads x 1000 keys x (64 + 64) elements of 2 B = 5.12 MB, and 10 x 16 x 64 x 2 x 2 B of q and o
    found = times(10, 16, 2, 64, 1, 1000)
    assert found.hbm_bytes[0] == 5_120_000 + 40_960
    assert found.total_s[0] == pytest.approx(1e-6 + 5.16096e-6)


def test_decode_of_one_sequence_divides_its_keys_over_the_cores() -> None:
    parameters = replace(DECODE, tile_s=1e-5, core_bandwidth_bytes_per_s=1e11, split_s=1e-6)
    assert times(1, 8, 1, 128, 1, 65536, parameters=parameters).splits[0] == 8
    whole = replace(parameters, splits_unpacked=False)
    assert times(1, 1, 1, 128, 1, 65536, parameters=whole).splits[0] == 1


def test_a_window_limits_what_decode_reads() -> None:
    full, limited = (times(1, 8, 1, 64, 1, 4096, window=w).hbm_bytes[0] for w in (0, 1024))
    io = 8 * 64 * 2 * 2
    assert (limited - io) * 4 == full - io


def test_a_cached_kv_cache_costs_no_main_memory_traffic() -> None:
    assert times(1, 8, 1, 64, 1, 1000, cached=1.0).hbm_bytes[0] == 8 * 64 * 2 * 2


def test_an_eight_bit_cache_has_half_the_bytes() -> None:
    wide, narrow = (times(10, 8, 1, 64, 1, 4096, element_bytes=size).hbm_bytes[0] for size in (2.0, 1.0))
    assert narrow / wide == 0.5


LATENT = {"value_dim": 512, "latent": True}


def test_latent_decode_reads_one_latent_per_position_for_all_heads() -> None:
    # 10 sequences x 1000 positions x 576 elements of 2 B; queries of 576 and results of 512 elements for 16 heads
    found = times(10, 16, 1, 576, 1, 1000, **LATENT)
    assert found.hbm_bytes[0] == 10 * 1000 * 576 * 2 + 10 * 16 * (576 + 512) * 2
    assert found.total_s[0] == pytest.approx(1e-6 + found.hbm_bytes[0] / 1e12)


def test_latent_decode_of_many_heads_is_limited_by_its_products() -> None:
    # 128 heads on one core each of 10: 2 x 128 x 1024 x (576 + 512) FLOPs at 0.667 of 1 TFLOP/s, far above the bytes
    found = times(10, 128, 1, 576, 1, 1024, peak=CORE_FLOPS_PER_S, **LATENT)
    flops = 2 * 128 * 1024 * (576 + 512)
    assert found.compute_s[0] == pytest.approx(flops / (MATRIX_EFFICIENCY * 1e12))
    assert found.hbm_s[0] == 0.0
    few = times(10, 16, 1, 576, 1, 1024, peak=CORE_FLOPS_PER_S, **LATENT)
    assert found.compute_s[0] / few.compute_s[0] == pytest.approx(8.0)
