"""Fits the collective calibration of a level to measured ring collectives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware.level import CollectiveSpec, ProtocolSpec
from accelsim.hardware.link import LinkSpec

FloatArray = npt.NDArray[np.float64]

_STEPS_PER_RANK = {"all_reduce": 2, "all_gather": 1, "reduce_scatter": 1}
_START = (8e-6, 1e-6, 0.3, 6e-6, 0.8, 300e9)  # launch, two protocols, copy bandwidth; measured orders of magnitude
_LOW = (1e-7, 1e-8, 0.01, 1e-8, 0.1, 1e10)
_HIGH = (1e-4, 1e-4, 1.0, 1e-4, 1.0, 1e13)


@dataclass(frozen=True, eq=False)
class MeasuredCollectives:
    """Measured times of NCCL-like collectives on one level, one row per point.

    Attributes:
        kind: ``all_reduce``, ``all_gather`` or ``reduce_scatter``.
        nbytes: Size as nccl-tests count it.
        num_ranks: Ranks.
        time_s: Measured time.
    """

    kind: npt.NDArray[np.str_]
    nbytes: FloatArray
    num_ranks: FloatArray
    time_s: FloatArray


def fit_collectives(measured: MeasuredCollectives, link: LinkSpec) -> tuple[CollectiveSpec, FloatArray]:
    """Least squares on the logarithm of time, robust to outliers, of six physical parameters.

    Launch, step latency and efficiency of a low-latency and a bandwidth protocol, and the rate of the pass over the
    rank's own chunk. One set for all kinds, sizes and numbers of ranks.

    Returns:
        The calibration, and predicted / measured time of each row.
    """
    from scipy.optimize import least_squares

    def residuals(logs: FloatArray) -> FloatArray:
        return np.log(_seconds(np.exp(logs), measured, link) / measured.time_s)

    bounds = (np.log(_LOW), np.log(_HIGH))
    fit = least_squares(residuals, np.log(_START), bounds=bounds, loss="soft_l1", f_scale=0.1)
    launch_s, fast_s, fast, wide_s, wide, copy_bytes_per_s = np.exp(fit.x)
    protocols: Mapping[str, ProtocolSpec] = {
        "low_latency": ProtocolSpec(step_latency_s=max(0.0, fast_s - link.latency_s), efficiency=min(1.0, fast)),
        "simple": ProtocolSpec(step_latency_s=max(0.0, wide_s - link.latency_s), efficiency=min(1.0, wide)),
    }
    spec = CollectiveSpec(launch_s=launch_s, protocols=dict(protocols), copy_bandwidth_bytes_per_s=copy_bytes_per_s)
    return spec, np.exp(residuals(fit.x))


def _seconds(parameters: FloatArray, measured: MeasuredCollectives, link: LinkSpec) -> FloatArray:
    """Closed form of ring collectives under the faster of two protocols. float64[rows]."""
    launch_s, fast_s, fast, wide_s, wide, copy_bytes_per_s = parameters
    chunk_bytes = measured.nbytes / measured.num_ranks
    steps = np.array([_STEPS_PER_RANK[kind] for kind in measured.kind.tolist()]) * (measured.num_ranks - 1)
    bandwidth = link.bandwidth_bytes_per_s
    step_s = np.minimum(
        fast_s + chunk_bytes / (fast * bandwidth),
        wide_s + chunk_bytes / (wide * bandwidth),
    )
    seconds: FloatArray = launch_s + chunk_bytes / copy_bytes_per_s + steps * step_s
    return seconds
