"""A kernel family as an outside package would add it: one file, no other one changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.kernels.base import KernelFamily, Site, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import KernelTimes, costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators._rows import RowOperator, row_tensor


@register_operator("rotation")
@dataclass(frozen=True)
class Rotation(RowOperator):
    """A Hadamard rotation of every row, as quantised models apply before a product."""

    kind: ClassVar[str] = "rotation"

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16) -> Self:
        """Rotation of plain extents."""
        return cls("rotation", (row_tensor("in", rows, width, dtype),), (row_tensor("out", rows, width, dtype),))

    @property
    def flops(self) -> int:
        """An addition per element and doubling of the distance."""
        return self.rows * self.width * (self.width - 1).bit_length()


@dataclass(frozen=True, slots=True)
class RotationParameters:
    """Calibrated numbers of the kernel.

    Attributes:
        launch_s: Launch and least duration.
        hbm_efficiency: Share of the published memory bandwidth.
    """

    launch_s: float
    hbm_efficiency: float


SECTION = Section(
    "rotation",
    RotationParameters,
    RotationParameters(2e-6, 0.8),
    (FreeParameter("launch_s", 0.1e-6, 50e-6, 2e-6), FreeParameter("hbm_efficiency", 0.1, 1.0, 0.8)),
    {"rows": "m", "width": "n"},
)


def rotation_times(site: Site, p: RotationParameters, nbytes: Array) -> KernelTimes:
    """Launch, then the bytes at what memory gives."""
    none = np.zeros_like(nbytes)
    launch_s = np.full_like(nbytes, p.launch_s)
    hbm_s = nbytes / (site.machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    return KernelTimes(launch_s + hbm_s, launch_s, none, none, none, hbm_s, nbytes, nbytes)


def _work(x: Extents) -> Array:
    return x["m"] * x["n"]


def _build(x: Mapping[str, int], dtype: DType) -> Operator:
    return Rotation.of(x["m"], x["n"], dtype)


@register_kernel_family("rotation")
class RotationKernels(KernelFamily):
    """Rows stream through once."""

    kinds: ClassVar[tuple[str, ...]] = ("rotation",)
    operations: ClassVar[Mapping[str, Operation]] = {"rotate": Operation(("m", "n"), "row operators", _work, _build)}
    own_section: ClassVar[Section | None] = SECTION

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        parameters, warnings = site.calibration.read(SECTION)
        times = rotation_times(site, parameters, np.array([float(op.reads + op.writes) for op in operators]))
        extents = {"rows": [op.rows for op in operators], "width": [op.width for op in operators]}
        trust = trust_of(site, SECTION, warnings, site.calibration.outside(SECTION, extents))
        details: list[Mapping[str, float | str]] = [{"kernel": SECTION.name}] * len(operators)
        return costs_of(operators, site.chip, times, trust, details, site.chip.vector_energy_j_per_flop)

    def seconds(self, batch: Batch, parameters: RotationParameters, site: Site) -> Array:
        nbytes = 2.0 * batch.extents["m"] * batch.extents["n"] * (batch.dtype.bits / 8)
        own = parameters if batch.rig.has_launch else replace(parameters, launch_s=0.0)
        return rotation_times(site, own, nbytes).total_s + batch.rig.overhead_s
