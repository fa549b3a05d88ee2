"""Row kernels: norms, softmax, activations, rotary embedding, additions, lookups, and chains of them in one kernel.

Three makes, a section each: ``rowwise`` (kernels of inference libraries with one block per row: rmsnorm, rope, gated
activations), ``reduction`` (a framework's layernorm and softmax), ``elementwise`` (a framework's additions and
activations, lookups).  The formula is that of :mod:`accelsim.cost.gpu.rowwise`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np

from accelsim.cost.calibrate import FreeParameter
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.kernels.base import KernelFamily, in_groups, register_kernel_family, trust_of
from accelsim.cost.gpu.launches import costs_of
from accelsim.cost.gpu.rowwise import (
    BLOCK_THREADS,
    LAYERNORM_THREADS,
    PASSES,
    RowShapes,
    RowwiseParameters,
    rowwise_times,
    softmax_passes,
)
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax

_EXTENTS = {"rows": "m", "width": "n"}
_FREE = (
    FreeParameter("kernel_s", 0.3e-6, 6e-6, 2e-6),
    FreeParameter("hbm_efficiency", 0.3, 1.0, 0.85),
    FreeParameter("core_bandwidth_bytes_per_s", 2e9, 300e9, 12e9),
    FreeParameter("block_bandwidth_bytes_per_s", 0.5e9, 100e9, 7e9),
)
_GATHER = FreeParameter("gather_s", 1e-9, 5e-6, 1e-6)
#: Typical values are rounded middle values of the calibrated data-centre GPUs.
ROWWISE = Section(
    "rowwise", RowwiseParameters, RowwiseParameters(1.3e-6, 1.8e-6, 0.8, 11e9, 10e9), (*_FREE, _GATHER), _EXTENTS
)
REDUCTION = Section("reduction", RowwiseParameters, RowwiseParameters(1.3e-6, 5e-6, 0.85, 25e9, 12e9), _FREE, _EXTENTS)
ELEMENTWISE = Section(
    "elementwise", RowwiseParameters, RowwiseParameters(1.3e-6, 1.3e-6, 0.85, 40e9, 20e9), _FREE, _EXTENTS
)


@dataclass(frozen=True, slots=True)
class RowKernel:
    """How one kernel works on its rows.

    Attributes:
        section: What prices it.
        whole_rows: Whether one block works on a row as a whole.
        passes: How often it reads its rows; 0 where that depends on their width (softmax).
        block_threads: Threads of a block at most.
        gathers: Whether it looks a place up before it can load from it.
    """

    section: Section
    whole_rows: bool = False
    passes: float = 1.0
    block_threads: int = BLOCK_THREADS
    gathers: bool = False

    def passes_over(self, width: Array) -> Array:
        """Reads of rows of ``width`` elements."""
        return np.full_like(width, self.passes) if self.passes else softmax_passes(width)


_STREAM = RowKernel(ELEMENTWISE)
_GATED = RowKernel(ROWWISE, whole_rows=True)
_SOFTMAX = RowKernel(REDUCTION, whole_rows=True, passes=0.0)
_ROPE = RowKernel(ROWWISE, whole_rows=True, gathers=True)
_NORMS = {
    "layernorm": RowKernel(REDUCTION, True, PASSES["layernorm"], LAYERNORM_THREADS),
    "rmsnorm": RowKernel(ROWWISE, True, PASSES["rmsnorm"]),
}
_KERNELS = {
    "softmax": _SOFTMAX,
    "rope": _ROPE,
    "embedding": _STREAM,
    "router": RowKernel(REDUCTION, whole_rows=True),
    "combine": _STREAM,
    "concat": _STREAM,
    "dispatch": _STREAM,
    "dropout": _STREAM,
    "optimizer_step": _STREAM,
    "cross_entropy": RowKernel(REDUCTION, whole_rows=True, passes=0.0),
}
#: Ways back that reduce their rows, in one pass; the others are streams.
_GRADIENTS = {
    "norm": RowKernel(REDUCTION, True, 1.0, LAYERNORM_THREADS),
    "softmax": RowKernel(REDUCTION, whole_rows=True),
}
#: Kernels of measured rows, and activations each reads per element of its result.
_MEASURED = {
    "layernorm": (_NORMS["layernorm"], 1.0),
    "rmsnorm": (_NORMS["rmsnorm"], 1.0),
    "softmax": (_SOFTMAX, 1.0),
    "rope": (_ROPE, 1.0),
    "add": (_STREAM, 2.0),
    "gelu": (_STREAM, 1.0),
    "relu": (_STREAM, 1.0),
    "silu_mul": (_GATED, 2.0),
}


def _work(x: Extents) -> Array:
    return x["m"] * x["n"]


def _build(op: str, x: Mapping[str, int], dtype: DType) -> Operator:
    if op in _NORMS:
        return Norm.of(x["m"], x["n"], dtype, op)
    if op in ("softmax", "rope"):
        return (Softmax if op == "softmax" else Rope).of(x["m"], x["n"], dtype)
    return Elementwise.of(x["m"], x["n"], dtype, op)


@register_kernel_family("rows")
class RowKernels(KernelFamily):
    """Operators of rows; activations are in the L2 as far as they fit, a lookup reads main memory."""

    kinds: ClassVar[tuple[str, ...]] = (*_KERNELS, "norm", "elementwise", "fused", "row_gradient")
    operations: ClassVar[Mapping[str, Operation]] = {
        op: Operation(("m", "n"), "row operators", _work, partial(_build, op)) for op in _MEASURED
    }

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one call per section."""
        return in_groups(operators, lambda op: _kernel(op).section.name, lambda alike: _costs(alike, site))

    def section(self, op: str, dtype: DType) -> Section | None:
        """That of the kernel's make."""
        return _MEASURED[op][0].section

    def seconds(self, batch: Batch, parameters: Any, site: Site) -> Array:
        """See :class:`KernelFamily`."""
        kernel, read_per_result = _MEASURED[batch.op]
        rows, width = batch.extents["m"], batch.extents["n"]
        result = rows * width * (batch.dtype.bits / 8)
        shapes = RowShapes.of(
            rows=rows,
            width=width,
            read_bytes=result * read_per_result,
            write_bytes=result,
            whole_rows=kernel.whole_rows,
            passes=kernel.passes_over(width),
            gathers=kernel.gathers,
            block_threads=kernel.block_threads,
            cached=site.machine.cached_fraction(result * read_per_result + result),
        )
        own = parameters if batch.rig.has_launch else replace(parameters, launch_s=0.0)
        times = rowwise_times(site.machine, own, shapes)
        return times.total_s + batch.rig.overhead_s


