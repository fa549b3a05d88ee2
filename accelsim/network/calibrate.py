"""Fits the collective calibration of a level to measured collectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.hardware.level import AlgorithmSpec, CollectiveSpec, ProtocolSpec
from accelsim.hardware.system import System
from accelsim.network.collectives.base import get_algorithm
from accelsim.network.spread import spread

FloatArray = npt.NDArray[np.float64]

#: Sizes at which a library may change to its bandwidth protocol: powers of two and halves between them.
THRESHOLDS_BYTES = tuple(2 ** (exponent / 2) for exponent in range(32, 43))
_SCALE = 0.05  # residuals beyond 10 % count linearly: single disturbed measurements do not steer the fit


class FittedParameter(NamedTuple):
    """A number to fit: where the search starts and ends."""

    start: float
    low: float
    high: float


_TIME = (1e-8, 2e-4)
_SHARE = (0.005, 1.0)
_RATE = (1e9, 1e14)


@dataclass(frozen=True)
class FittedProtocol:
    """A protocol of a fitted algorithm.

    Attributes:
        launch: Time of a call beside the library's; None for none.
        step_latency: Time of a step; None for none.
        efficiency: Share of the link.
        is_limited: Whether it is left for larger steps, at a size that is fitted too.
    """

    launch: FittedParameter | None
    step_latency: FittedParameter | None
    efficiency: FittedParameter
    is_limited: bool = False


@dataclass(frozen=True)
class FittedAlgorithm:
    """An algorithm of the library to fit, or several with the same numbers.

    Attributes:
        names: Algorithms.
        kinds: Collectives it is used for.
        launch: Time of a call.
        copy: Rate of the pass over the own chunk; None for that of the first algorithm, or none there.
        protocols: By name, the ones for small steps first.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    launch: FittedParameter
    copy: FittedParameter | None
    protocols: Mapping[str, FittedProtocol]


_RINGS = FittedAlgorithm(
    ("ring",),
    ("all_reduce", "all_gather", "reduce_scatter"),
    FittedParameter(8e-6, *_TIME),
    FittedParameter(500e9, *_RATE),
    {
        "ll": FittedProtocol(None, FittedParameter(5e-7, *_TIME), FittedParameter(0.1, *_SHARE), is_limited=True),
        "ll128": FittedProtocol(
            FittedParameter(1e-6, *_TIME), FittedParameter(1e-6, *_TIME), FittedParameter(0.4, *_SHARE), is_limited=True
        ),
        "simple": FittedProtocol(
            FittedParameter(1e-5, *_TIME), FittedParameter(3e-6, *_TIME), FittedParameter(0.85, *_SHARE)
        ),
    },
)
_PAIRS = FittedAlgorithm(
    ("direct",),
    ("all_to_all", "send_recv"),
    FittedParameter(8e-6, *_TIME),
    FittedParameter(800e9, *_RATE),
    {
        "ll": FittedProtocol(None, None, FittedParameter(0.1, *_SHARE)),
        "simple": FittedProtocol(FittedParameter(5e-6, *_TIME), None, FittedParameter(0.7, *_SHARE)),
    },
)
_SWITCH = FittedAlgorithm(
    ("in_network",),
    ("all_reduce",),
    FittedParameter(1.6e-5, *_TIME),
    None,
    {"nvls": FittedProtocol(None, FittedParameter(6e-7, *_TIME), FittedParameter(0.7, *_SHARE))},
)
#: NCCL inside a node, without and with reduction in the switch.
NCCL = (_RINGS, _PAIRS)
NCCL_NVLS = (_RINGS, _PAIRS, _SWITCH)
#: The all_reduce of vLLM: one step or two, over memory that all can read.
VLLM = (
    FittedAlgorithm(
        ("one_shot", "direct"),
        ("all_reduce",),
        FittedParameter(4e-6, *_TIME),
        None,
        {"load": FittedProtocol(None, FittedParameter(1e-6, *_TIME), FittedParameter(0.5, *_SHARE))},
    ),
)


