"""What a calibrator is: a chip and measured rows in, one fitting problem per section of the calibration out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.calibrate import FreeParameter
from accelsim.hardware.chip import Chip
from accelsim.registry import Registry
from accelsim.validation.table import Rows, Table

Array = NDArray[np.float64]
Values = Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Problem:
    """One section of a chip's calibration and the measured rows that can determine it.

    Attributes:
        section: Name of the section.
        rows: Rows of the table, in the order of all arrays here.
        start: The parameters as they are, a dataclass; its other fields stay.
        free: Fields to fit, with their bounds.
        measured_s: Seconds.
        groups: Shape of each row, by which cross-validation divides.
        predict: Seconds of all rows with some fields replaced.
        solve: Fields fitted to the rows that an index selects.
        valid: Where the result holds: keys of the section's range (or of the section), ready to be written.
        valid_inside: Whether these keys stand inside the section instead of in ``<section>_range``.
    """

    section: str
    rows: Rows
    start: Any
    free: Sequence[FreeParameter]
    measured_s: Array
    groups: Sequence[object]
    predict: Callable[[Values], Array]
    solve: Callable[[Rows], Values]
    valid: Mapping[str, Sequence[int | str]]
    valid_inside: bool = False


class Calibrator(Protocol):
    """Makes the problems of one class of machine."""

    def problems(self, chip: Chip, table: Table) -> list[Problem]:
        """One problem per section that has rows; rows of no section are left out.

        Args:
            chip: The chip whose calibration is the start of each fit.
            table: Checked rows that were measured on it.
        """
        ...


CALIBRATORS: Registry[type[Calibrator]] = Registry("calibrator", "accelsim.validation.calibrators")
register_calibrator = CALIBRATORS.register


def span(values: Array) -> tuple[int, int]:
    """Smallest and largest of some whole numbers."""
    return int(values.min()), int(values.max())
