"""Cycles of one array: hand arithmetic; the suite scalesim_gemm_cycles holds them to SCALE-Sim's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.systolic.cycles import DATAFLOWS, array_cycles, array_utilisation, fold_cycles, fold_grid
from accelsim.errors import ConfigError

EXTENT = st.integers(1, 5000)
SIDE = st.integers(1, 300)


def test_one_weight_stationary_fold_fills_streams_and_drains() -> None:
    # 4 cycles load 4 rows of weights; the wave of 10 vectors over 4 + 3 processing elements takes 10 + 4 + 3 - 2
    assert fold_cycles(10, 4, 3, "ws") == 4 + (10 + 4 + 3 - 2)
    # a stationary result is not loaded: the wave alone
    assert fold_cycles(10, 4, 3, "os") == 10 + 4 + 3 - 2


def test_folds_count_the_parts_of_the_operand_that_stays() -> None:
    # B is 300 x 500 on 128 x 256: ceil(300 / 128) = 3 by ceil(500 / 256) = 2, and the 7 rows of A stream
    assert [int(x) for x in fold_grid(7, 500, 300, 128, 256, "ws")] == [3, 2, 7]
    # the result is 7 x 500: 1 by 2, and k streams
    assert [int(x) for x in fold_grid(7, 500, 300, 128, 256, "os")] == [1, 2, 300]
    # A transposed is 300 x 7: 3 by 1, and the columns of B stream
    assert [int(x) for x in fold_grid(7, 500, 300, 128, 256, "is")] == [3, 1, 500]


@given(m=EXTENT, n=EXTENT, k=EXTENT, rows=SIDE, cols=SIDE)
def test_input_stationary_is_weight_stationary_of_the_transposed_product(
    m: int, n: int, k: int, rows: int, cols: int
) -> None:
    assert array_cycles(m, n, k, rows, cols, "is") == array_cycles(n, m, k, rows, cols, "ws")


@given(m=EXTENT, n=EXTENT, k=EXTENT, rows=SIDE, cols=SIDE, dataflow=st.sampled_from(DATAFLOWS))
def test_an_array_never_does_more_than_its_peak(m: int, n: int, k: int, rows: int, cols: int, dataflow: str) -> None:
    assert 0 < array_utilisation(m, n, k, rows, cols, dataflow) <= 1


def test_arrays_of_extents_give_arrays_of_cycles() -> None:
    m = np.array([256, 512])
    assert array_cycles(m, m, m, 128, 128, "ws").tolist() == [2551, 14303]


def test_an_unknown_dataflow_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown dataflow 'rs'\. Use one of: ws, os, is\."):
        array_cycles(1, 1, 1, 8, 8, "rs")
