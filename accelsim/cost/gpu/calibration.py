"""The calibration block of a GPU: which numbers price a kernel family, and how far to trust them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.section import CalibratedRange, Section
from accelsim.cost.residual import LIBRARY_DEVIATION, Residual, residual_of
from accelsim.hardware.chip import Chip
from accelsim.warning import warn

Warnings = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GpuCalibration:
    """Reads the sections of one chip's calibration block; each belongs to a file of ``cost/gpu/kernels``."""

    chip: Chip

    @classmethod
    def of(cls, chip: Chip) -> GpuCalibration:
        """The calibration of ``chip``."""
        return cls(chip)

    def states(self, section: Section) -> bool:
        """Whether the block has this section."""
        return section.name in self.chip.calibration

    def read(self, section: Section) -> tuple[Any, Warnings]:
        """The numbers of a section, or typical ones with a warning.

        Raises:
            ConfigError: The section holds an unknown key or an impossible value.
        """
        if self.states(section):
            return self.chip.calibrated(section.name, section.parameters), self._inherited(section)
        text = f"{self.chip.name}: no calibration of {section.name}; typical efficiencies of GPUs used"
        return section.typical, (warn("typical-calibration", text),)

    def residual(self, section: Section, *, is_outside: bool = False) -> Residual:
        """How far times of ``section`` may be off.

        Args:
            section: The section that prices the operator.
            is_outside: Whether an extent lies outside the section's range.
        """
        inherited = bool(self._limits(section).inherited)
        return residual_of(
            self.chip, section.name, is_outside=is_outside, inherited=inherited, further=LIBRARY_DEVIATION
        )

    def outside(self, section: Section, extents: Mapping[str, ArrayLike]) -> list[Warnings]:
        """For each operator, one warning per extent that lies outside the section's measured range.

        Args:
            section: The section that prices the operators.
            extents: Values by key of the range, one per operator.
        """
        columns = {key: np.atleast_1d(np.asarray(values)) for key, values in extents.items()}
        found: list[Warnings] = [()] * max(len(column) for column in columns.values())
        for key, values in columns.items():
            span = self._span(section, key)
            if span is None:
                continue
            for at in np.flatnonzero((values < span[0]) | (values > span[1])).tolist():
                text = (
                    f"{section.name} {key}={int(values[at])} lies outside the calibrated range {span[0]} to {span[1]}"
                )
                found[at] += (warn("outside-calibration", f"{self.chip.name}: {text}"),)
        return found

    def num_outside(
        self, section: Section, extents: Mapping[str, Sequence[float] | np.ndarray[Any, Any]]
    ) -> dict[str, int]:
        """Rows of a measured table outside the section's range, by a warning that names the column.

        Args:
            section: The section that prices the rows.
            extents: Columns of the table.
        """
        keys = {column: key for key, column in section.extents.items()}
        found = {}
        for column, cells in extents.items():
            span = self._span(section, keys[column]) if column in keys else None
            values = np.asarray(cells)
            if span is not None and (count := int(((values < span[0]) | (values > span[1])).sum())):
                text = f"{column} outside the calibrated {span[0]} to {span[1]}"
                found[warn("outside-calibration", text)] = count
        return found

    def is_measured(self, section: Section) -> bool:
        """Whether the section's numbers were fitted to measurements of this very chip."""
        return self.states(section) and not self._inherited(section)

    def _span(self, section: Section, key: str) -> tuple[int, int] | None:
        """Least and largest measured value of an extent; None where the section does not say."""
        span: tuple[int, ...] = getattr(self._limits(section), key, ())
        return (span[0], span[1]) if len(span) == 2 else None

    def _limits(self, section: Section) -> CalibratedRange:
        name = f"{section.name}_range"
        if name not in self.chip.calibration:
            return CalibratedRange()
        return self.chip.calibrated(name, section.range)

    def _inherited(self, section: Section) -> Warnings:
        """A warning where the section's numbers are those of another chip."""
        if whole := self.chip.inherited(section.name):
            return whole
        other = self._limits(section).inherited
        text = f"{self.chip.name}: {section.name} was not measured; calibration of {other} used"
        return (warn("inherited-calibration", text),) if other else ()
