"""The error band of a run: an interval for its latency from the residuals of the operators that make up its time.

Every part of the critical path takes its simulated time times a log-normal factor, the residual of its kernel family
(:mod:`accelsim.cost.residual`).  Factors are fully correlated within a family (a library that is slow on one product is
slow on the next) and independent between families.  The sum of the parts is taken as log-normal with the mean and the
variance of that sum (Fenton and Wilkinson), so the band follows without random numbers::

    mean = sum_i t_i exp(s_i^2 / 2)
    variance = sum_ij t_i t_j exp((s_i^2 + s_j^2) / 2) (exp(r_ij s_i s_j) - 1),  r_ij = 1 within a family, else 0

The whole is taken times one more independent factor, that of a whole run over the sum of its operators: it has a bias,
because stacks take longer than their kernels, so that the simulated latency lies in the lower half of the band.  With
the launch profile of a framework that factor is what published runs of the framework leave: its gaps are in the time.

Not in the band: another order of the critical path when parts take longer, other work on the machine.
docs/validation.md says how often published measurements of whole models fall inside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from accelsim.cost.residual import BASES, FITTED_ON_RUNS, Residual
from accelsim.warning import warn

#: Share of measurements that the band means to hold.
LEVEL = 0.8
METHOD = (
    "log-normal residuals of the calibration, fully correlated within a kernel family, independent between families, "
    "summed by Fenton-Wilkinson; times the residual of whole runs"
)


@dataclass(frozen=True, slots=True)
class BandPart:
    """Time on the critical path under one residual.

    Attributes:
        residual: The family, its deviation and what that rests on.
        time_s: Simulated seconds.
    """

    residual: Residual
    time_s: float


@dataclass(frozen=True, slots=True)
class Band:
    """Interval of the latency that holds a measurement in ``level`` of the cases, as far as the residuals tell.

    Attributes:
        low_s: Lower end, in seconds.
        high_s: Upper end, in seconds.
        parts: What it was made of, largest time first.
        whole: Residual of the whole run over its operators.
        level: Share of measurements it means to hold.
    """

    low_s: float
    high_s: float
    parts: tuple[BandPart, ...]
    whole: Residual = FITTED_ON_RUNS
    level: float = LEVEL

    def holds(self, seconds: float) -> bool:
        """Whether a latency lies inside."""
        return self.low_s <= seconds <= self.high_s

    @property
    def warnings(self) -> tuple[str, ...]:
        """Names the families whose residual is wider than that of rows measured on the chip, if any."""
        bases: dict[str, dict[str, None]] = {}
        for part in (*self.parts, BandPart(self.whole, 1.0)):
            if part.residual.is_widened and part.time_s > 0:
                bases.setdefault(part.residual.basis, {})[part.residual.family] = None
        wider = "; ".join(f"{', '.join(bases[basis])} {basis}" for basis in BASES if basis in bases)
        return (warn("wider-band", f"the error band allows for {wider}"),) if wider else ()

    def to_dict(self) -> dict[str, Any]:
        """Plain data of the JSON, beside the interval itself."""
        return {
            "level": self.level,
            "method": METHOD,
            "parts": [
                {
                    "family": part.residual.family,
                    "time_s": part.time_s,
                    "log_deviation": part.residual.log_deviation,
                    "basis": part.residual.basis,
                }
                for part in self.parts
            ],
            "whole_run": {
                "log_deviation": self.whole.log_deviation,
                "log_bias": self.whole.log_bias,
                "basis": self.whole.basis,
            },
        }


def band_of(times: Mapping[Residual, float], whole: Residual = FITTED_ON_RUNS, level: float = LEVEL) -> Band:
    """The band of a latency made of ``times``, seconds by residual, of a run with the residual ``whole``.

    Args:
        times: Seconds on the critical path by the residual of what took them.
        whole: Residual of a whole run over the sum of its operators.
        level: Share of measurements that the interval means to hold, between 0 and 1.
    """
    parts = tuple(BandPart(residual, s) for residual, s in sorted(times.items(), key=lambda item: -item[1]))
    mean = _mean(parts)
    if mean <= 0:
        return Band(0.0, 0.0, parts, whole, level)
    spread = _log_variance(parts)
    middle = math.log(mean) - spread / 2 + whole.log_bias
    reach = NormalDist().inv_cdf(0.5 + level / 2) * math.hypot(math.sqrt(spread), whole.log_deviation)
    return Band(math.exp(middle - reach), math.exp(middle + reach), parts, whole, level)


def log_deviation_of_sum(times: Mapping[Residual, float]) -> float:
    """Standard deviation of the logarithm of the sum of ``times``, seconds by residual."""
    parts = [BandPart(residual, s) for residual, s in times.items()]
    return math.sqrt(_log_variance(parts)) if _mean(parts) > 0 else 0.0


def _mean(parts: Sequence[BandPart]) -> float:
    return sum(part.time_s * math.exp(part.residual.log_deviation**2 / 2) for part in parts)


def _log_variance(parts: Sequence[BandPart]) -> float:
    variance = sum(_covariance(a, b) for a in parts for b in parts if a.residual.family == b.residual.family)
    return math.log1p(variance / _mean(parts) ** 2)


def later_of(first: Band, second: Band) -> Band:
    """The band of a latency that the later of two chains decides (a device and the host that feeds it).

    Args:
        first: Band of the chain whose residual of the whole run and level are kept.
        second: Band of the other chain.
    """
    low_s, high_s = max(first.low_s, second.low_s), max(first.high_s, second.high_s)
    return Band(low_s, high_s, (*first.parts, *second.parts), first.whole, first.level)


def _covariance(a: BandPart, b: BandPart) -> float:
    """Of two parts whose factors are one random number."""
    first, second = a.residual.log_deviation, b.residual.log_deviation
    return a.time_s * b.time_s * math.exp((first**2 + second**2) / 2) * math.expm1(first * second)
