"""One section of a GPU's calibration block: its numbers, what they may be, and what stands in for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from functools import cache
from typing import Any

from accelsim.cost.calibrate import FreeParameter


@dataclass(frozen=True, slots=True)
class CalibratedRange:
    """How well a section's numbers were fitted; a section adds the least and largest value of each of its extents.

    Attributes:
        points: Measured rows.
        mape: Mean absolute relative error of the fit, cross-validated by shape.
        p90: 90th percentile of the absolute relative error.
        data: The measurements' source.
        inherited: The chip whose numbers stand in because this one was not measured; blank for its own.
    """

    points: int = 0
    mape: float = 0.0
    p90: float = 0.0
    data: str = ""
    inherited: str = ""


@dataclass(frozen=True)
class Section:
    """A section of the calibration block and its ``<name>_range``.

    Attributes:
        name: Key under ``calibration``.
        parameters: Frozen dataclass of its numbers; keys in a file are field names without their unit suffix.
        typical: What stands in, with a warning, on a chip without the section.
        free: Numbers that measurements determine, with the bounds physics sets.
        extents: Column of a measured table by the key of ``<name>_range`` that holds its least and largest value.
    """

    name: str
    parameters: type[Any]
    typical: Any
    free: tuple[FreeParameter, ...] = ()
    extents: Mapping[str, str] = field(default_factory=dict)

    @property
    def range(self) -> type[CalibratedRange]:
        """The dataclass of ``<name>_range``."""
        return _range_of(tuple(self.extents))


@cache
def _range_of(extents: tuple[str, ...]) -> type[CalibratedRange]:
    spans = [(extent, tuple[int, ...], ()) for extent in extents]
    return make_dataclass(CalibratedRange.__name__, spans, bases=(CalibratedRange,), frozen=True)
