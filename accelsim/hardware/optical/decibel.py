"""Field types for ratios and powers in decibels, which add where everything else multiplies.

In files they carry their unit (``1.5 dB``, ``-17 dBm``, ``1 dB/cm``, ``0.35 dB/km``); in Python they are plain floats
in dB, dBm and dB/m. A watt is 30 dBm.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_TEXT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(dB(?:m|/cm|/km|/m|/mm)?)\s*")
#: A ratio of 1e100; no light comes through as much.
_MOST_DB = 1e3
_PER_METRE = {"dB/mm": 1e3, "dB/cm": 1e2, "dB/m": 1.0, "dB/km": 1e-3}


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Annotation that makes a number field a decibel quantity.

    Attributes:
        noun: What a person calls it, with article.
        units: Unit -> factor to the unit of the field.
        example: A value to show in errors.
        signed: Whether negative values make sense (a power below a milliwatt, not a loss).
    """

    noun: str
    units: tuple[tuple[str, float], ...]
    example: str
    signed: bool = False

    def read(self, raw: object, info: ValidationInfo) -> float:
        """Value of ``raw`` in the unit of the field, for pydantic.

        Args:
            raw: Text with a unit (``1.5 dB``), or in Python a plain number in the unit of the field.
            info: Context of the validation: whether the value comes from a file, where a bare number is an error.
        """
        value = self._parsed(raw, bool(info.context and info.context.get("from_file")))
        if not math.isfinite(value) or (value < 0 and not self.signed):
            raise _problem(f"{raw!r}: expected {self.noun} of 0 dB or more.")
        if abs(value) > _MOST_DB:
            raise _problem(f"{raw!r} is out of range; expected {self.noun} of at most {_MOST_DB:g}.")
        return value

    def _parsed(self, raw: object, from_file: bool) -> float:
        if isinstance(raw, int | float) and not isinstance(raw, bool) and not from_file:
            return float(raw)
        match = _TEXT.fullmatch(raw) if isinstance(raw, str) else None
        factor = dict(self.units).get(match[2]) if match else None
        if match is None or factor is None:
            raise _problem(f"{raw!r} is not {self.noun}. Write e.g. '{self.example}'.")
        return float(match[1]) * factor

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read the text first; the field then sees a float."""
        return core_schema.with_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Schema of the file form: text with a unit."""
        return {"type": "string", "pattern": _TEXT.pattern, "examples": [self.example]}


def _problem(text: str) -> PydanticCustomError:
    return PydanticCustomError("quantity", "{text}", {"text": text})


LossDb: TypeAlias = Annotated[float, Logarithmic("a loss", (("dB", 1.0),), "1.5 dB")]
LossDbPerM: TypeAlias = Annotated[float, Logarithmic("a loss per length", tuple(_PER_METRE.items()), "1 dB/cm")]
PowerDbm: TypeAlias = Annotated[float, Logarithmic("an optical power", (("dBm", 1.0),), "-17 dBm", signed=True)]


def to_dbm(power_w: float) -> float:
    """Power in dBm.

    Examples:
        >>> to_dbm(1e-3), to_dbm(10e-3)
        (0.0, 10.0)
    """
    return 10 * math.log10(power_w / 1e-3)


def to_watt(power_dbm: float) -> float:
    """Power in watts.

    Examples:
        >>> to_watt(0.0)
        0.001
    """
    return float(1e-3 * 10 ** (power_dbm / 10))
