"""Fit of the eight calibrated numbers of a systolic chip to measured modules.

Least squares on log time with a soft-L1 loss, so that no size and no single odd point rules.  Cross-validation leaves
out whole shapes: a shape measured twice never stands on both sides.  Not modelled: weights of points, different error
per source.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.cost.systolic.gemm import gemm_times
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.cost.systolic.rows import RowShapes, row_times
from accelsim.errors import ConfigError

FloatArray = npt.NDArray[np.float64]

#: Fields that are fitted, with an upper bound of physical meaning; all are positive.
FITTED = {
    "launch_s": 1e-3,
    "second_core_s": 1e-3,
    "step_s": 1e-4,
    "core_hbm_share": 1.0,
    "matrix_efficiency": 1.0,
    "conversion_ops": 100.0,
    "reduction_setup_s": 1e-3,
    "reduction_s": 1e-5,
}
_SMALLEST = 1e-12
_SCALE = 0.1  # errors beyond about 10 % count linearly


@dataclass(frozen=True, slots=True)
class MeasuredModules:
    """Measured modules of one element type as columns.

    Attributes:
        is_gemm: Products ``m x n x k``; the others are row operators of ``m`` rows of ``n`` elements.
        m, n, k: Extents; ``k`` of row operators is not read.
        operands: Arrays of ``m x n`` that a row operator reads and writes.
        flops_per_element: Arithmetic operations of a row operator.
        reduces: Whether a row operator reduces its rows.
        time_s: Measured seconds.
    """

    is_gemm: npt.NDArray[np.bool_]
    m: FloatArray
    n: FloatArray
    k: FloatArray
    operands: FloatArray
    flops_per_element: FloatArray
    reduces: npt.NDArray[np.bool_]
    time_s: FloatArray

    def predicted_s(self, machine: SystolicMachine, parameters: SystolicParameters) -> FloatArray:
        """Times the model gives, in the order of the rows.

        Args:
            machine: Arrays, vector unit and memory of a core.
            parameters: The calibrated numbers.

        Returns:
            Seconds of each module. float64[rows].
        """
        seconds = np.empty(len(self.time_s))
        gemm, row = self.is_gemm, ~self.is_gemm
        if gemm.any():
            seconds[gemm] = gemm_times(self.m[gemm], self.n[gemm], self.k[gemm], machine, parameters).total_s
        if row.any():
            elements = self.m[row] * self.n[row]
            moved = elements * self.operands[row]
            flops = elements * self.flops_per_element[row]
            shapes = RowShapes(self.m[row], moved, moved * machine.element_bytes, flops, self.reduces[row])
            seconds[row] = row_times(shapes, machine, parameters).total_s
        return seconds

    def take(self, chosen: npt.NDArray[np.bool_]) -> MeasuredModules:
        """The rows where ``chosen`` is true."""
        return MeasuredModules(
            is_gemm=self.is_gemm[chosen],
            m=self.m[chosen],
            n=self.n[chosen],
            k=self.k[chosen],
            operands=self.operands[chosen],
            flops_per_element=self.flops_per_element[chosen],
            reduces=self.reduces[chosen],
            time_s=self.time_s[chosen],
        )


@dataclass(frozen=True, slots=True)
class Fit:
    """Outcome of a fit.

    Attributes:
        parameters: Start values with the fitted fields replaced.
        relative_deviation: One standard deviation of each fitted field, relative; large means not identifiable.
        errors: Signed relative error of each row.
    """

    parameters: SystolicParameters
    relative_deviation: dict[str, float]
    errors: FloatArray


def fit_parameters(modules: MeasuredModules, machine: SystolicMachine, start: SystolicParameters) -> Fit:
    """Fit the fields of :data:`FITTED`, from ``start``, to ``modules``.

    Args:
        modules: Measured products and operators over rows.
        machine: Arrays, vector unit and memory of a core.
        start: Where the search begins; fields that are not fitted keep its values.

    Raises:
        ConfigError: Fewer measured modules than fields.
    """
    from scipy.optimize import least_squares  # 0.2 s that pricing never needs

    if len(modules.time_s) < len(FITTED):
        raise ConfigError(f"fit of {len(FITTED)} numbers needs at least as many rows, got {len(modules.time_s)}")

    def candidate(logs: FloatArray) -> SystolicParameters:
        values: dict[str, Any] = dict(zip(FITTED, np.exp(logs).tolist(), strict=True))
        return replace(start, **values)

    def residuals(logs: FloatArray) -> FloatArray:
        ratio: FloatArray = np.log(modules.predicted_s(machine, candidate(logs)) / modules.time_s)
        return ratio

    found = least_squares(
        residuals,
        np.log([max(getattr(start, name), _SMALLEST) for name in FITTED]),
        bounds=(np.log(_SMALLEST), np.log(list(FITTED.values()))),
        loss="soft_l1",
        f_scale=_SCALE,
        diff_step=1e-2,  # the choice of tile makes the residuals piecewise smooth only
    )
    freedom = max(1, len(modules.time_s) - len(FITTED))
    covariance = np.linalg.pinv(found.jac.T @ found.jac) * 2 * found.cost / freedom
    deviation = dict(zip(FITTED, np.sqrt(np.diag(covariance)).tolist(), strict=True))
    return Fit(candidate(found.x), deviation, np.exp(residuals(found.x)) - 1)


def cross_validated_errors(
    modules: MeasuredModules, machine: SystolicMachine, start: SystolicParameters, folds: int = 5
) -> FloatArray:
    """Signed relative error of each row under parameters fitted without its shape.

    Args:
        modules: Measured products and operators over rows.
        machine: Arrays, vector unit and memory of a core.
        start: Where each search begins.
        folds: Parts of the shapes, each left out once.
    """
    fold = np.array(_fold_of(np.stack([modules.m, modules.n, modules.k], axis=1), folds))
    errors = np.empty(len(modules.time_s))
    for left_out in range(folds):
        tested = fold == left_out
        if tested.any():
            fitted = fit_parameters(modules.take(~tested), machine, start).parameters
            rows = modules.take(tested)
            errors[tested] = rows.predicted_s(machine, fitted) / rows.time_s - 1
    return errors


def _fold_of(shapes: FloatArray, folds: int) -> Sequence[int]:
    """A fold per shape that does not depend on the order of the rows."""
    return [zlib.crc32(" ".join(f"{extent:.0f}" for extent in shape).encode()) % folds for shape in shapes]
