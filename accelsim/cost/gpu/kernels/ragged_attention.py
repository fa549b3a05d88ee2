"""Attention over sequences that differ, as inference libraries run it: a kernel for decodes, one for prompts.

Sequences with few queries behind a cache run the kernel that divides the keys, all others the kernel that divides the
queries, one launch each: FlashInfer and TensorRT-LLM have a kernel per kind, and vLLM sorts its batch for them
(``vllm/v1/attention/backends/utils.py``, ``split_decodes_and_prefills``).  Both are priced with the parameters of
uniform batches.  Not modelled: one kernel for both kinds (FlashAttention's ``varlen``), both kernels side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.cost import Cost
from accelsim.cost.gpu.attention import InL2, ragged_prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.calibration import GpuCalibration, Warnings
from accelsim.cost.gpu.decode import MAX_DECODE_QUERIES, ragged_decode_times
from accelsim.cost.gpu.kernels.attention_decode import DecodeKernels
from accelsim.cost.gpu.kernels.attention_latent import LatentDecodeKernels, LatentPrefillKernels
from accelsim.cost.gpu.kernels.attention_prefill import PrefillKernels
from accelsim.cost.gpu.kernels.base import KernelFamily, register_kernel_family
from accelsim.cost.gpu.launches import Trust, costs_of
from accelsim.cost.gpu.section import Section
from accelsim.cost.gpu.site import Site
from accelsim.workload.operators.ragged_attention import RaggedAttention


class Kernel(NamedTuple):
    """One of the kernels of an attention.

    Attributes:
        section: Of the calibration.
        times: Of the launch.
        warnings: Of the calibration.
        outside: Warnings of extents outside its range.
    """

    section: Section
    times: AttentionTimes
    warnings: Warnings
    outside: Warnings


@register_kernel_family("ragged_attention")
class RaggedAttentionKernels(KernelFamily):
    """Each operator is an array of sequences already."""

    kinds: ClassVar[tuple[str, ...]] = ("ragged_attention",)

    def costs(self, operators: Sequence[Any], site: Site) -> list[Cost]:
        """See :class:`KernelFamily`; one operator after another."""
        return [_cost(operator, site) for operator in operators]


def _cost(operator: RaggedAttention, site: Site) -> Cost:
    kernels = ragged_kernels(operator, site)
    times = together(kernels)
    slowest = max(kernels, key=lambda kernel: float(kernel.times.total_s[0]))
    warnings = tuple(warning for kernel in kernels for warning in (*kernel.warnings, *kernel.outside))
    residual = site.calibration.residual(slowest.section, is_outside=bool(slowest.outside))
    detail: Mapping[str, float | str] = {
        "kernel": " + ".join(kernel.section.name for kernel in kernels),
        "splits": float(times.splits[0]),
        "waves": float(times.waves[0]),
    }
    trust = [Trust(warnings, residual)]
    return costs_of([operator], site, times, trust, [detail], site.arithmetic_j(operator.flops, operator.dtype))[0]


def ragged_kernels(op: RaggedAttention, site: Site) -> list[Kernel]:
    """The kernels of an operator in the order in which they run.

    Args:
        op: The operator.
        site: Where it runs.
    """
    machine, calibration, core_flops_per_s = site.machine, site.calibration, site.core_flops_per_s(op.dtype)
    _, new, lengths = op.extents
    is_decode = (new == 1) | ((new <= MAX_DECODE_QUERIES) & (lengths > new))
    kernels = []
    if is_decode.any():
        section = (LatentDecodeKernels if op.latent else DecodeKernels)().section_of(op, calibration)
        decode, warnings = calibration.read(section)
        shapes = _shapes(op, is_decode, op.kv_dtype.bits / 8)
        times = ragged_decode_times(machine, decode, shapes, core_flops_per_s=core_flops_per_s)
        kernels.append(Kernel(section, times, warnings, _outside(calibration, section, shapes)))
    if not is_decode.all():
        is_expanded = op.value_dim != op.head_dim
        section, multiplied = (LatentPrefillKernels if is_expanded else PrefillKernels)().section_of(op, site)
        prefill, warnings = calibration.read(section)
        shapes = _shapes(op, ~is_decode, op.dtype.bits / 8)
        cached = machine.cached_fraction(float((shapes.io_bytes + shapes.kv_row_bytes * shapes.kv_len).sum()))
        times = ragged_prefill_times(
            machine,
            prefill,
            shapes,
            core_flops_per_s=site.core_flops_per_s(multiplied),
            in_l2=InL2(cached, shapes.q_len / shapes.kv_len * cached),
        )
        kernels.append(Kernel(section, times, warnings, _outside(calibration, section, shapes)))
    return kernels


def _shapes(op: RaggedAttention, chosen: NDArray[np.bool_], element_bytes: float) -> AttentionShapes:
    counts, new, lengths = (column[chosen] for column in op.extents)
    return AttentionShapes.of(
        counts,
        op.heads,
        op.kv_heads,
        op.head_dim,
        new,
        lengths,
        window=op.window,
        value_dim=op.value_dim,
        latent=op.latent > 0,
        element_bytes=element_bytes,
    )


def _outside(calibration: GpuCalibration, section: Section, shapes: AttentionShapes) -> Warnings:
    """Of the width of the heads, the sequences, and the shortest and the longest of them."""
    (found,) = calibration.outside(section, {"head_dim": shapes.head_dim[:1], "batch": shapes.batch.sum()})
    for length in dict.fromkeys((shapes.kv_len.min(), shapes.kv_len.max())):
        found += calibration.outside(section, {"kv_len": length})[0]
    return found


def together(kernels: list[Kernel]) -> AttentionTimes:
    """One after another; parts and waves of the slowest."""
    slowest = max(kernels, key=lambda kernel: float(kernel.times.total_s[0])).times
    summed = AttentionTimes(*(np.sum(columns, axis=0) for columns in zip(*(one.times for one in kernels), strict=True)))
    return replace(summed, splits=slowest.splits, waves=slowest.waves)
