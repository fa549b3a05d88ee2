"""Quantisation of activations to fp8 by kernels of their own, as libraries launch it before a product.

``quantize_static`` scales and converts with a scale that is known; ``quantize_scale`` finds the largest magnitude
first.  Both are streams::

    launches | bytes read and written, from the L2 as far as they stay there and from main memory

Runs price the quantisation of a product's activations with the product (:mod:`accelsim.cost.gpu.quantize`), which was
measured with it; these sections are those of the kernels alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.kernels.base import KernelFamily, register_kernel_family
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType

#: Libraries whose kernels were measured.
LIBRARIES = ("vllm", "sglang", "trtllm")
STATIC, SCALE = "quantize_static", "quantize_scale"
_WIDE_BYTES = 2.0


@dataclass(frozen=True, slots=True)
class QuantizeParameters:
    """Calibrated numbers of a library's kernels.

    Attributes:
        launch_s: Graph-replayed time of rows that are next to nothing, all kernels together.
        hbm_efficiency: Share of the published memory bandwidth, over bytes that are counted once.
        l2_efficiency: Share of the published bandwidth of the L2 where everything stays there.
    """

    launch_s: float
    hbm_efficiency: float
    l2_efficiency: float


_FREE = (
    FreeParameter("launch_s", 0.2e-6, 30e-6, 2e-6),
    FreeParameter("hbm_efficiency", 0.02, 1.0, 0.6),
    FreeParameter("l2_efficiency", 0.02, 1.0, 0.4),
)
#: Middle values of the calibrated GPUs.
TYPICAL = QuantizeParameters(2e-6, 0.6, 0.4)


@cache
def quantize_section(op: str) -> Section:
    """The section of a library's kernels.

    Args:
        op: As a measured table spells it.
    """
    return Section(op, QuantizeParameters, TYPICAL, _FREE, {"rows": "m", "width": "k"})


def _work(x: Extents) -> Array:
    return x["m"] * x["k"]


_ROWS = Operation(("m", "k"), "row operators", _work)


@register_kernel_family("quantisation")
class QuantizeKernels(KernelFamily):
    """Rows of measured tables."""

    operations: ClassVar[Mapping[str, Operation]] = {
        f"{kind}_{library}": _ROWS for kind in (STATIC, SCALE) for library in LIBRARIES
    }

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the library."""
        return quantize_section(op)

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """Those of the library, else typical ones."""
        return calibration.read(quantize_section(op))

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`; a result is of the rows' type, finding the scale writes none."""
        machine, elements = site.machine, batch.extents["m"] * batch.extents["k"]
        written = 0.0 if batch.op.startswith(SCALE) else batch.dtype.bits / 8
        moved = elements * (_WIDE_BYTES + written)
        hit = machine.cached_fraction(moved)
        main_s = moved * (1.0 - hit) / (machine.hbm_bandwidth_bytes_per_s * parameters.hbm_efficiency)
        cache_s = moved * hit / (machine.l2_bandwidth_bytes_per_s * parameters.l2_efficiency)
        return np.asarray(parameters.launch_s + main_s + cache_s + batch.rig.overhead_s)
