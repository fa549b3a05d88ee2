"""Rows of attention that stores its scores, kernel by kernel; the formula is that of ``standard_attention.py``.

``standard`` is a framework's own, ``megatron`` has scaling, mask and softmax fused.  Its products, softmax and streams
are priced by the calibrations of these families, so rows determine no section.  In a run such attention is several
operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.kernels._attention import COLUMNS
from accelsim.cost.gpu.kernels.attention_training import TRAINING_ROWS
from accelsim.cost.gpu.kernels.base import KernelFamily, register_kernel_family
from accelsim.cost.gpu.kernels.gemm import gemm_parameters
from accelsim.cost.gpu.kernels.rows import ELEMENTWISE, REDUCTION
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.cost.gpu.site import Site
from accelsim.cost.gpu.standard_attention import Direction, StandardKernels, standard_calls
from accelsim.cost.measured import Array, Batch, Operation
from accelsim.dtypes import DType

_FUSES = {"standard": False, "megatron": True}
_DIRECTIONS: tuple[Direction, ...] = ("forward", "backward", "training")
_OPS = {f"{library}_{direction}": (fuses, direction) for library, fuses in _FUSES.items() for direction in _DIRECTIONS}


@register_kernel_family("attention_standard")
class StandardAttentionKernels(KernelFamily):
    """A framework's kernels, all of an attention of training."""

    operations: ClassVar[Mapping[str, Operation]] = dict.fromkeys(_OPS, TRAINING_ROWS)

    def parameters(self, op: str, dtype: DType, calibration: GpuCalibration) -> tuple[Any, Warnings]:
        """The kernels it is made of."""
        products = gemm_parameters(dtype, calibration)
        softmax, streams = calibration.read(REDUCTION), calibration.read(ELEMENTWISE)
        chip = calibration.chip
        core = chip.peak_flops_per_s(dtype, 1)
        kernels = StandardKernels(GpuMachine.of(chip), products[0], softmax[0], streams[0], core)
        return kernels, tuple(dict.fromkeys((*products[1], *softmax[1], *streams[1])))

    def seconds(self, batch: Batch, parameters: StandardKernels, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        fuses, direction = _OPS[batch.op]
        x = batch.extents
        shapes = AttentionShapes.of(*(x[name] for name in COLUMNS), causal=x["causal"])
        device_s = parameters.seconds(shapes, direction, dropout=x["dropout"], mask=x["mask"], fused=fuses)
        return batch.rig.seen(device_s, standard_calls(direction, x["dropout"], x["mask"], fuses))
