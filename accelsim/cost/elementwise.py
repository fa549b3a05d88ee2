"""Functions of one number, or of one for each of several shapes.

Formulas of cost models are written once for both.  Of plain numbers they are done in plain Python, which takes a tenth
of the time that NumPy takes for arrays of one element and gives the same values to the last bit.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

#: One number, or one for each of several shapes.
Values: TypeAlias = NDArray[np.float64] | float


def ceil(value: Values) -> Values:
    """The next whole number."""
    return float(math.ceil(value)) if isinstance(value, float) else np.ceil(value)


def rounded(value: Values) -> Values:
    """The nearest whole number, the even one of two."""
    return float(round(value)) if isinstance(value, float) else np.round(value)


def sqrt(value: Values) -> Values:
    """The square root."""
    return math.sqrt(value) if isinstance(value, float) else np.sqrt(value)


def maximum(one: Values, other: Values) -> Values:
    """The greater of two."""
    if isinstance(one, float) and isinstance(other, float):
        return one if one >= other else other
    return np.maximum(one, other)


def minimum(one: Values, other: Values) -> Values:
    """The smaller of two."""
    if isinstance(one, float) and isinstance(other, float):
        return one if one <= other else other
    return np.minimum(one, other)


def where(condition: Any, one: Values, other: Values) -> Values:
    """``one`` where a condition holds, else ``other``."""
    if isinstance(condition, bool):
        return one if condition else other
    return np.where(condition, one, other)
