from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import CORE_FLOPS_PER_S, GEMM, MACHINE, gemm_times

from accelsim.cost.gpu.gemm import GemmParameters
from accelsim.cost.gpu.quantize import quantize_seconds

TYPICAL = GemmParameters(1e-6, 1e-6, 1e-7, 0.9, 0.8, 1.0, 2e-6, 0.7)
extents = st.integers(1, 5000)


def test_compute_bound_product_takes_whole_waves_of_tiles() -> None:
    # 11 x 1 tiles of 128 x 128 on 10 cores are 2 waves of 2 * 128 * 128 * 6400 / 1e12 = 209.7 us
    times = gemm_times(MACHINE, GEMM, 11 * 128, 128, 6400, core_flops_per_s=CORE_FLOPS_PER_S)
    wave_s = 2 * 128 * 128 * 6400 / 1e12
    assert times.waves[0] == 2
    assert times.compute_s[0] == pytest.approx(2 * wave_s, rel=1e-3)


def test_one_tile_more_than_the_cores_costs_a_second_wave() -> None:
    times = gemm_times(MACHINE, GEMM, [10 * 128, 10 * 128 + 1], 128, 6400, core_flops_per_s=CORE_FLOPS_PER_S)
    body = times.total_s - times.launch_s
    assert body[1] / body[0] == pytest.approx(2.0, rel=0.05)


def test_memory_bound_product_takes_its_bytes_over_the_bandwidth() -> None:
    # B has 128 x 1,000,000 elements of 2 B = 256 MB, at 1 TB/s 256 us; A and C are 1 % of it
    fast = 1e18
    times = gemm_times(MACHINE, GEMM, 1, 128, 1_000_000, core_flops_per_s=fast)
    no_bound = replace(MACHINE, l2_bandwidth_bytes_per_s=1e18, core_port_bytes_per_s=1e18)
    wide = gemm_times(no_bound, GEMM, 1, 128, 1e6, core_flops_per_s=fast)
    assert times.hbm_bytes[0] == pytest.approx(258e6 + 256, rel=1e-6)
    assert wide.total_s[0] == pytest.approx(1e-6 + 258e-6, rel=0.01)


def test_operands_in_the_l2_are_not_read_from_main_memory() -> None:
    times = gemm_times(MACHINE, GEMM, 64, 64, 64, core_flops_per_s=CORE_FLOPS_PER_S, a_cached=1.0, b_cached=1.0)
    assert times.hbm_bytes[0] == 64 * 64 * 2  # the result


def test_few_tiles_of_a_long_product_are_split_over_idle_cores() -> None:
    parameters = replace(GEMM, split_k_s=1e-6)
    times = gemm_times(MACHINE, parameters, 128, 128, 64_000, core_flops_per_s=CORE_FLOPS_PER_S)
    assert times.splits[0] == 8  # of the candidates 1 .. 32, the largest that fills no second wave


def test_operands_beyond_the_l2_are_read_again_by_later_waves() -> None:
    # 1280 x 1280 results of k = 4096: A and B are 10 MB each, the L2 holds 1 MB
    times = gemm_times(MACHINE, GEMM, 1280, 1280, 4096, core_flops_per_s=CORE_FLOPS_PER_S)
    compulsory = 2 * 1280 * 4096 * 2 + 1280 * 1280 * 2
    assert times.hbm_bytes[0] > 2 * compulsory


def test_half_the_cores_take_twice_as_long_for_large_products() -> None:
    half = replace(MACHINE, num_cores=5)
    one, two = (
        gemm_times(machine, GEMM, 1280, 1280, 512, core_flops_per_s=1e12).compute_s[0] for machine in (MACHINE, half)
    )
    assert two / one == pytest.approx(2.0, rel=0.02)


def test_hundred_thousand_products_take_under_five_seconds() -> None:
    rng = np.random.default_rng(0)
    m, n, k = np.exp(rng.uniform(0, np.log(65536), (3, 100_000))).astype(int)
    start = time.process_time()
    gemm_times(MACHINE, TYPICAL, m, n, k, core_flops_per_s=CORE_FLOPS_PER_S)
    assert time.process_time() - start < 5.0


