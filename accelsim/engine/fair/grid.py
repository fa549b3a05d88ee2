"""The unit in which capacities and rates are whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from accelsim.engine.clock import TICKS_PER_S
from accelsim.engine.taskgraph import FloatArray, Int64Array

_USUAL_EXPONENT = 14
"""A link with less than a unit for each of its flows cannot move a byte of each within the 9,223 s of the clock."""

_LARGEST_BITS = 61
"""Capacities stay below ``2**61`` units, so that levels and sums fit 64 bits."""

_FEWEST_BITS = 35
"""Where the largest capacity has fewer bits in the usual unit (2 MB/s), the unit is as small as fits."""


@dataclass(frozen=True, slots=True)
class RateGrid:
    """One unit is ``2**-exponent`` bytes/s.

    Attributes:
        exponent: 14 for the links of hardware, so that rates do not depend on which other links a graph has; as large
            as 64 bits allow where the largest capacity is below 2 MB/s or above 140 TB/s.
    """

    exponent: int

    @classmethod
    def of(cls, capacity_bytes_per_s: FloatArray) -> RateGrid:
        """The unit for links of these capacities."""
        largest = _LARGEST_BITS - math.frexp(float(capacity_bytes_per_s.max(initial=0.0)))[1]
        is_usual = _USUAL_EXPONENT <= largest <= _USUAL_EXPONENT + _LARGEST_BITS - _FEWEST_BITS
        return cls(_USUAL_EXPONENT if is_usual else largest)

    @property
    def units_per_byte_per_tick(self) -> float:
        """What a rate in units is divided by to give bytes per tick, rounded once."""
        return math.ldexp(TICKS_PER_S, self.exponent)

    def units(self, capacity_bytes_per_s: FloatArray) -> Int64Array:
        """Capacities in whole units, rounded down.

        Examples:
            >>> RateGrid(14).units(np.array([1.0, 50e9]))
            array([          16384, 819200000000000])
        """
        return np.floor(np.ldexp(capacity_bytes_per_s, self.exponent)).astype(np.int64)

    def units_of(self, capacity_bytes_per_s: float) -> int:
        """One capacity in whole units, however many, rounded down."""
        return math.floor(math.ldexp(capacity_bytes_per_s, self.exponent))

    def bytes_per_s(self, units: Int64Array) -> FloatArray:
        """Rates in bytes/s.

        Examples:
            >>> RateGrid(14).bytes_per_s(np.array([8192]))
            array([0.5])
        """
        return np.ldexp(units.astype(np.float64), -self.exponent)
