from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import MACHINE, ROWS, rowwise_times

from accelsim.cost.gpu.rowwise import softmax_passes


def test_large_operator_takes_its_bytes_over_the_bandwidth() -> None:
    # 1 MB read and 1 MB written at 1 TB/s are 2 us; launch and least duration add 2 us
    times = rowwise_times(MACHINE, ROWS, 1000, 500, 1e6, 1e6)
    assert times.total_s[0] == pytest.approx(4e-6)
    assert times.hbm_s[0] == pytest.approx(2e-6)


def test_operands_in_the_l2_cost_no_main_memory_time() -> None:
    times = rowwise_times(MACHINE, ROWS, 1000, 500, 1e6, 1e6, cached=1.0)
    assert times.hbm_bytes[0] == 0
    assert times.hbm_s[0] == 0


def test_rows_beyond_the_resident_blocks_wait_for_a_second_wave() -> None:
    # 1024 threads per row: 2 blocks per core, 20 on 10 cores; a block moves 4096 B at 1 GB/s in 4.096 us
    slow = replace(ROWS, block_bandwidth_bytes_per_s=1e9)
    one, two = (
        rowwise_times(MACHINE, slow, m, 1024, m * 2048, m * 2048, whole_rows=True).compute_s[0] for m in (20, 21)
    )
    assert one == pytest.approx(4.096e-6)
    assert two == pytest.approx(2 * 4.096e-6)


def test_a_second_pass_is_read_from_the_l2_while_the_rows_in_flight_fit() -> None:
    fits = rowwise_times(MACHINE, ROWS, 100, 1024, 100 * 2048, 100 * 2048, whole_rows=True, passes=2)
    assert fits.l2_bytes[0] == 3 * 100 * 2048
    assert fits.hbm_bytes[0] == 2 * 100 * 2048
    # 20 rows in flight of 100 kB each exceed the L2 of 1 MB
    spills = rowwise_times(MACHINE, ROWS, 100, 50_000, 1e7, 1e7, whole_rows=True, passes=2)
    assert spills.hbm_bytes[0] == 3e7


def test_narrow_softmax_rows_are_read_once_and_wide_ones_three_times() -> None:
    assert softmax_passes([32, 1024, 1025]).tolist() == [1.0, 1.0, 3.0]


def test_smaller_blocks_keep_more_rows_in_flight_so_that_a_second_pass_misses_the_l2() -> None:
    # rows of 40 kB read and written: 10 cores hold 20 blocks of 1024 threads (1.6 MB of 1 MB: none hits) ...
    shape = (1000, 20_000, 4e7, 4e7)
    large = rowwise_times(MACHINE, ROWS, *shape, whole_rows=True, passes=2)
    assert large.hbm_bytes[0] == 12e7
    # ... rows of 8 kB: 20 blocks are 0.32 MB and hit, 160 blocks of 128 threads are 2.56 MB and miss
    shape = (1000, 4000, 8e6, 8e6)
    few, many = (
        rowwise_times(MACHINE, ROWS, *shape, whole_rows=True, passes=2, block_threads=t).hbm_bytes[0]
        for t in (1024, 128)
    )
    assert few == 16e6
    assert many == 24e6


def test_a_kernel_that_looks_a_place_up_waits_once_more() -> None:
    rope = replace(ROWS, gather_s=2e-6)
    found = [rowwise_times(MACHINE, rope, 1, 64, 128, 128, gathers=x).total_s[0] for x in (False, True)]
    assert found[1] - found[0] == pytest.approx(2e-6)


def test_two_equal_limits_cost_a_fifth_more_with_a_norm_of_four() -> None:
    # 10 MB at 1 TB/s from main memory and at 10 x 100 GB/s through the cores: 10 us each
    equal = replace(ROWS, core_bandwidth_bytes_per_s=1e11)
    shape = (1000, 2500, 5e6, 5e6)
    sharp = rowwise_times(MACHINE, equal, *shape)
    soft = rowwise_times(MACHINE, replace(equal, overlap_norm=4.0), *shape)
    bodies = [times.total_s[0] - times.launch_s[0] - times.latency_s[0] for times in (sharp, soft)]
    assert bodies[0] == pytest.approx(1e-5)
    assert bodies[1] / bodies[0] == pytest.approx(2**0.25)
