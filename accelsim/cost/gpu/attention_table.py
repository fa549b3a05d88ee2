"""Predict tables of the attention of training: flash attention by generation, and standard attention."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from accelsim.cost.gpu.attention_backward import TrainingParameters, backward_times, forward_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.cost.gpu.standard_attention import FLASH_CALLS, Direction, StandardKernels, standard_calls
from accelsim.cost.gpu.table import Columns, Rig

#: Libraries of flash attention by the first word of an operator's name in tables.
FLASH = ("flash1", "flash2", "flash3")
#: Standard attention by a framework's kernels, and with scaling, mask and softmax fused.
STANDARD = ("standard", "megatron")
DIRECTIONS: tuple[Direction, ...] = ("forward", "backward", "training")


class AttentionOp(NamedTuple):
    """What the name of an operator says: ``flash2_training`` is forward and backward of the second generation."""

    library: str
    direction: Direction

    @classmethod
    def of(cls, op: str) -> AttentionOp | None:
        """The operator called ``op``; None where that is no attention of training."""
        library, _, last = op.partition("_")
        for direction in DIRECTIONS:
            if library in (*FLASH, *STANDARD) and last == direction:
                return cls(library, direction)
        return None


def flash_seconds(
    machine: GpuMachine,
    parameters: TrainingParameters,
    table: Columns,
    rig: Rig,
    core_flops_per_s: float,
    direction: Direction,
) -> Array:
    """Seconds of flash attention (columns of attention, ``causal`` and ``dropout``)."""
    shapes = _shapes(table)
    drops = np.asarray(table["dropout"], dtype=np.float64) > 0
    hit = machine.cached_fraction(shapes.io_bytes + shapes.kv_row_bytes * shapes.kv_len)

    def seconds(dropout: bool) -> Array:
        total = np.zeros_like(hit)
        for name, times in (("forward", forward_times), ("backward", backward_times)):
            if direction in (name, "training"):
                total = (
                    total
                    + times(
                        machine, parameters, shapes, core_flops_per_s=core_flops_per_s, dropout=dropout, cached=hit
                    ).total_s
                )
        return total

    device_s = np.where(drops, seconds(True), seconds(False))
    return rig.seen(device_s, np.full_like(device_s, FLASH_CALLS[direction]))


def standard_seconds(kernels: StandardKernels, table: Columns, rig: Rig, direction: Direction, *, fused: bool) -> Array:
    """Seconds of standard attention (columns of attention, ``causal``, ``dropout`` and ``mask``)."""
    drops, masks = table["dropout"], table["mask"]
    device_s = kernels.seconds(_shapes(table), direction, dropout=drops, mask=masks, fused=fused)
    return rig.seen(device_s, standard_calls(direction, drops, masks, fused))


def _shapes(table: Columns) -> AttentionShapes:
    names = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
    return AttentionShapes.of(*(table[name] for name in names), causal=table["causal"])