@settings(max_examples=40, deadline=None)
@given(m=extents, n=extents, k=extents)
def test_parts_sum_to_the_total_and_no_bound_is_beaten(m: int, n: int, k: int) -> None:
    times = gemm_times(MACHINE, TYPICAL, m, n, k, core_flops_per_s=CORE_FLOPS_PER_S)
    parts = times.launch_s + times.latency_s + times.compute_s + times.l2_s + times.hbm_s
    assert parts[0] == pytest.approx(times.total_s[0], rel=1e-9)
    assert min(times.compute_s[0], times.l2_s[0], times.hbm_s[0]) >= 0
    assert times.total_s[0] >= 2 * m * n * k / (10 * CORE_FLOPS_PER_S)
    assert times.hbm_bytes[0] >= 2 * (m * k + n * k + m * n)
    assert times.total_s[0] >= 2 * (m * k + n * k + m * n) / 1e12


@pytest.mark.parametrize(
    "resource",
    ["hbm_bandwidth_bytes_per_s", "l2_bandwidth_bytes_per_s", "l2_capacity_bytes", "core_port_bytes_per_s"],
)
@settings(max_examples=30, deadline=None)
@given(m=extents, n=extents, k=extents, factor=st.floats(1.0, 100.0), less=st.floats(1e-6, 1.0))
def test_more_of_a_resource_never_slows_a_product(
    resource: str, m: int, n: int, k: int, factor: float, less: float
) -> None:
    small = replace(MACHINE, **{resource: less * getattr(MACHINE, resource)})
    large = replace(small, **{resource: factor * getattr(small, resource)})
    slow, fast = (gemm_times(x, TYPICAL, m, n, k, core_flops_per_s=1e12).total_s[0] for x in (small, large))
    assert fast <= slow * (1 + 1e-6)


@settings(max_examples=30, deadline=None)
@given(m=extents, n=extents, k=extents, factor=st.floats(1.0, 4.0))
def test_a_higher_clock_never_slows_a_product(m: int, n: int, k: int, factor: float) -> None:
    slow, fast = (gemm_times(MACHINE, TYPICAL, m, n, k, core_flops_per_s=x).total_s[0] for x in (1e12, factor * 1e12))
    assert fast <= slow * (1 + 1e-6)


@settings(max_examples=30, deadline=None)
@given(m=extents, n=extents, k=extents, cores=st.integers(1, 200), more=st.integers(0, 200))
def test_more_cores_cost_at_most_the_results_that_fewer_waves_hide(
    m: int, n: int, k: int, cores: int, more: int
) -> None:
    few, many = (replace(MACHINE, num_cores=count) for count in (cores, cores + more))
    slow, fast = (gemm_times(x, TYPICAL, m, n, k, core_flops_per_s=1e12).total_s[0] for x in (few, many))
    write_s = 2 * m * n / (1e12 * TYPICAL.hbm_efficiency)
    assert fast <= slow + (1 - TYPICAL.serial_fraction) * write_s + 1e-6 * slow


def test_without_an_l2_every_tile_loads_its_operands_from_main_memory() -> None:
    # 10 x 10 tiles of 128 x 128 load 2 x 128 rows of 4096 elements of 2 B each; the results are 1280 x 1280 x 2 B
    no_cache = replace(MACHINE, l2_capacity_bytes=1.0)
    times = gemm_times(no_cache, GEMM, 1280, 1280, 4096, core_flops_per_s=CORE_FLOPS_PER_S)
    assert times.hbm_bytes[0] == pytest.approx(100 * 2 * 128 * 4096 * 2 + 1280 * 1280 * 2)


