"""Calibration of GPUs: one section per kernel family and element type, fitted by :mod:`accelsim.cost.calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from accelsim.cost.calibrate import FreeParameter, fit
from accelsim.cost.gpu.calibration import CalibratedRange, GpuCalibration
from accelsim.cost.gpu.fitting import FREE_PARAMETERS, GEMM_NARROW, SHARED_BY_NARROW
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.validation.calibrators.base import Array, Problem, Values, register_calibrator, span
from accelsim.validation.gpu_kernels import KernelSet
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.pricers.base import Batch
from accelsim.validation.pricers.gpu import seconds_with, section_of
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import MEASURED, Rows, Table

#: Columns of a table whose range a section states, by the name there.
_ROWWISE_RANGE = {"rows": "m", "width": "n"}


@register_calibrator("gpu")
class GpuCalibrator:
    """Fits the kernel families of the ``gpu`` cost model."""

    def problems(self, chip: Chip, table: Table) -> list[Problem]:
        """See :class:`~accelsim.validation.calibrators.base.Calibrator`."""
        batches: dict[str, list[tuple[Rows, Batch]]] = {}
        for (hardware, op, dtype, timing), rows in table.groups().items():
            section = section_of(op, DType(dtype))
            if section and not OPERATIONS[op].collective:
                rig = rig_of(timing, op, hardware).rig
                batch = Batch(op, DType(dtype), table.extents(op, rows), rig)
                batches.setdefault(section, []).append((rows, batch))
        return [_problem(chip, table, section, parts) for section, parts in batches.items()]


def _problem(chip: Chip, table: Table, section: str, parts: list[tuple[Rows, Batch]]) -> Problem:
    start = _start(chip, section, parts[0][1].dtype)
    rows = np.concatenate([index for index, _ in parts])
    measured_s = table.numbers(MEASURED, rows)
    free = _free(chip, section, start)

    def predict(values: Values) -> Array:
        parameters = replace(start, **values)
        return np.concatenate([seconds_with(parameters, batch, chip) for _, batch in parts])

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
    return Problem(section, rows, start, free, measured_s, groups, predict, solve, _valid(section, parts))


def _from_own(parameter: FreeParameter, start: Any) -> FreeParameter:
    """The search begun from the number the chip has: where two resources hide each other, one start may miss it."""
    own = float(np.clip(getattr(start, parameter.name), parameter.low, parameter.high))
    return replace(parameter, start=own)


def _robust_cost(predicted_s: Array, measured_s: Array) -> float:
    """What the fit makes small: soft-L1 of the logarithm of the ratio, linear beyond 8 %."""
    ratio = np.log(predicted_s / measured_s) / 0.08
    return float(np.sum(np.sqrt(1.0 + ratio**2) - 1.0))


def _start(chip: Chip, section: str, dtype: DType) -> Any:
    """The section's parameters, or those that stand in for it."""
    calibration = GpuCalibration.of(chip)
    if section.startswith("gemm"):
        start, wide = calibration.gemm(dtype)[0], calibration.gemm(DType.BF16)[0]
        is_narrow = FREE_PARAMETERS.get(section) is GEMM_NARROW
        return replace(start, **{name: getattr(wide, name) for name in SHARED_BY_NARROW}) if is_narrow else start
    if section.startswith("attention_flash"):
        return calibration.training(section.removeprefix("attention_"))[0]
    if section.startswith("attention"):
        return (calibration.prefill() if section == "attention_prefill" else calibration.decode())[0]
    return (calibration.moe(section) if section.startswith("moe") else calibration.rows(section))[0]


def _free(chip: Chip, section: str, start: Any) -> tuple[FreeParameter, ...]:
    """What is fitted; a family of another element type has the parameters of the family."""
    if section in FREE_PARAMETERS and section in chip.calibration:
        return KernelSet(chip, section, (), ()).free
    known = {field.name for field in fields(start)}
    free = FREE_PARAMETERS.get(section, FREE_PARAMETERS["gemm"])
    return tuple(parameter for parameter in free if parameter.name in known)


def _valid(section: str, parts: list[tuple[Rows, Batch]]) -> Mapping[str, tuple[int, ...]]:
    """Range of each extent that a section states."""
    by_row = not section.startswith(("gemm", "attention"))
    columns = _ROWWISE_RANGE if by_row else {field.name: field.name for field in fields(CalibratedRange)}
    extents = {key: [b.extents[column] for _, b in parts if column in b.extents] for key, column in columns.items()}
    if section.startswith("gemm"):
        extents.pop("batch", None)
    return {key: span(np.concatenate(found)) for key, found in extents.items() if found}