@dataclass(frozen=True, eq=False)
class MeasuredCollectives:
    """Measured times of collectives whose group ends at one level, one row per point.

    Attributes:
        kind: ``all_reduce``, ``all_gather`` ...
        nbytes: Size as nccl-tests count it.
        num_ranks: Ranks.
        time_s: Measured time.
    """

    kind: npt.NDArray[np.str_]
    nbytes: FloatArray
    num_ranks: FloatArray
    time_s: FloatArray

    def where(self, keep: npt.NDArray[np.bool_]) -> MeasuredCollectives:
        """The rows that ``keep`` names."""
        return MeasuredCollectives(self.kind[keep], self.nbytes[keep], self.num_ranks[keep], self.time_s[keep])


@dataclass(frozen=True, eq=False)
class _CallSteps:
    """What one algorithm does for each row: steps, bytes per second of link, largest step; infinite where unused."""

    num_steps: FloatArray
    wire_s: FloatArray
    link_s: FloatArray
    largest_bytes: FloatArray
    is_used: npt.NDArray[np.bool_]


def fit_collectives(
    measured: MeasuredCollectives, system: System, algorithms: Sequence[FittedAlgorithm] = NCCL, stride: int = 1
) -> tuple[CollectiveSpec, FloatArray]:
    """Least squares on the logarithm of time, robust to outliers, of few physical parameters.

    One set for all kinds, sizes and numbers of ranks; the size at which the library leaves its small protocols is tried
    at :data:`THRESHOLDS_BYTES`. The outermost level is taken to be the slowest.

    Args:
        measured: Kind, bytes, ranks and seconds of each measured call.
        system: The machine they were measured on, with its levels.
        algorithms: Which algorithms of the library to fit, with start and bounds of their parameters; default: those of
            NCCL.
        stride: Distance of the ranks of a group in chips.

    Returns:
        The calibration of the outermost level, and predicted / measured time of each row.
    """
    from scipy.optimize import least_squares

    steps = [[_steps_of(measured, system, one, name, stride) for name in one.names] for one in algorithms]
    flat = [parameter for one in algorithms for parameter in _parameters(one)]
    limited = any(protocol.is_limited for one in algorithms for protocol in one.protocols.values())
    own_bytes = measured.nbytes / measured.num_ranks
    start, low, high = (np.log([p[column] for p in flat]) for column in range(3))
    best: tuple[float, FloatArray, float] | None = None
    for limit_bytes in THRESHOLDS_BYTES if limited else (np.inf,):

        def residuals(logs: FloatArray, limit_bytes: float = limit_bytes) -> FloatArray:
            seconds = _seconds(np.exp(logs), algorithms, steps, own_bytes, limit_bytes)
            return np.log(seconds / measured.time_s)

        fit = least_squares(residuals, start, bounds=(low, high), loss="soft_l1", f_scale=_SCALE)
        if best is None or fit.cost < best[0]:
            best = (float(fit.cost), fit.x, limit_bytes)
    if best is None:
        raise ConfigError("no threshold to try.")
    _, logs, limit_bytes = best
    seconds = _seconds(np.exp(logs), algorithms, steps, own_bytes, limit_bytes)
    return _spec(np.exp(logs), algorithms, limit_bytes), seconds / measured.time_s


def _parameters(one: FittedAlgorithm) -> list[FittedParameter]:
    fields = [one.launch, one.copy]
    for protocol in one.protocols.values():
        fields += [protocol.launch, protocol.step_latency, protocol.efficiency]
    return [field for field in fields if field is not None]


