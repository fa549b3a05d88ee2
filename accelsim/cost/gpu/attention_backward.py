"""Backward pass of flash attention on a GPU: scores are computed again from queries and keys, never stored.

Three kernels: row sums of ``dO * O`` (and zeros for the fp32 sum of dQ); the main one; conversion of that sum::

    core: prologue, then per block of queries: five matrix products and the softmax with its derivative

In the main kernel one core takes a tile of keys of one head, walks over the blocks of queries that see them, keeps dK
and dV and adds its part of dQ to a sum in memory.  The first generation gave a core a whole head, forward and backward.

Dropout draws a random number per score in both passes; a padding mask costs nothing measurable.

Modelled: causal mask, window, tile padding, the traffic of the sum of dQ in the L2.  Not modelled: deterministic
variants, grouped queries beyond their FLOPs (dK and dV of a group are summed in a further pass).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.attention import InL2, PrefillParameters, makespan, overlapped, prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes, Body
from accelsim.cost.gpu.attention_tiles import BACKWARD, Tiles, Tiling, tiling
from accelsim.cost.gpu.machine import GpuMachine

#: Kernels of the backward pass.
BACKWARD_KERNELS = 3
_ACCUMULATOR_BYTES = 4.0


@dataclass(frozen=True, slots=True)
class TrainingParameters:
    """Calibrated numbers of the attention kernels of training: forward and backward, no cache.

    Attributes:
        launch_s: Graph-replayed time of an empty kernel.
        tile_s: Prologue and epilogue of one tile, forward and backward.
        matrix_efficiency: Share of the published matrix peak the products reach, forward.
        score_s: Time one core spends on the softmax of one score, forward.
        backward_efficiency: Share of the published matrix peak the products reach, backward.
        backward_score_s: Time one core spends on the softmax of one score and its derivative.
        hbm_efficiency: Share of the published memory bandwidth.
        library: Whose tiles, one of :data:`~accelsim.cost.gpu.attention_tiles.BACKWARD`.
        dropout_s: Time one core spends on the random number of one score.
    """

    launch_s: float
    tile_s: float
    matrix_efficiency: float
    score_s: float
    backward_efficiency: float
    backward_score_s: float
    hbm_efficiency: float
    library: str
    dropout_s: float = 0.0

    @property
    def forward(self) -> PrefillParameters:
        """The numbers of the forward kernel."""
        return PrefillParameters(
            launch_s=self.launch_s,
            tile_s=self.tile_s,
            matrix_efficiency=self.matrix_efficiency,
            score_s=self.score_s,
            hbm_efficiency=self.hbm_efficiency,
            append_s=0.0,
            library=self.library,
        )


def forward_times(
    machine: GpuMachine,
    parameters: TrainingParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: ArrayLike,
    dropout: bool = False,
    cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of the forward pass of training; as :func:`~accelsim.cost.gpu.attention.prefill_times`.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        shapes: The shapes.
        core_flops_per_s: Published matrix peak of one core for the element type.
        dropout: Whether scores are dropped at random.
        cached: Share of all operands that is in the L2.
    """
    forward = parameters.forward
    if dropout:
        forward = replace(forward, score_s=forward.score_s + parameters.dropout_s)
    return prefill_times(machine, forward, shapes, core_flops_per_s=core_flops_per_s, in_l2=InL2(cached, cached))


def backward_times(
    machine: GpuMachine,
    parameters: TrainingParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: ArrayLike,
    dropout: bool = False,
    cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of the backward pass, its three kernels, for arrays of shapes.

    Args:
        machine: What the kernels run on.
        parameters: Calibration.
        shapes: The shapes of the forward pass.
        core_flops_per_s: Published matrix peak of one core for the element type.
        dropout: Whether scores are dropped at random.
        cached: Share of all operands that is in the L2.
    """
    p, x = parameters, shapes
    tiles = key_tiles_of(tiling(BACKWARD, p.library), x)
    pairs = tiles.queries * tiles.keys
    rate = np.asarray(core_flops_per_s, dtype=np.float64) * p.backward_efficiency
    products_s = 2.0 * pairs * (3.0 * x.head_dim + 2.0 * x.value_dim) / rate
    score_s = p.backward_score_s + dropout * p.dropout_s
    block_s = overlapped(products_s, pairs * score_s, 0.0)
    busy_s, waves = makespan(machine, tiles, block_s, p.tile_s)

    missed = 1.0 - np.asarray(cached, dtype=np.float64)
    hbm_bandwidth = machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency
    sums = _ACCUMULATOR_BYTES * x.batch * x.heads * x.q_len * x.head_dim
    around_bytes = x.io_bytes + 2.0 * sums + x.io_bytes / 2.0  # O and dO; zeros, then the sum again; dQ
    main_bytes = x.io_bytes * 1.0 + 2.0 * x.kv_row_bytes * x.kv_len
    l2_bytes = tiles.blocks * tiles.queries * (x.element_bytes * 2.0 + 2.0 * _ACCUMULATOR_BYTES) * x.head_dim
    l2_s, hbm_s = l2_bytes / machine.l2_bandwidth_bytes_per_s, main_bytes * missed / hbm_bandwidth
    whole_s = np.maximum(busy_s, np.maximum(hbm_s, l2_s))
    latency_s = np.minimum(waves * p.tile_s, whole_s)
    around_s = around_bytes * (missed / hbm_bandwidth + (1.0 - missed) / machine.l2_bandwidth_bytes_per_s)
    hbm_bytes = (main_bytes + around_bytes) * missed
    ones = np.ones_like(busy_s)
    body = Body(latency_s, whole_s - latency_s, busy_s, l2_s, hbm_s, l2_bytes + around_bytes, hbm_bytes, ones, waves)
    times = body.times(BACKWARD_KERNELS * p.launch_s)
    return replace(times, total_s=times.total_s + around_s, hbm_s=times.hbm_s + around_s)


def key_tiles_of(library: Tiling, shapes: AttentionShapes) -> Tiles:
    """Tiles of keys and the blocks of queries each walks over; ``queries`` and ``keys`` are the extents of a block.

    Keys ``[i, i + keys)`` are seen by the queries from their own position on, with a window up to its end.

    Args:
        library: How the kernels cut queries and keys.
        shapes: The attentions. Arrays of one length.
    """
    x = shapes
    queries, keys = library.extents(x.head_dim, x.q_len)
    per_head = np.ceil(x.kv_len / keys)
    index = np.arange(int(per_head.max()), dtype=np.float64)[:, None]
    before = x.kv_len - x.q_len
    start = np.where(x.causal > 0, np.maximum(index * keys - before, 0.0), 0.0)
    last_key = np.minimum((index + 1.0) * keys, x.kv_len) - 1.0
    stop = np.where(x.window > 0, np.minimum(last_key + x.window - before, x.q_len), x.q_len)
    seen = np.maximum(np.ceil(stop / queries) - np.floor(start / queries), 0.0)
    return library.arrange(
        queries, keys, per_head, np.where(index < per_head, seen, 0.0), index < per_head, x.batch * x.heads
    )
