"""Flash attention on a GPU with one or very few queries per sequence: the keys are divided, not the queries.

One core takes one KV head of one sequence (all query heads of the group packed into one tile) or, with few of those,
a part of its keys; parts are merged by a second step.  The number of parts that is fastest wins::

    launch | waves: prologue, then max(loads of the core, two products, main memory, L2) | merge

Latent attention (one key of 576 elements per position whose first 512 are its value, for all heads) is the same with
many query heads per KV head: the latent is read once from main memory, once per tile of heads from the L2, and the
products of all heads can become the limit.

Modelled: window, grouped queries, tile padding, L2 and main-memory traffic.  Not modelled: the page table of a paged
cache (part of the calibrated rates), sequences of unequal length, imperfect choices of split heuristics.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.attention import MAX_HEAD_DIM
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes, Body
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Queries (of all packed heads) of one work item at most, and keys per step.
QUERY_TILE = 128
KEY_BLOCK = 128
#: Rows of the smallest matrix instruction; what wider ones waste on few rows is part of ``block_s``.
MATRIX_ROWS = 16
#: Candidate numbers of parts of the keys.
KEY_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
#: Share of the matrix peak that decoding reaches where products are the limit: 660 of 989 TFLOP/s on H800 and H100.
#: docs/assumptions.md#GPU-21
MATRIX_EFFICIENCY = 0.667
_ACCUMULATOR_BYTES = 4


@dataclass(frozen=True, slots=True)
class DecodeParameters:
    """Calibrated numbers of the attention kernels with one query per sequence.

    Attributes:
        launch_s: Graph-replayed time of an empty kernel, preparation of the schedule included.
        tile_s: Prologue and epilogue of one work item, per wave of cores.
        block_s: Least time of one step of :data:`KEY_BLOCK` keys, from latencies.
        core_bandwidth_bytes_per_s: What one core can load at most, from bytes in flight over latency.
        hbm_efficiency: Share of the published memory bandwidth.
        split_s: Fixed cost of merging parts.
        element_s: Time of loading, scaling and storing one element of an item's queries and outputs.
        wide_head_s: Time per sequence of a fallback kernel for heads wider than
            :data:`~accelsim.cost.gpu.attention.MAX_HEAD_DIM`, which handles sequences one after the other.
        regroup_s: Copies of queries and outputs of a library that reorders the heads of a group; none are needed with
            one KV head or one sequence, where the orders agree.
        splits_unpacked: Whether keys are divided also where an item holds a single query head.
        packs_windowed: Whether the heads of a group are packed into one item also under a window.
    """

    launch_s: float
    tile_s: float
    block_s: float
    core_bandwidth_bytes_per_s: float
    hbm_efficiency: float
    split_s: float
    element_s: float = 0.0
    wide_head_s: float = 0.0
    regroup_s: float = 0.0
    splits_unpacked: bool = True
    packs_windowed: bool = True


def decode_times(
    machine: GpuMachine,
    parameters: DecodeParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: ArrayLike,
    kv_cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of attention with one (or very few) queries per sequence, for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        shapes: The shapes; ``element_bytes`` is that of keys and values.
        core_flops_per_s: Published matrix peak of one core for the element type.
        kv_cached: Share of the keys and values already in the L2, 0 to 1.
    """
    p = parameters
    x = AttentionShapes(*(getattr(shapes, field.name)[:, None] for field in fields(shapes)))
    cached = np.atleast_1d(np.asarray(kv_cached, dtype=np.float64))[:, None]
    peak = np.atleast_1d(np.asarray(core_flops_per_s, dtype=np.float64))[:, None]
    splits = np.array(KEY_SPLITS, dtype=np.float64)[None, :]
    seen = np.where(x.window > 0, np.minimum(x.kv_len, x.window + x.q_len - 1.0), x.kv_len)
    packed = (x.heads > x.kv_heads) & (p.packs_windowed | (x.window == 0))
    share = np.where(packed, x.heads / x.kv_heads, 1.0)
    rows = np.minimum(x.q_len * share, QUERY_TILE)
    items = x.batch * x.heads / share * np.ceil(x.q_len * share / QUERY_TILE) * splits
    waves = np.ceil(items / machine.num_cores)
    blocks = np.ceil(seen / splits / KEY_BLOCK)

    item_bytes = x.element_bytes * x.kv_elements * np.minimum(blocks * KEY_BLOCK, seen)
    padded = np.ceil(rows / MATRIX_ROWS) * MATRIX_ROWS
    products_s = 2.0 * padded * KEY_BLOCK * (x.head_dim + x.value_dim) / (peak * MATRIX_EFFICIENCY)
    core_s = np.maximum(blocks * np.maximum(p.block_s, products_s), item_bytes / p.core_bandwidth_bytes_per_s)
    partial_bytes = 2.0 * _ACCUMULATOR_BYTES * x.batch * x.heads * x.q_len * x.value_dim * splits * (splits > 1)
    hbm_bytes = x.kv_row_bytes * seen * (1.0 - cached) + x.io_bytes
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    l2_bytes = item_bytes * items + x.io_bytes + partial_bytes
    l2_s = l2_bytes / machine.l2_bandwidth_bytes_per_s
    compute_s = waves * core_s
    latency_s = (
        waves * (p.tile_s + rows * (x.head_dim + x.value_dim) / 2.0 * p.element_s)
        + (splits > 1) * p.split_s
        + (x.head_dim > MAX_HEAD_DIM) * (x.kv_elements > x.head_dim) * x.batch * p.wide_head_s
        + (packed & (x.kv_heads > 1) & (x.batch > 1)) * p.regroup_s
    )
    body_s = np.maximum(compute_s, np.maximum(hbm_s, l2_s))
    forbidden = (splits > 1) & ~packed & (not p.splits_unpacked)
    forbidden = forbidden | (splits > 1) & (blocks * splits > 2.0 * np.ceil(seen / KEY_BLOCK))
    total_s = np.where(forbidden, np.inf, latency_s + body_s)
    best = np.argmin(total_s, axis=1)[:, None]

    def pick(values: Array) -> Array:
        return np.take_along_axis(np.broadcast_to(values, total_s.shape), best, axis=1)[:, 0]

    body = Body(latency_s, body_s, compute_s, l2_s, hbm_s, l2_bytes, hbm_bytes, splits, waves)
    return Body(*(pick(values) for values in body)).times(p.launch_s)