def _steps_of(
    measured: MeasuredCollectives, system: System, one: FittedAlgorithm, name: str, stride: int
) -> _CallSteps:
    """The folded steps of each row; of several levels the slowest by the rate of its links counts."""
    table = np.zeros((len(measured.time_s), 4))
    used = np.isin(measured.kind, one.kinds)
    for row in np.flatnonzero(used).tolist():
        span = system.group(int(measured.num_ranks[row]), stride)
        steps = spread(get_algorithm(str(measured.kind[row]), name), int(measured.nbytes[row]), span)
        if steps is None:
            used[row] = False
            continue
        for step in steps:
            slowest = max(load.nbytes / load.level.link.bandwidth_bytes_per_s for load in step.loads)
            largest = max(load.nbytes for load in step.loads)
            table[row] += step.repeat * np.array([1.0, step.latency_s, slowest, 0.0])
            table[row, 3] = max(table[row, 3], largest)
    num_steps, wire_s, link_s, largest_bytes = table.T
    return _CallSteps(num_steps, wire_s, link_s, largest_bytes, used)


def _seconds(
    values: FloatArray,
    algorithms: Sequence[FittedAlgorithm],
    steps: Sequence[Sequence[_CallSteps]],
    own_bytes: FloatArray,
    limit_bytes: float,
) -> FloatArray:
    """The fastest algorithm under the fastest protocol that is meant for its steps. float64[rows]."""
    given = iter(values.tolist())
    fastest = np.full(len(own_bytes), np.inf)
    copy = np.inf
    for index, (one, versions) in enumerate(zip(algorithms, steps, strict=True)):
        launch_of_call_s = next(given)
        own_copy = next(given) if one.copy is not None else copy
        copy = own_copy if index == 0 else copy
        fixed = launch_of_call_s + own_bytes / own_copy
        for protocol in one.protocols.values():
            launch_s = next(given) if protocol.launch is not None else 0.0
            step_s = next(given) if protocol.step_latency is not None else 0.0
            efficiency = next(given)
            for work in versions:
                seconds = fixed + launch_s + work.num_steps * step_s + work.wire_s + work.link_s / efficiency
                allowed = work.is_used & (not protocol.is_limited or work.largest_bytes <= limit_bytes)
                fastest = np.minimum(fastest, np.where(allowed, seconds, np.inf))
    return fastest


def _spec(values: FloatArray, algorithms: Sequence[FittedAlgorithm], limit_bytes: float) -> CollectiveSpec:
    """Fitted values as the section of a file: the first algorithm's numbers are the library's."""
    given = iter(values.tolist())
    parts = []
    for one in algorithms:
        launch_s = next(given)
        copy = next(given) if one.copy is not None else None
        protocols = {}
        for name, protocol in one.protocols.items():
            protocols[name] = ProtocolSpec(
                launch_s=next(given) if protocol.launch is not None else 0.0,
                step_latency_s=next(given) if protocol.step_latency is not None else 0.0,
                efficiency=next(given),
                max_step_bytes=round(limit_bytes) if protocol.is_limited else None,
            )
        own = AlgorithmSpec(kinds=one.kinds, launch_s=launch_s, copy_bandwidth_bytes_per_s=copy, protocols=protocols)
        parts += [(name, own) for name in one.names]
    first = parts[0][1]
    listed = {name: AlgorithmSpec(kinds=own.kinds) if own is first or own == first else own for name, own in parts}
    return CollectiveSpec(
        launch_s=first.launch_s or 0.0,
        protocols=first.protocols,
        copy_bandwidth_bytes_per_s=first.copy_bandwidth_bytes_per_s,
        algorithms=listed,
    )


def with_collectives(system: System, spec: CollectiveSpec, library: str = "") -> System:
    """The system with ``spec`` as calibration of its outermost level (or as a further library of it).

    Args:
        system: The machine; it is left as it is.
        spec: A calibration of collectives.
        library: Name under which the level has it beside its own; empty: in place of its own.
    """
    name = list(system.levels)[-1]
    level = system.levels[name]
    change: dict[str, object] = {"collectives": spec}
    if library:
        change = {"libraries": {**level.spec.libraries, library: spec}}
    changed = replace(level, spec=level.spec.model_copy(update=change))
    return replace(system, levels={**system.levels, name: changed})
