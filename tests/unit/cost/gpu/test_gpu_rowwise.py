from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gpu_examples import MACHINE, ROWS

from accelsim.cost.gpu.rowwise import rowwise_times


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
