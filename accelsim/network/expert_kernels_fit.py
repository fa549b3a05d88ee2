"""Fits the numbers of an expert kernel to measured exchanges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.hardware.expert_kernel import ExchangeSpec
from accelsim.hardware.system import System
from accelsim.network.expert_kernels import LOW_LATENCY, ExpertExchange, exchange_terms

FloatArray = npt.NDArray[np.float64]

_SCALE = 0.05  # residuals beyond 10 % count linearly: single disturbed measurements do not steer the fit


class _Range(NamedTuple):
    start: float
    low: float
    high: float


#: Launch, time per expert, efficiency, time per token, bandwidth of a core: where the search starts and ends.
_PARAMETERS = (
    _Range(8e-6, 1e-6, 5e-5),
    _Range(1e-8, 1e-11, 1e-6),
    _Range(0.6, 0.05, 1.0),
    _Range(5e-7, 1e-9, 1e-5),
    _Range(2e10, 1e9, 1e13),
)


def fit_exchange(
    exchanges: Sequence[ExpertExchange], time_s: FloatArray, system: System, level: str
) -> tuple[ExchangeSpec, FloatArray]:
    """Least squares on the logarithm of time of the five numbers of one direction, robust to outliers.

    Args:
        exchanges: What was measured, all in one direction, over messages sent straight to their chips.
        time_s: Measured time of each.
        system: Where.
        level: Level whose links carried the messages.

    Returns:
        The numbers, and predicted / measured time of each row.
    """
    from scipy.optimize import least_squares

    link = system.levels[level].link
    rows = []
    for one in exchanges:
        terms = exchange_terms(one, system.chip.num_cores)
        sent = one.topk * one.tokens * one.message_bytes * (one.ranks - 1) / one.ranks
        rows.append((one.num_experts, sent / link.bandwidth_bytes_per_s, terms.tokens_per_core, terms.core_bytes))
    experts, wire_s, tokens, core_bytes = np.array(rows, dtype=np.float64).T

    def ratios(logs: FloatArray) -> FloatArray:
        launch, expert, efficiency, token, bandwidth = np.exp(logs)
        seconds = launch + expert * experts + wire_s / efficiency + tokens * token + core_bytes / bandwidth
        found: FloatArray = (seconds + link.latency_s) / time_s
        return found

    start, low, high = (np.log([p[column] for p in _PARAMETERS]) for column in range(3))
    fit = least_squares(lambda logs: np.log(ratios(logs)), start, bounds=(low, high), loss="soft_l1", f_scale=_SCALE)
    launch, expert, efficiency, token, bandwidth = np.exp(fit.x).tolist()
    spec = ExchangeSpec(
        launch_s=launch,
        expert_s=expert,
        efficiency=efficiency,
        token_s=token,
        token_bandwidth_bytes_per_s=bandwidth,
    )
    return spec, ratios(fit.x)


def with_exchange(system: System, direction: str, spec: ExchangeSpec) -> System:
    """The system with ``spec`` for the low-latency kernel of one direction at its outermost level.

    Args:
        system: The machine; it is left as it is.
        direction: ``dispatch`` or ``combine``.
        spec: Its fitted numbers.
    """
    name = list(system.levels)[-1]
    level = system.levels[name]
    kernels = level.spec.expert_kernels
    changed = kernels[LOW_LATENCY].model_copy(update={direction: spec})
    level = replace(level, spec=level.spec.model_copy(update={"expert_kernels": {**kernels, LOW_LATENCY: changed}}))
    return replace(system, levels={**system.levels, name: level})
