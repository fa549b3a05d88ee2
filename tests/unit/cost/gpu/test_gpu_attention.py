from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, DECODE, MACHINE, PREFILL

from accelsim.cost.gpu.attention import decode_times, prefill_times


def busy_s(**changes: object) -> float:
    shape = {"batch": 1, "heads": 10, "kv_heads": 10, "head_dim": 64, "q_len": 512, "kv_len": 512, **changes}
    times = prefill_times(MACHINE, PREFILL, **shape, core_flops_per_s=CORE_FLOPS_PER_S)  # type: ignore[arg-type]
    return float(times.total_s[0] - times.launch_s[0])


def test_causal_prefill_works_on_the_blocks_of_the_lower_triangle() -> None:
    # 4 tiles of 128 queries see 1 + 2 + 3 + 4 blocks of 128 keys; a block is 4 * 128 * 128 * 64 FLOPs = 4.19 us
    block_s = 4 * 128 * 128 * 64 / 1e12
    assert busy_s() == pytest.approx(10 * block_s, rel=1e-6)  # 10 heads on 10 cores


def test_without_a_mask_every_tile_sees_every_block() -> None:
    assert busy_s(causal=False) / busy_s() == pytest.approx(16 / 10)


def test_a_window_limits_the_blocks_of_a_tile() -> None:
    # window 128: the first tile sees 1 block, the other three 2 each
    assert busy_s(window=128) / busy_s() == pytest.approx(7 / 10)


def test_heads_of_a_group_share_a_tile_only_where_the_library_packs_them() -> None:
    shape = (16, 8, 1, 64, 16, 16)  # 16 sequences of 16 queries, 8 heads of one group
    packing = replace(PREFILL, packs_queries=True)
    alone, packed = (prefill_times(MACHINE, p, *shape, core_flops_per_s=1e12) for p in (PREFILL, packing))
    assert alone.waves[0] == 13  # 128 tiles on 10 cores
    assert packed.waves[0] == 2  # 16 tiles


def test_appending_to_the_cache_costs_at_least_its_bytes() -> None:
    shape = (1, 10, 10, 64, 512, 512)
    plain, appended = (
        prefill_times(MACHINE, PREFILL, *shape, core_flops_per_s=1e12, appended=x) for x in (False, True)
    )
    copied = 4 * 512 * 10 * 64 * 2  # keys and values, read and written
    assert appended.hbm_bytes[0] - plain.hbm_bytes[0] == copied
    assert appended.total_s[0] - plain.total_s[0] >= copied / 1e12


def test_decode_reads_the_kv_cache_once() -> None:
    # 10 sequences x 2 KV heads x 1000 keys x (64 + 64) elements of 2 B = 5.12 MB, and 10 x 16 x 64 x 2 x 2 B of q and o
    times = decode_times(MACHINE, DECODE, 10, 16, 2, 64, 1, 1000)
    assert times.hbm_bytes[0] == 5_120_000 + 40_960
    assert times.total_s[0] == pytest.approx(1e-6 + 5.16096e-6)


def test_decode_of_one_sequence_divides_its_keys_over_the_cores() -> None:
    parameters = replace(DECODE, tile_s=1e-5, core_bandwidth_bytes_per_s=1e11, split_s=1e-6)
    times = decode_times(MACHINE, parameters, 1, 8, 1, 128, 1, 65536)
    assert times.splits[0] == 8
    whole = replace(parameters, splits_unpacked=False)
    assert decode_times(MACHINE, whole, 1, 1, 1, 128, 1, 65536).splits[0] == 1


def test_a_window_limits_what_decode_reads() -> None:
    full, limited = (decode_times(MACHINE, DECODE, 1, 8, 1, 64, 1, 4096, window=w).hbm_bytes[0] for w in (0, 1024))
    io = 8 * 64 * 2 * 2
    assert (limited - io) * 4 == full - io


def test_a_cached_kv_cache_costs_no_main_memory_traffic() -> None:
    times = decode_times(MACHINE, DECODE, 1, 8, 1, 64, 1, 1000, kv_cached=1.0)
    assert times.hbm_bytes[0] == 8 * 64 * 2 * 2
