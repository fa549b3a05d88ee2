"""Attention with one query in every step of a decode: one call for thousands of lengths of the cache."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np

from accelsim.cost.columns import CostColumns
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.decode import decode_times
from accelsim.cost.gpu.machine import GpuMachine, cache_name
from accelsim.workload.steps import OperatorSeries

#: Steps priced at once: the candidates of all of them lie side by side in memory.
STEPS_AT_ONCE = 8_192

_EXTENTS = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")


def decode_columns(machine: GpuMachine, calibration: GpuCalibration, attentions: OperatorSeries) -> CostColumns:
    """Cost of an attention in every step; energies are those of the matrix unit and of bytes, as of every kernel."""
    chip = calibration.chip
    times = _times(machine, calibration, attentions)
    cache, main = cache_name(chip), chip.main_memory
    traffic_bytes = {cache: times.l2_bytes, main: times.hbm_bytes}
    flops = attentions.column(lambda op: op.flops)
    in_cores_j = flops * chip.matrix_energy_j_per_flop + 2.0 * times.l2_bytes * chip.sram_energy_j_per_byte
    moved_j = sum((size * chip.memories[name].energy_j_per_byte for name, size in traffic_bytes.items()), np.zeros(1))
    return CostColumns(
        work_s=times.total_s,
        traffic_bytes=traffic_bytes,
        parts_s={
            "launch": times.launch_s,
            "latency": times.latency_s,
            "compute": times.compute_s,
            cache: times.l2_s,
            main: times.hbm_s,
        },
        energy_j=in_cores_j + moved_j,
    )


def _times(machine: GpuMachine, calibration: GpuCalibration, attentions: OperatorSeries) -> AttentionTimes:
    """Times of an attention in every step; those of :func:`~accelsim.cost.gpu.decode.decode_times` step by step."""
    first: Any = attentions.first
    parameters, _ = calibration.decode()
    core_flops_per_s = calibration.chip.peak_flops_per_s(first.dtype, 1)
    extents = [attentions.column(attrgetter(name)) for name in _EXTENTS]
    parts = []
    for start in range(0, attentions.count, STEPS_AT_ONCE):
        shapes = AttentionShapes.of(
            *(column[start : start + STEPS_AT_ONCE] for column in extents),
            causal=first.causal,
            window=first.window,
            value_dim=first.value_dim,
            latent=first.latent > 0,
            element_bytes=first.kv_dtype.bits / 8,
            io_element_bytes=first.dtype.bits / 8,
        )
        parts.append(decode_times(machine, parameters, shapes, core_flops_per_s=core_flops_per_s))
    return AttentionTimes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
