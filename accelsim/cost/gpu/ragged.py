"""Attention over sequences of unequal lengths on a GPU: one kernel for decodes, one for pieces of prompts.

Sequences with few queries behind a cache run the kernel that divides the keys, all others the kernel that divides the
queries, one launch each: FlashInfer and TensorRT-LLM have a kernel per kind, and vLLM sorts its batch for them
(``vllm/v1/attention/backends/utils.py``, ``split_decodes_and_prefills``).  Both are priced with the parameters of
uniform batches.  Not modelled: one kernel for both kinds (FlashAttention's ``varlen``), both kernels side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.gpu.attention import ragged_prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.decode import MAX_DECODE_QUERIES, ragged_decode_times
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.workload.operators.ragged_attention import RaggedAttention


class Kernel(NamedTuple):
    """One of the kernels of an attention.

    Attributes:
        section: Of the calibration.
        times: Of the launch.
        warnings: Of the calibration.
        outside: Warnings of extents outside its range.
    """

    section: str
    times: AttentionTimes
    warnings: tuple[str, ...]
    outside: tuple[str, ...]


def ragged_kernels(
    op: RaggedAttention, machine: GpuMachine, calibration: GpuCalibration, core_flops_per_s: float
) -> list[Kernel]:
    """The kernels of ``op`` in the order in which they run."""
    _, new, lengths = op.extents
    is_decode = (new <= MAX_DECODE_QUERIES) & (lengths > new)
    kernels = []
    if is_decode.any():
        decode, warnings = calibration.decode()
        shapes = _shapes(op, is_decode, op.kv_dtype.bits / 8)
        times = ragged_decode_times(machine, decode, shapes, core_flops_per_s=core_flops_per_s)
        kernels.append(Kernel("attention_decode", times, warnings, _outside(calibration, "attention_decode", shapes)))
    if not is_decode.all():
        prefill, warnings = calibration.prefill()
        shapes = _shapes(op, ~is_decode, op.dtype.bits / 8)
        cached = machine.cached_fraction(float((shapes.io_bytes + shapes.kv_row_bytes * shapes.kv_len).sum()))
        times = ragged_prefill_times(
            machine,
            prefill,
            shapes,
            core_flops_per_s=core_flops_per_s,
            cached=cached,
            kv_cached=shapes.q_len / shapes.kv_len * cached,
        )
        kernels.append(Kernel("attention_prefill", times, warnings, _outside(calibration, "attention_prefill", shapes)))
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


def _outside(calibration: GpuCalibration, section: str, shapes: AttentionShapes) -> tuple[str, ...]:
    """Of the width of the heads, the sequences, and the shortest and the longest of them."""
    found = calibration.outside(section, head_dim=int(shapes.head_dim[0]), batch=int(shapes.batch.sum()))
    for length in dict.fromkeys((int(shapes.kv_len.min()), int(shapes.kv_len.max()))):
        found += calibration.outside(section, kv_len=length)
    return found


def together(kernels: list[Kernel]) -> AttentionTimes:
    """One after another; parts and waves of the slowest."""
    slowest = max(kernels, key=lambda kernel: float(kernel.times.total_s[0])).times
    summed = {
        name: np.sum([getattr(kernel.times, name) for kernel in kernels], axis=0) for name in AttentionTimes._fields
    }
    return AttentionTimes(**{**summed, "splits": slowest.splits, "waves": slowest.waves})
