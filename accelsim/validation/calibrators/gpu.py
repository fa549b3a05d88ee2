"""Calibration of GPUs: one section per kernel family and element type, fitted by :mod:`accelsim.cost.calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from accelsim.cost.calibrate import FreeParameter, fit
from accelsim.cost.gpu.kernels.base import Families, KernelFamily
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.validation.calibrators.base import Problem, Values, register_calibrator, span
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import MEASURED, Rows, Table


@dataclass(frozen=True, eq=False)
class _Measured:
    """The rows of one section: what prices them, and where in the table they are."""

    family: KernelFamily
    section: Section
    parts: list[tuple[Rows, Batch]] = field(default_factory=list)


@register_calibrator("gpu")
class GpuCalibrator:
    """Fits the kernel families of the ``gpu`` cost model."""

    def problems(self, chip: Chip, table: Table) -> list[Problem]:
        """See :class:`~accelsim.validation.calibrators.base.Calibrator`.

        Args:
            chip: The chip.
            table: Its rows.
        """
        families = Families.known()
        found: dict[str, _Measured] = {}
        for (hardware, op, dtype, timing), rows in table.groups().items():
            family = families.of_rows(op)
            section = family.section(op, DType(dtype)) if family else None
            if family and section:
                batch = Batch(op, DType(dtype), table.extents(op, rows), rig_of(timing, op, hardware).rig)
                found.setdefault(section.name, _Measured(family, section)).parts.append((rows, batch))
        return [_problem(chip, table, measured) for measured in found.values()]


def _problem(chip: Chip, table: Table, measured: _Measured) -> Problem:
    family, section, parts, site = measured.family, measured.section, measured.parts, Site.of(chip)
    is_stated = site.calibration.states(section)
    first = family.start(section, parts[0][1].dtype, site.calibration)
    rows = np.concatenate([index for index, _ in parts])
    measured_s = table.numbers(MEASURED, rows)
    free = family.free(section, first, is_stated)

    def predict_from(form: Any, values: Values) -> Array:
        parameters = replace(form, **values)
        return np.concatenate([family.seconds(batch, parameters, site) for _, batch in parts])

    def cost_of(form: Any) -> float:
        found = fit(lambda values, index: predict_from(form, values)[index], measured_s, free, starts=1).values
        return _robust_cost(predict_from(form, found), measured_s)

    forms = family.alternatives(section, first, is_stated)
    start = min(forms, key=cost_of) if len(forms) > 1 and rows.size > len(free) else forms[0]

    def predict(values: Values) -> Array:
        return predict_from(start, values)

    def solve(index: Rows) -> Values:
        def seconds(values: Values, chosen: Rows) -> Array:
            return predict(values)[chosen]

        found = fit(seconds, measured_s, free, index).values
        if index.size < rows.size:  # cross-validation
            return found
        own = fit(seconds, measured_s, [_from_own(parameter, start) for parameter in free], index, starts=1).values
        return min(found, own, key=lambda values: _robust_cost(predict(values), measured_s))

    groups = [
        (batch.op, *shape)
        for _, batch in parts
        for shape in np.stack(list(batch.extents.values()), axis=1).astype(int).tolist()
    ]
    return Problem(section.name, rows, start, free, measured_s, groups, predict, solve, _valid(section, parts))


def _from_own(parameter: FreeParameter, start: Any) -> FreeParameter:
    """The search begun from the number the chip has: where two resources hide each other, one start may miss it."""
    own = float(np.clip(getattr(start, parameter.name), parameter.low, parameter.high))
    return replace(parameter, start=own)


def _robust_cost(predicted_s: Array, measured_s: Array) -> float:
    """What the fit makes small: soft-L1 of the logarithm of the ratio, linear beyond 8 %."""
    ratio = np.log(predicted_s / measured_s) / 0.08
    return float(np.sum(np.sqrt(1.0 + ratio**2) - 1.0))


def _valid(section: Section, parts: list[tuple[Rows, Batch]]) -> Mapping[str, tuple[int, ...]]:
    """Range of each extent that a section states."""
    extents = {
        key: [batch.extents[column] for _, batch in parts if column in batch.extents]
        for key, column in section.extents.items()
    }
    return {key: span(np.concatenate(found)) for key, found in extents.items() if found}