def test_tiles_that_run_together_share_what_they_load_while_the_l2_holds_it() -> None:
    # a block of 2 x 2 tiles needs 4 x 128 rows x 1 KiB = 512 KiB; 4 tiles then load each operand 5 times instead of 10
    holds_four = replace(MACHINE, l2_capacity_bytes=512 * 1024)
    times = gemm_times(holds_four, GEMM, 1280, 1280, 4096, core_flops_per_s=CORE_FLOPS_PER_S)
    assert times.hbm_bytes[0] == pytest.approx(5 * 2 * 1280 * 4096 * 2 + 1280 * 1280 * 2)


def test_rows_on_more_pages_than_a_core_translates_wait_for_their_translations() -> None:
    # 256 rows of 8192 elements of 2 B span 4 MiB, twice the reach: half of 256 translations of 1 us in each of 128
    # steps beside its 2 x 128 x 128 x 64 operations
    slow = replace(GEMM, page_reach_bytes=2.0 * 1024**2, page_miss_s=1e-6)
    times = gemm_times(MACHINE, slow, 128, 128, 8192, core_flops_per_s=CORE_FLOPS_PER_S)
    assert times.compute_s[0] == pytest.approx(128 * (128e-6 + 2.097e-6), rel=1e-3)


def test_a_library_whose_tile_follows_the_rows_takes_the_least_height_that_covers_them() -> None:
    parameters = replace(GEMM, tile_rows=(64, 128, 256), follows_rows=True)
    times = gemm_times(MACHINE, parameters, [1, 64, 65, 200, 5000], 128, 512, core_flops_per_s=CORE_FLOPS_PER_S)
    assert times.tile_rows.tolist() == [64, 64, 128, 256, 256]


def test_a_library_without_split_products_never_divides_k() -> None:
    parameters = replace(GEMM, split_k_s=0.0, max_splits=1)
    assert gemm_times(MACHINE, parameters, 128, 128, 64_000, core_flops_per_s=CORE_FLOPS_PER_S).splits[0] == 1


def test_a_path_for_single_rows_costs_its_time_there_alone() -> None:
    slow = replace(GEMM, single_row_s=1e-5)
    plain, special = (gemm_times(MACHINE, p, [1, 2], 64, 64, core_flops_per_s=1e12).total_s for p in (GEMM, slow))
    assert special - plain == pytest.approx([1e-5, 0.0], abs=1e-12)


def test_quantising_many_narrow_rows_takes_their_serial_updates_of_the_maximum() -> None:
    parameters = replace(GEMM, quantize_launch_s=2e-6, quantize_row_s=1e-8, quantize_efficiency=1.0)
    # 10,000 rows x 10 ns = 100 us, then 10,000 x 32 elements read (2 B) and written (1 B) = 0.96 MB: 92 % from 1 TB/s,
    # 8 % (2 - 2 x 0.96) at half of 10 TB/s; the second kernel dispatches 10,000 blocks in 30 us
    (seconds,) = quantize_seconds(MACHINE, parameters, [10_000], [32])
    assert seconds == pytest.approx(2e-6 + 1e-4 + 30e-6, rel=1e-6)


def test_quantising_few_wide_rows_takes_their_bytes() -> None:
    parameters = replace(GEMM, quantize_launch_s=2e-6, quantize_row_s=1e-8, quantize_efficiency=0.5)
    # 10 x 1,000,000 elements: 20 MB read twice and 10 MB written at 0.5 TB/s
    (seconds,) = quantize_seconds(MACHINE, parameters, [10], [1_000_000])
    assert seconds == pytest.approx(2e-6 + 100e-6)


def test_rows_that_no_wide_load_fits_run_at_a_lower_matrix_rate() -> None:
    slow = replace(GEMM, misaligned_efficiency=0.5)
    aligned, odd_k, odd_n = gemm_times(
        MACHINE, slow, 1280, [1280, 1280, 1277], [6400, 6399, 6400], core_flops_per_s=CORE_FLOPS_PER_S
    ).compute_s
    assert odd_k / aligned == pytest.approx(2.0, rel=0.01)
    assert odd_n / aligned == pytest.approx(2.0, rel=0.01)
