"""Fit a few physical parameters of a cost model to measured times; generic in the model.

Least squares on the logarithm of time (a factor of two is as wrong above as below), robust (soft-L1: one odd point
does not bend the fit), within bounds that have a physical meaning, from a few starts.  Parameters are searched on a
logarithmic scale, so all of them must be positive.

Not here: which tables exist and how a rig measured them; a caller hands in a vectorised ``predict``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import ConfigError

Array = NDArray[np.float64]
#: Predicted seconds of the rows selected by an index array, under some parameter values.
Predict = Callable[[Mapping[str, float], NDArray[np.intp]], Array]

_LOSS_SCALE = 0.08  # residuals of more than 8 % count ever more linearly


@dataclass(frozen=True, slots=True)
class FreeParameter:
    """One number to fit.

    Attributes:
        name: Its name in the parameter dataclass.
        low: Least value that is physically possible.
        high: Largest such value.
        start: Where the search begins.
    """

    name: str
    low: float
    high: float
    start: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high or not self.low <= self.start <= self.high:
            raise ConfigError(
                f"parameter {self.name}: need 0 < low < high and a start between, got "
                f"low={self.low!r}, start={self.start!r}, high={self.high!r}."
            )


@dataclass(frozen=True, slots=True)
class ErrorSummary:
    """How far predictions are from measurements; fractions, not percent.

    Attributes:
        points: Rows compared.
        mape: Mean absolute relative error.
        median: Median absolute relative error.
        p90: Its 90th percentile.
        bias: Mean signed relative error; positive when predictions are too long.
    """

    points: int
    mape: float
    median: float
    p90: float
    bias: float

    @classmethod
    def of(cls, predicted_s: Array, measured_s: Array) -> ErrorSummary:
        """Summary of pairs of times.

        Args:
            predicted_s: Seconds that a model says. float64[rows].
            measured_s: Seconds that were measured. float64[rows].
        """
        signed = np.asarray(predicted_s, dtype=np.float64) / np.asarray(measured_s, dtype=np.float64) - 1.0
        size = np.abs(signed)
        p90 = float(np.quantile(size, 0.9))
        return cls(size.size, float(size.mean()), float(np.median(size)), p90, float(signed.mean()))

    def __str__(self) -> str:
        return (
            f"{self.points:5d} points  MAPE {self.mape:6.1%}  median {self.median:6.1%}  p90 {self.p90:6.1%}  "
            f"bias {self.bias:+6.1%}"
        )


@dataclass(frozen=True, slots=True)
class Calibration:
    """Result of a fit.

    Attributes:
        values: Fitted number of each parameter.
        spread: Relative standard deviation of each, from the curvature at the optimum; above about 0.5 the data do
            not determine the parameter.
        error: Summary on the fitted rows.
    """

    values: Mapping[str, float]
    spread: Mapping[str, float]
    error: ErrorSummary


def fit(
    predict: Predict,
    measured_s: Array,
    free: Sequence[FreeParameter],
    rows: NDArray[np.intp] | None = None,
    starts: int = 2,
) -> Calibration:
    """Fit ``free`` so that ``predict`` matches ``measured_s`` on ``rows`` (default: all).

    Args:
        predict: Model; must return positive seconds.
        measured_s: Measured seconds of all rows.
        free: Parameters to fit.
        rows: Indices of the rows to fit.
        starts: Searches: the first from the given starts, further ones from points moved towards a bound.

    Raises:
        ConfigError: Fewer rows than parameters, or a time that is not positive.
    """
    from scipy.optimize import least_squares

    index = np.arange(len(measured_s)) if rows is None else rows
    if len(index) < len(free):
        raise ConfigError(f"{len(index)} rows cannot determine {len(free)} parameters. Give more rows.")
    if not np.all(measured_s[index] > 0):
        raise ConfigError("a measured time is not positive; remove the row.")
    target = np.log(measured_s[index])
    low, high, start = (np.log([getattr(p, side) for p in free]) for side in ("low", "high", "start"))

    def values(point: Array) -> dict[str, float]:
        return {p.name: float(v) for p, v in zip(free, np.exp(point), strict=True)}

    def residual(point: Array) -> Array:
        return np.asarray(np.log(predict(values(point), index)) - target, dtype=np.float64)

    best = None
    for attempt in range(starts):
        shift = 0.0 if attempt == 0 else 0.3 * (-1.0) ** attempt
        point = np.clip(start + shift, low + 1e-9, high - 1e-9)
        found = least_squares(
            residual, point, bounds=(low, high), loss="soft_l1", f_scale=_LOSS_SCALE, diff_step=1e-3, max_nfev=60
        )
        best = found if best is None or found.cost < best.cost else best
    if best is None:
        raise ConfigError(f"starts must be >= 1, got {starts}.")
    spread = _spread(best.jac, residual(best.x))
    error = ErrorSummary.of(predict(values(best.x), index), measured_s[index])
    return Calibration(values(best.x), dict(zip([p.name for p in free], spread, strict=True)), error)


def cross_validate(
    predict: Predict, measured_s: Array, free: Sequence[FreeParameter], groups: Sequence[object], folds: int = 5
) -> Array:
    """Predicted seconds of every row by a fit that never saw its group.

    Args:
        predict: Model.
        measured_s: Measured seconds.
        free: Parameters to fit.
        groups: Label of each row, e.g. its shape; rows of one label stay together.
        folds: Fits.
    """
    labels = {label: i for i, label in enumerate(dict.fromkeys(groups))}
    fold = np.random.default_rng(0).permutation(len(labels))[[labels[g] for g in groups]] % folds
    predicted = np.zeros(len(measured_s))
    for held_out in range(folds):
        seen, unseen = np.flatnonzero(fold != held_out), np.flatnonzero(fold == held_out)
        if unseen.size:
            predicted[unseen] = predict(fit(predict, measured_s, free, seen, starts=1).values, unseen)
    return predicted


def _spread(jacobian: Array, residuals: Array) -> list[float]:
    """Standard deviation of each log parameter."""
    freedom = max(1, residuals.size - jacobian.shape[1])
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * float(residuals @ residuals) / freedom
    return [float(v) for v in np.sqrt(np.maximum(np.diag(covariance), 0.0))]
