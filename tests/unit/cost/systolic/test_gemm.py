"""The tile pipeline by hand arithmetic, and properties over random products."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.systolic.gemm import gemm_times
from accelsim.errors import CapacityError

from .machines import IDEAL, MACHINE, ONE_CORE

EXTENT = st.integers(1, 6000)
ARRAYS_DECIDE = replace(ONE_CORE, hbm_bytes_per_s=1e15)


def test_a_single_tile_is_copied_in_multiplied_packed_and_copied_out_in_turn() -> None:
    times = gemm_times(128, 128, 128, ONE_CORE, IDEAL)
    assert times.compute_s[0] == pytest.approx(128**3 / 1e12)
    assert times.vector_s[0] == pytest.approx(128**2 / 1e9)  # one operation per result
    assert times.hbm_s[0] == pytest.approx(3 * 128**2 * 2 / 1e9)
    assert times.total_s[0] == times.compute_s[0] + times.vector_s[0] + times.hbm_s[0]


def test_extents_are_padded_to_sublanes_lanes_and_array_rows() -> None:
    ragged, padded = (gemm_times(m, n, k, ONE_CORE, IDEAL) for m, n, k in ((257, 129, 130), (264, 256, 256)))
    assert ragged.total_s[0] == padded.total_s[0]


def test_a_fold_lasts_as_long_as_the_next_weights_take_to_load() -> None:
    # 1 to 128 rows stream while 128 rows of the next weights are shifted in
    one, full = (gemm_times(m, 1024, 512, ARRAYS_DECIDE, IDEAL) for m in (1, 128))
    assert full.compute_s[0] == pytest.approx(128 * 1024 * 512 / 1e12)
    assert full.fill_s[0] == 0
    assert one.compute_s[0] == pytest.approx(full.compute_s[0] / 128)
    assert one.compute_s[0] + one.fill_s[0] == pytest.approx(full.compute_s[0])


def test_copies_hide_under_long_multiplications_but_the_first_and_last() -> None:
    slow_arrays = replace(ONE_CORE, macs_per_s=1e9)
    times = gemm_times(2048, 2048, 512, slow_arrays, IDEAL)
    bm, bn, bk = times.tile_m[0], times.tile_n[0], times.tile_k[0]
    assert times.hbm_s[0] == pytest.approx((bm * bk + bk * bn + bm * bn) * 2 / 1e9)


def test_steps_whose_copies_take_longer_belong_to_the_memory() -> None:
    # four steps of (512, 512, 512); B is copied anew each step, A once per two, one result leaves per step
    big_result_free = replace(ONE_CORE, macs_per_s=1e18, vector_ops_per_s=1e18)
    times = gemm_times(1024, 1024, 512, big_result_free, IDEAL)
    assert times.compute_s[0] < 1e-9
    assert times.hbm_s[0] == pytest.approx(times.total_s[0])
    assert times.total_s[0] >= times.hbm_bytes[0] / 1e9


def test_one_core_copies_no_faster_than_its_own_engines() -> None:
    limited = replace(IDEAL, core_hbm_share=0.25, hbm_efficiency=0.8)
    # alone a core has its quarter; two cores would share 0.8 and are still held to a quarter each
    assert MACHINE.core_bytes_per_s(1, limited) == pytest.approx(0.25e9)
    assert MACHINE.core_bytes_per_s(2, limited) == pytest.approx(0.25e9)
    # engines that could take all: two cores share what the memory gives
    assert MACHINE.core_bytes_per_s(2, replace(limited, core_hbm_share=1.0)) == pytest.approx(0.4e9)
    # a region of one of the two cores has half the memory
    assert replace(MACHINE, num_cores=1).core_bytes_per_s(1, replace(limited, core_hbm_share=1.0)) == pytest.approx(
        0.4e9
    )


def test_a_tile_must_fit_twice_in_the_memory_of_a_core() -> None:
    # a product of one tile needs no second buffer: (128 * 512 * 2 + 128 * 128) * 2 bytes
    needed = (128 * 512 + 512 * 128 + 128 * 128) * 2
    assert gemm_times(128, 128, 512, replace(ONE_CORE, sram_bytes=needed), IDEAL).cores[0] == 1
    with pytest.raises(CapacityError, match="no tile of a product fits"):
        gemm_times(128, 128, 512, replace(ONE_CORE, sram_bytes=needed - 1), IDEAL)


def test_two_cores_halve_a_large_product_but_not_a_small_one() -> None:
    slow_to_start = replace(IDEAL, second_core_s=1.0)
    arrays_decide = replace(MACHINE, hbm_bytes_per_s=1e15, vector_ops_per_s=1e15)
    # 4 x 4 tiles of 1024^2: 8 rounds on two cores
    large = gemm_times(4096, 4096, 512, arrays_decide, IDEAL)
    assert large.cores[0] == 2
    assert large.compute_s[0] == pytest.approx(4096 * 4096 * 512 / 2e12)
    assert gemm_times(512, 512, 512, arrays_decide, slow_to_start).cores[0] == 1


def test_converted_types_reach_their_own_share_of_the_peak() -> None:
    parameters = replace(IDEAL, matrix_efficiency=0.5)
    native, converted = (
        gemm_times(512, 512, 512, replace(ARRAYS_DECIDE, is_converted=flag), parameters) for flag in (False, True)
    )
    assert converted.compute_s[0] == 2 * native.compute_s[0]


@given(m=EXTENT, n=EXTENT, k=EXTENT, batch=st.integers(1, 8))
def test_no_product_beats_the_arrays_or_the_memory(m: int, n: int, k: int, batch: int) -> None:
    times = gemm_times(m, n, k, MACHINE, IDEAL, batch)
    compulsory_bytes = 2.0 * batch * (m * k + k * n + m * n)
    # a block of A kept along n is copied once per tile row, so traffic is at least compulsory
    assert times.hbm_bytes[0] >= compulsory_bytes * (1 - 1e-9)
    assert times.total_s[0] >= batch * m * n * k / 2e12 * (1 - 1e-9)
    assert times.total_s[0] >= compulsory_bytes / 1e9 * (1 - 1e-9)


@given(m=EXTENT, n=EXTENT, k=EXTENT)
def test_faster_memory_never_slows_a_product(m: int, n: int, k: int) -> None:
    faster = replace(MACHINE, hbm_bytes_per_s=2e9)
    assert gemm_times(m, n, k, faster, IDEAL).total_s[0] <= gemm_times(m, n, k, MACHINE, IDEAL).total_s[0] * (1 + 1e-9)


def test_a_table_of_products_equals_the_products_one_by_one() -> None:
    extents = np.random.default_rng(7).integers(1, 5000, size=(3, 40))
    table = gemm_times(*extents, MACHINE, IDEAL).total_s
    single = [gemm_times(*extents[:, i], MACHINE, IDEAL).total_s[0] for i in range(extents.shape[1])]
    assert table.tolist() == single


def test_a_hundred_thousand_products_are_priced_in_five_seconds() -> None:
    extents = np.random.default_rng(7).integers(1, 5000, size=(3, 100_000))
    start = time.process_time()
    assert len(gemm_times(*extents, MACHINE, IDEAL).total_s) == 100_000
    assert time.process_time() - start < 5.0
