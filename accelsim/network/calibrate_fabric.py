"""Fits the numbers of a fabric between nodes to measured calls of several machines on it at once.

One set of numbers serves all machines: every call is priced on its own machine with the numbers in question put into
the calibration of its outermost level, so that algorithm and protocol are chosen anew. Robust least squares on the
logarithm of time, as :mod:`accelsim.network.calibrate` does inside a node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.cost.call import Call
from accelsim.errors import ConfigError
from accelsim.hardware.level import CollectiveSpec
from accelsim.hardware.system import System
from accelsim.network.calibrate import FittedParameter, FloatArray
from accelsim.network.collective import collective_steps

_SCALE = 0.1  # residuals beyond 10 % count linearly
_STEP = 1e-3  # of the logarithm: choices of protocols make prices piecewise smooth only


@dataclass(frozen=True, eq=False)
class MeasuredCall:
    """One measured call.

    Attributes:
        call: What was called.
        system: The machine, cut to the chips in use.
        time_s: Measured time.
        stride: Distance between neighbouring ranks, in chips.
    """

    call: Call
    system: System
    time_s: float
    stride: int = 1


@dataclass(frozen=True, eq=False)
class FabricFit:
    """What a fit gives.

    Attributes:
        values: Number by key path, in SI units.
        ratio: Predicted over measured time of each call. float64[calls].
    """

    values: Mapping[str, float]
    ratio: FloatArray


def fit_fabric(calls: Sequence[MeasuredCall], numbers: Mapping[str, FittedParameter], most: int = 25) -> FabricFit:
    """Numbers of the outermost level's collectives that fit measured calls best.

    Args:
        calls: Calls of one or several machines on one fabric.
        numbers: Start and bounds by key path in the calibration, e.g. ``protocols.simple.step_latency_s``; several
            paths with one value are joined by ``|``.
        most: Most evaluations of the derivatives.

    Raises:
        ConfigError: No calls, or a path that the calibration of a machine does not have.
    """
    from scipy.optimize import least_squares

    if not calls:
        raise ConfigError("no measured calls to fit to.")
    measured_s = np.array([one.time_s for one in calls])
    systems: list[System] = []
    machine_of = [_place(one.system, systems) for one in calls]

    def ratio(logs: FloatArray) -> FloatArray:
        values = dict(zip(numbers, np.exp(logs).tolist(), strict=True))
        machines = [with_numbers(system, values) for system in systems]
        priced = [
            collective_steps(one.call, machines[which], one.stride).work_s
            for one, which in zip(calls, machine_of, strict=True)
        ]
        found: FloatArray = np.array(priced) / measured_s
        return found

    start, low, high = (np.log([one[column] for one in numbers.values()]) for column in range(3))
    fit = least_squares(
        lambda logs: np.log(ratio(logs)),
        start,
        bounds=(low, high),
        loss="soft_l1",
        f_scale=_SCALE,
        diff_step=_STEP,
        max_nfev=most,
    )
    return FabricFit(dict(zip(numbers, np.exp(fit.x).tolist(), strict=True)), ratio(fit.x))


def _place(system: System, systems: list[System]) -> int:
    """Where ``system`` itself is among ``systems``; it is added where it is new."""
    for index, one in enumerate(systems):
        if one is system:
            return index
    systems.append(system)
    return len(systems) - 1


def with_numbers(system: System, values: Mapping[str, float]) -> System:
    """The system with numbers put into the collectives of its outermost level.

    Args:
        system: The machine; it is left as it is.
        values: Number by key path, or by several joined by ``|``.

    Raises:
        ConfigError: A path that the calibration does not have.
    """
    name, level = list(system.levels.items())[-1]
    fields = level.collectives.model_dump()
    for paths, value in values.items():
        for path in paths.split("|"):
            _put(fields, path, value, f"{system.name}: system.levels.{name}.collectives")
    spec = level.spec.model_copy(update={"collectives": CollectiveSpec.model_validate(fields)})
    return replace(system, levels={**system.levels, name: replace(level, spec=spec)})


def _put(fields: dict[str, Any], path: str, value: float, where: str) -> None:
    *sections, last = path.split(".")
    for section in sections:
        if section not in fields:
            raise ConfigError(f"{where}: no {path!r}. Known: {', '.join(fields)}.")
        fields = fields[section]
    if last not in fields:
        raise ConfigError(f"{where}: no {path!r}. Known: {', '.join(fields)}.")
    fields[last] = value
