"""Calibration of systolic chips: one section for all operators, fitted by :mod:`accelsim.cost.systolic.fit`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.systolic.fit import FITTED, MeasuredModules, fit_parameters
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.validation.calibrators.base import Array, Problem, Values, register_calibrator, span
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.table import MEASURED, Rows, Table

_SMALLEST = 1e-12
_PRODUCTS = ("gemm", "batched_gemm")
_ROWWISE = ("add", "gelu", "layernorm", "relu", "rmsnorm", "rope", "silu_mul", "softmax")
_REDUCING = ("layernorm", "rmsnorm", "softmax")


@register_calibrator("systolic")
class SystolicCalibrator:
    """Fits the eight numbers of the ``systolic`` cost model."""

    def problems(self, chip: Chip, table: Table) -> list[Problem]:
        """See :class:`~accelsim.validation.calibrators.base.Calibrator`.

        Args:
            chip: A chip with systolic cores.
            table: Rows of products and of operators over rows; others are left out.

        Raises:
            ConfigError: The rows have more than one element type.
        """
        ops = np.array(table.text("op"))
        rows = np.flatnonzero(np.isin(ops, (*_PRODUCTS, *_ROWWISE)))
        if not rows.size:
            return []
        kinds = sorted({table.text("dtype")[row] for row in rows})
        if len(kinds) > 1:
            raise ConfigError(
                f"{table.name}: rows of {', '.join(kinds)}; a systolic chip is calibrated with one element type. "
                "Give one table per type."
            )
        modules = _modules(table, rows, ops[rows], DType(kinds[0]))
        return [_problem(chip, DType(kinds[0]), rows, modules)]


def _modules(table: Table, rows: Rows, ops: np.ndarray[tuple[int], np.dtype[np.str_]], dtype: DType) -> MeasuredModules:
    is_gemm = np.isin(ops, _PRODUCTS)
    m, n = (table.numbers(name, rows) for name in ("m", "n"))
    k = np.nan_to_num(table.numbers("k", rows), nan=1.0)
    operands, flops = (np.array(column) for column in zip(*(_per_element(op, dtype) for op in ops), strict=True))
    times = table.numbers(MEASURED, rows)
    return MeasuredModules(is_gemm, m, n, k, operands, flops, np.isin(ops, _REDUCING), times)


def _per_element(op: str, dtype: DType) -> tuple[float, float]:
    """Elements read and written, and operations, per element of the result of a row operator."""
    build = OPERATIONS[op].build
    if op in _PRODUCTS or build is None:
        return 0.0, 0.0
    extent = 1024  # large enough that the weights of a norm do not count
    operator = build({"m": extent, "n": extent}, dtype)
    moved = operator.reads + operator.writes - operator.weight_bytes
    return round(moved / (extent**2 * dtype.bits / 8)), operator.flops / extent**2


def _problem(chip: Chip, dtype: DType, rows: Rows, modules: MeasuredModules) -> Problem:
    start = chip.calibrated("systolic", SystolicParameters)
    machine = SystolicMachine.of(chip, dtype, chip.num_cores, start)
    free = [
        FreeParameter(name, _SMALLEST, high, min(max(getattr(start, name), _SMALLEST), high))
        for name, high in FITTED.items()
    ]

    def predict(values: Values) -> Array:
        fields: dict[str, Any] = dict(values)
        return modules.predicted_s(machine, replace(start, **fields))

    def solve(index: Rows) -> Values:
        chosen = np.zeros(len(rows), dtype=bool)
        chosen[index] = True
        fitted = fit_parameters(modules.take(chosen), machine, start).parameters
        return {name: float(getattr(fitted, name)) for name in FITTED}

    products = [getattr(modules, name)[modules.is_gemm] for name in "mnk"]
    valid: dict[str, tuple[int | str, ...]] = {"calibrated_dtypes": (dtype.value,)}
    if modules.is_gemm.any():
        valid["calibrated_extents"] = span(np.concatenate(products))
    groups = [tuple(shape) for shape in np.stack([modules.m, modules.n, modules.k], axis=1).astype(int).tolist()]
    return Problem("systolic", rows, start, free, modules.time_s, groups, predict, solve, valid, valid_inside=True)
