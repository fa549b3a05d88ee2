"""Which numbers a description may hold: ranges far beyond any machine or model, outside of which a value is a slip.

They keep arithmetic away from overflow and loops away from sizes that no memory holds; what they refuse is named with
its key instead of failing somewhere inside.  A number of a description has a type from here, a quantity
(:mod:`accelsim.config.quantity`), or bounds of its own; a test holds every description to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from annotated_types import Ge, Gt, Le

from accelsim.errors import UnitError
from accelsim.units import dimension_noun, format_quantity, parse_quantity

#: Most chips, cores in a row, experts, wavelengths: anything of which there is one object or one line of an array.
MAX_COUNT = 2**20
#: Most elements along one axis of a tensor of weights.
MAX_WIDTH = 2**26
#: Most layers of a model: each is looked at by itself.
MAX_LAYERS = 10_000
#: Most tokens of one sequence, and sequences of a batch.
MAX_TOKENS = 2**32
#: Most chips of a system.
MAX_CHIPS = 2**22
#: Most cores of a chip; the largest wafers have 0.9 million.
MAX_CORES = 2**22
#: Largest seed.
MAX_SEED = 2**63 - 1
#: Largest relative error of a fit that a description may state: 10 is 1,000 %.
MAX_ERROR = 10.0
#: Most digits of a whole number that is read from text; Python needs quadratic time for longer ones.
MAX_DIGITS = 18

Count: TypeAlias = Annotated[int, Gt(0), Le(MAX_COUNT)]
CountOrNone: TypeAlias = Annotated[int, Ge(0), Le(MAX_COUNT)]
Width: TypeAlias = Annotated[int, Gt(0), Le(MAX_WIDTH)]
WidthOrNone: TypeAlias = Annotated[int, Ge(0), Le(MAX_WIDTH)]
Layers: TypeAlias = Annotated[int, Gt(0), Le(MAX_LAYERS)]
LayersOrNone: TypeAlias = Annotated[int, Ge(0), Le(MAX_LAYERS)]
Tokens: TypeAlias = Annotated[int, Gt(0), Le(MAX_TOKENS)]
#: A number of bytes, elements or ranks without a unit, or an option of a topology.
Whole: TypeAlias = Annotated[int, Ge(0), Le(MAX_SEED)]
#: A rate per cycle, a factor: anything positive without a unit.
Amount: TypeAlias = Annotated[float, Ge(1e-9), Le(1e15)]

#: Dimension -> smallest value above 0 and largest value, in SI.
QUANTITY_RANGES: Mapping[str, tuple[float, float]] = {
    "time": (0.0, 3600.0),
    "bytes": (0.0, 1e18),
    "bytes_per_s": (1.0, 1e21),
    "flops_per_s": (1.0, 1e24),
    "hz": (1.0, 1e15),
    "joule": (0.0, 1e12),
    "joule_per_byte": (0.0, 1.0),
    "joule_per_flop": (0.0, 1.0),
    "watt": (0.0, 1e12),
    "length": (0.0, 1e9),
    "ratio": (0.0, 1e6),
    "count": (0.0, 1e18),
}


def range_problem(value: float, dimension: str) -> str:
    """Why a quantity cannot be meant, as the end of a sentence about it; blank where it can.

    Args:
        value: In SI; its sign is not looked at.
        dimension: Its dimension.
    """
    least, most = QUANTITY_RANGES[dimension]
    if value == 0 or least <= abs(value) <= most:
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    low, high = format_quantity(least, dimension), format_quantity(most, dimension)
    return f"is out of range; expected {dimension_noun(dimension)} from {low} to {high}"


def read_quantity(text: str, dimension: str) -> float:
    """SI value of a quantity of 0 or more that some machine can have.

    Args:
        text: Number and unit.
        dimension: The dimension it must have.

    Raises:
        UnitError: The text is no such quantity, or it is negative or out of range.
    """
    value = parse_quantity(text, dimension)
    if value < 0:
        raise UnitError(f"{text.strip()!r} is negative; expected {dimension_noun(dimension)} of 0 or more.")
    if problem := range_problem(value, dimension):
        raise UnitError(f"{text.strip()!r} {problem}.")
    return value


def read_whole(text: str) -> int | None:
    """The whole number that a text is, sign allowed; None where it is none, or has more digits than any size.

    Args:
        text: Digits.
    """
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS else None