def _kernel(operator: Any) -> RowKernel:
    """The kernel of an operator; of a chain, that of the part that reduces, which looks nothing up."""
    if operator.kind == "fused":
        kernel = _kernel(operator.core)
        return replace(kernel, gathers=False) if kernel.gathers else kernel
    if operator.kind == "norm":
        return _NORMS[operator.flavour]
    if operator.kind == "row_gradient":
        return _GRADIENTS.get(operator.of_kind, _STREAM)
    return _KERNELS.get(operator.kind) or (_GATED if operator.is_gated else _STREAM)


def _reread_share(op: Any) -> float:
    """Share of the bytes read that later passes read again: of a chain, only the rows of the part that reduces."""
    return float(op.core.reads / op.reads) if op.kind == "fused" else 1.0


def _costs(operators: list[Any], site: Site) -> list[Cost]:
    kernels = [_kernel(operator) for operator in operators]
    section, machine = kernels[0].section, site.machine
    parameters, warnings = site.calibration.read(section)
    rows, width, reads, writes, weights, again = np.array(
        [(op.rows, op.width, op.reads, op.writes, op.weight_bytes, _reread_share(op)) for op in operators],
        dtype=np.float64,
    ).T
    whole_rows, passes, threads, gathers = np.array(
        [(kernel.whole_rows, kernel.passes, kernel.block_threads, kernel.gathers) for kernel in kernels],
        dtype=np.float64,
    ).T
    passes = np.where(passes > 0.0, passes, softmax_passes(width))
    shapes = RowShapes.of(
        rows=rows,
        width=width,
        read_bytes=reads,
        write_bytes=writes,
        whole_rows=whole_rows,
        passes=1.0 + (passes - 1.0) * again,
        block_threads=threads,
        cached=np.where(weights > reads, 0.0, machine.cached_fraction(reads + writes)),
        gathers=gathers,
        shared_bytes=np.where(whole_rows > 0.0, np.minimum(weights, reads), 0.0),
    )
    times = rowwise_times(machine, parameters, shapes)
    outside = site.calibration.outside(section, {"rows": rows, "width": width})
    trust = trust_of(site, section, warnings, outside)
    details: list[Mapping[str, float | str]] = [{"kernel": section.name}] * len(operators)
    return costs_of(
        operators, site, times, trust, details, [op.flops * site.chip.vector_energy_j_per_flop for op in operators]
    )
