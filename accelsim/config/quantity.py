"""Field types for quantities: text with a unit in files, SI numbers in Python.

The same type serves both edges. In Python ``Memory(capacity_bytes=85899345920)`` takes SI numbers, because the name of
the field states the unit. From a file, where the key carries no unit, a bare number is refused: validation runs with
the context ``{"from_file": True}``, and ``900`` has to be ``900 GB/s``.

All quantities are finite and not negative; ``Field(gt=0)`` narrows further.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from accelsim.config.bounds import range_problem
from accelsim.errors import UnitError
from accelsim.units import dimension_example, dimension_noun, dimension_units, missing_unit, parse_quantity

FROM_FILE = {"from_file": True}
#: Dimensions whose numbers need no unit in files.
BARE_DIMENSIONS = frozenset({"ratio", "count"})


@dataclass(frozen=True, slots=True)
class Quantity:
    """Annotation that makes a number field a quantity of one dimension.

    Attributes:
        dimension: Name of the dimension in :mod:`accelsim.units`.
        whole: Whether only whole numbers make sense (bytes).
        at_most: Largest allowed value.
    """

    dimension: str
    whole: bool = False
    at_most: float = math.inf

    def read(self, raw: object, info: ValidationInfo) -> float:
        """SI value of ``raw``, for pydantic.

        Args:
            raw: Text with a unit, or in Python a plain number in SI.
            info: Context of the validation: whether the value comes from a file, where a bare number is an error.

        Raises:
            PydanticCustomError: No quantity of the dimension, or one that is negative, infinite, too large or a broken
                byte.
        """
        try:
            value = self._parsed(raw, from_file=bool(info.context and info.context.get("from_file")))
        except UnitError as err:
            raise _problem(str(err)) from err
        if isinstance(value, float) and not math.isfinite(value):
            raise _problem(f"{raw!r} is not a finite number. Write e.g. '{dimension_example(self.dimension)}'.")
        if value < 0:
            raise _problem(f"{raw!r} is negative; expected {dimension_noun(self.dimension)} of 0 or more.")
        if problem := range_problem(value, self.dimension):
            raise _problem(f"{raw!r} {problem}.")
        if value > self.at_most:
            raise _problem(f"{raw!r} is above {self.at_most:g}; expected {dimension_noun(self.dimension)} from 0 to 1.")
        if not self.whole:
            return float(value)
        if value != int(value):
            raise _problem(f"{raw!r} is not a whole number of bytes.")
        return int(value)

    def _parsed(self, raw: object, from_file: bool) -> float:
        if isinstance(raw, str):
            return parse_quantity(raw, self.dimension)
        if isinstance(raw, bool) or not isinstance(raw, (int, float)):
            example = dimension_example(self.dimension)
            raise UnitError(f"{raw!r} is not {dimension_noun(self.dimension)}. Write e.g. '{example}'.")
        if from_file and self.dimension not in BARE_DIMENSIONS:
            raise UnitError(missing_unit(f"{raw}", raw, self.dimension))
        return raw

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the quantity first; bounds such as ``Field(gt=0)`` then see an SI number."""
        return core_schema.with_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Schema of the file form: text with a unit (or a bare number for a ratio)."""
        example = dimension_example(self.dimension)
        if self.dimension in BARE_DIMENSIONS:
            return {"type": ["number", "string"], "minimum": 0, "examples": [example], "x-dimension": self.dimension}
        return {
            "type": "string",
            "pattern": r"^\s*\+?(\d[\d_]*\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\S+\s*$",
            "examples": [example],
            "x-dimension": self.dimension,
            "x-units": dimension_units(self.dimension),
        }


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{text}", {"text": text})


Seconds: TypeAlias = Annotated[float, Quantity("time")]
Bytes: TypeAlias = Annotated[int, Quantity("bytes", whole=True)]
BytesPerS: TypeAlias = Annotated[float, Quantity("bytes_per_s")]
FlopsPerS: TypeAlias = Annotated[float, Quantity("flops_per_s")]
Hertz: TypeAlias = Annotated[float, Quantity("hz")]
Joules: TypeAlias = Annotated[float, Quantity("joule")]
JoulesPerByte: TypeAlias = Annotated[float, Quantity("joule_per_byte")]
JoulesPerFlop: TypeAlias = Annotated[float, Quantity("joule_per_flop")]
Watts: TypeAlias = Annotated[float, Quantity("watt")]
Metres: TypeAlias = Annotated[float, Quantity("length")]
Fraction: TypeAlias = Annotated[float, Quantity("ratio", at_most=1.0)]
