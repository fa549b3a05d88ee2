"""Functions of numbers give what they give of arrays, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost import elementwise

numbers = st.floats(-1e15, 1e15)


@given(numbers, numbers)
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_of_two_numbers_as_of_arrays(name, one, other):
    function = getattr(elementwise, name)
    assert function(one, other) == function(np.array([one]), np.array([other]))[0]


@given(st.one_of(numbers, st.integers(-50, 50).map(lambda half: half / 2)))
@pytest.mark.parametrize("name", ["ceil", "rounded", "sqrt"])
def test_of_a_number_as_of_an_array(name, number):
    number = abs(number) if name == "sqrt" else number
    function = getattr(elementwise, name)
    assert isinstance(function(number), float)
    assert function(number) == function(np.array([number]))[0]


@given(numbers, numbers)
def test_where_a_condition_holds(one, other):
    assert elementwise.where(one < other, one, other) == elementwise.where(np.array([one < other]), one, other)[0]
