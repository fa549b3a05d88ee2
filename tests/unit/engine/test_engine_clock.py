from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.engine.clock import MAX_TICKS, ClockError, ClockOverflowError, to_seconds, to_ticks


def test_ties_round_to_even_for_numbers_and_arrays() -> None:
    half_ticks = [0.5e-15, 1.5e-15, 2.5e-15]
    assert [to_ticks(value) for value in half_ticks] == [0, 2, 2]
    assert to_ticks(np.array(half_ticks)).tolist() == [0, 2, 2]


@given(st.floats(0, 9000))
def test_numbers_and_arrays_agree(seconds: float) -> None:
    assert to_ticks(np.array([seconds]))[0] == to_ticks(seconds)
    assert to_seconds(to_ticks(seconds)) == pytest.approx(seconds, abs=1e-15, rel=1e-15)


def test_the_clock_holds_two_and_a_half_hours_and_no_more() -> None:
    assert to_ticks(9223.0) == 9223 * 10**15 <= MAX_TICKS
    with pytest.raises(ClockOverflowError, match=r"9224 s is too long.*repeat=N"):
        to_ticks(9224.0)
    with pytest.raises(ClockOverflowError, match="Simulate one step"):
        to_ticks(np.array([1.0, 1e4]))


@pytest.mark.parametrize("bad", [-1e-15, float("nan"), np.array([1.0, -1.0]), np.array([1.0, np.nan])])
def test_negative_and_nan_times_are_refused(bad: float) -> None:
    with pytest.raises(ClockError, match="must be a number >= 0"):
        to_ticks(bad)


def test_arrays_keep_their_shape_and_integers_are_seconds() -> None:
    assert to_ticks(np.array([[1, 2]])).tolist() == [[10**15, 2 * 10**15]]
    assert to_seconds(np.array([5 * 10**14])).tolist() == [0.5]
