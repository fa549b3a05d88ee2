"""What is printed exactly reads back exactly, whatever the value and the dimension."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from accelsim.errors import UnitError
from accelsim.units import dimension_names, format_quantity, parse_quantity, repr_quantity

DIMENSIONS = st.sampled_from(dimension_names())
VALUES = st.floats(allow_nan=False, allow_infinity=False)


@given(VALUES, DIMENSIONS)
@example(5e-324, "joule_per_flop")
@example(1.7976931348623157e308, "time")
@example(2.0**70, "bytes")
def test_exact_text_reads_back_to_the_same_float(value: float, dimension: str) -> None:
    assert parse_quantity(repr_quantity(value, dimension), dimension) == value


@given(st.floats(min_value=1e-21, max_value=1e21), DIMENSIONS, st.integers(min_value=2, max_value=8))
def test_rounded_text_is_as_near_as_its_digits(value: float, dimension: str, digits: int) -> None:
    shown = parse_quantity(format_quantity(value, dimension, digits), dimension)
    # one unit in the last of `digits` places, relative to a leading digit of at least 1
    assert math.isclose(shown, value, rel_tol=10.0 ** (1 - digits), abs_tol=0)


@given(st.text(max_size=120), DIMENSIONS)
def test_any_text_is_a_finite_number_or_a_unit_error(text: str, dimension: str) -> None:
    try:
        value = parse_quantity(text, dimension)
    except UnitError:
        return
    assert math.isfinite(value)
