from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, MACHINE, PREFILL

from accelsim.cost.gpu.attention import AttentionTimes, InL2, prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.attention_tiles import FORWARD, tiling
from accelsim.errors import ConfigError

#: Two products on a tile of 128 queries and 128 keys of 64 elements: 4.19 us.
BLOCK_S = 4 * 128 * 128 * 64 / CORE_FLOPS_PER_S


def times(parameters: object = PREFILL, **changes: object) -> AttentionTimes:
    shape = {"batch": 1, "heads": 10, "kv_heads": 10, "head_dim": 64, "q_len": 512, "kv_len": 512, **changes}
    shapes = AttentionShapes.of(**shape)  # type: ignore[arg-type]
    return prefill_times(MACHINE, parameters, shapes, core_flops_per_s=CORE_FLOPS_PER_S)  # type: ignore[arg-type]


def busy_s(parameters: object = PREFILL, **changes: object) -> float:
    found = times(parameters, **changes)
    return float(found.total_s[0] - found.launch_s[0])


def test_causal_prefill_works_on_the_blocks_of_the_lower_triangle() -> None:
    # 4 tiles of 128 queries see 1 + 2 + 3 + 4 blocks of 128 keys, on 10 heads and 10 cores
    assert busy_s() == pytest.approx(10 * BLOCK_S, rel=1e-6)


def test_without_a_mask_every_tile_sees_every_block() -> None:
    assert busy_s(causal=False) / busy_s() == pytest.approx(16 / 10)


def test_a_window_limits_the_blocks_of_a_tile() -> None:
    # window 128: the first tile sees 1 block, the other three 2 each
    assert busy_s(window=128) / busy_s() == pytest.approx(7 / 10)


def test_a_chunk_of_a_prompt_also_sees_the_keys_before_it() -> None:
    # 4 tiles whose first queries stand at 512: 5 + 6 + 7 + 8 blocks
    assert busy_s(kv_len=1024) / busy_s() == pytest.approx(26 / 10)
    # two chunks see as many blocks as the whole prompt: 10 + 26 of 8 tiles with 1 to 8
    assert busy_s() + busy_s(kv_len=1024) == pytest.approx(busy_s(q_len=1024, kv_len=1024))


def test_narrow_values_save_the_second_product() -> None:
    # keys of 128 elements in 64 keys per step, values of half the width: 3/4 of the FLOPs
    assert busy_s(head_dim=128, value_dim=64) / busy_s(head_dim=128) == pytest.approx(3 / 4)


def test_softmax_hides_behind_the_products_as_far_as_stated() -> None:
    slow = replace(PREFILL, score_s=BLOCK_S / (2 * 128 * 128))  # half of the products
    assert busy_s(slow) / busy_s() == pytest.approx(1.5)
    assert busy_s(replace(slow, overlap_fraction=0.8)) / busy_s() == pytest.approx(1.1)


def test_tiles_follow_the_width_of_a_head_and_the_library() -> None:
    widths = np.array([64.0, 128.0, 192.0, 256.0])
    many = np.full(4, 4096.0)
    queries, keys = FORWARD["flash2_paged"].extents(widths, many)
    assert queries.tolist() == [64, 64, 64, 64]  # with a paged cache, whatever the head
    assert keys.tolist() == [256, 128, 64, 64]
    queries, keys = FORWARD["flash3"].extents(widths, many)
    assert queries.tolist() == [192, 128, 128, 128]
    assert keys.tolist() == [128, 128, 96, 80]
    assert FORWARD["flash3"].extents(widths, np.full(4, 64.0))[0].tolist() == [192, 64, 128, 128]


def test_an_unknown_library_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown attention library 'flash_3'. Known: .*flash3"):
        tiling(FORWARD, "flash_3")


def test_heads_of_a_group_share_a_tile_only_where_the_library_packs_them() -> None:
    shape = {"batch": 16, "heads": 8, "kv_heads": 1, "q_len": 16, "kv_len": 16}
    assert times(**shape).waves[0] == 13  # 128 tiles on 10 cores
    assert times(replace(PREFILL, library="flash3"), **shape).waves[0] == 2  # 16 tiles


def test_the_last_tiles_are_the_longest_where_tiles_start_in_the_order_of_the_queries() -> None:
    # 11 heads of 2 tiles of 1 and 2 blocks on 10 cores: 22 tiles, 3 waves, 0.8 of the last one empty
    shape = {"heads": 11, "kv_heads": 11, "q_len": 256, "kv_len": 256}
    mean = 11 * 3 / 10
    assert busy_s(**shape) == pytest.approx((mean + 0.8 * 2) * BLOCK_S)
    assert busy_s(replace(PREFILL, library="flash2"), **shape, causal=False) == pytest.approx(
        (11 * 4 / 10 + 0.8 * 2) * BLOCK_S
    )


def test_appending_to_the_cache_costs_at_least_its_bytes() -> None:
    shapes = AttentionShapes.of(1, 10, 10, 64, 512, 512)
    plain, appended = (
        prefill_times(MACHINE, PREFILL, shapes, core_flops_per_s=1e12, appended=x) for x in (False, True)
    )
    copied = 4 * 512 * 10 * 64 * 2  # keys and values, read and written
    assert appended.hbm_bytes[0] - plain.hbm_bytes[0] == copied
    assert appended.total_s[0] - plain.total_s[0] >= copied / 1e12


def test_keys_in_the_l2_cost_no_main_memory_traffic() -> None:
    shapes = AttentionShapes.of(1, 8, 2, 64, 512, 512)
    read, found = (prefill_times(MACHINE, PREFILL, shapes, core_flops_per_s=1e12, in_l2=InL2(kv=x)) for x in (0.0, 1.0))
    assert read.hbm_bytes[0] - found.hbm_bytes[0] == 512 * 2 * (64 + 64) * 2
    assert found.hbm_bytes[0] == 2 * 512 * 8 * 64 * 2  # queries and results
