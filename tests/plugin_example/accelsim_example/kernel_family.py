"""A kernel family: what the running mean takes on every GPU, and how measured rows of it are priced and fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.kernels.base import KernelFamily, Site, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import KernelTimes, costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator
from accelsim_example.operator import RunningMean


@dataclass(frozen=True, slots=True)
class RunningMeanParameters:
    """Calibrated numbers of the kernel; keys in a chip's file are ``launch`` and ``hbm_efficiency``.

    Attributes:
        launch_s: Launch and least duration.
        hbm_efficiency: Share of the published bandwidth of main memory.
    """

    launch_s: float
    hbm_efficiency: float


#: ``calibration.running_mean`` of a chip; typical numbers are assumed.
SECTION = Section(
    "running_mean",
    RunningMeanParameters,
    RunningMeanParameters(2e-6, 0.8),
    (FreeParameter("launch_s", 0.1e-6, 50e-6, 2e-6), FreeParameter("hbm_efficiency", 0.1, 1.0, 0.8)),
    {"rows": "m", "width": "n"},
)


def _times(site: Site, parameters: RunningMeanParameters, nbytes: Array) -> KernelTimes:
    none, launch_s = np.zeros_like(nbytes), np.full_like(nbytes, parameters.launch_s)
    hbm_s = nbytes / (site.machine.hbm_bandwidth_bytes_per_s * parameters.hbm_efficiency)
    return KernelTimes(launch_s + hbm_s, launch_s, none, none, none, hbm_s, nbytes, nbytes)


def _work(x: Extents) -> Array:
    return x["m"] * x["n"]


def _build(x: Mapping[str, int], dtype: DType) -> Operator:
    return RunningMean.of(x["m"], x["n"], dtype)


@register_kernel_family("running_mean")
class RunningMeanKernels(KernelFamily):
    """Rows stream once through main memory, behind a launch.

    Not modelled: the L2, rows too few to fill the chip.
    """

    kinds: ClassVar[tuple[str, ...]] = (RunningMean.kind,)
    operations: ClassVar[Mapping[str, Operation]] = {
        "running_mean": Operation(("m", "n"), "row operators", _work, _build)
    }
    own_section: ClassVar[Section | None] = SECTION

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """All operators at once."""
        parameters, warnings = site.calibration.read(SECTION)
        times = _times(site, parameters, np.array([float(op.reads + op.writes) for op in operators]))
        extents = {"rows": [op.rows for op in operators], "width": [op.width for op in operators]}
        trust = trust_of(site, SECTION, warnings, site.calibration.outside(SECTION, extents))
        details: list[Mapping[str, float | str]] = [{"kernel": SECTION.name}] * len(operators)
        arithmetic_j = [op.flops * site.chip.vector_energy_j_per_flop for op in operators]
        return costs_of(operators, site, times, trust, details, arithmetic_j)

    def seconds(self, batch: Batch, parameters: RunningMeanParameters, site: Site) -> Array:
        """Rows of a measured table: ``op,m,n,dtype,time_s`` with ``op`` running_mean."""
        nbytes = 2.0 * batch.extents["m"] * batch.extents["n"] * (batch.dtype.bits / 8)
        own = parameters if batch.rig.has_launch else replace(parameters, launch_s=0.0)
        return batch.rig.seen(_times(site, own, nbytes).total_s, np.ones(len(batch)))
