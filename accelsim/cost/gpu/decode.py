"""Flash attention on a GPU with one or very few queries per sequence: the keys are divided, not the queries.

One core takes one KV head of one sequence (all query heads of the group packed into one tile) or, with few of those,
a part of its keys; parts are merged by a second step.  The number of parts that is fastest wins::

    launch | waves: prologue, then max(loads of the core, two products, main memory, L2) | merge

Latent attention (one key of 576 elements per position whose first 512 are its value, for all heads) is the same with
many query heads per KV head: the latent is read once from main memory, once per tile of heads from the L2, and the
products of all heads can become the limit.

Sequences of unequal length are one launch: the keys of each are divided into equally many parts, and cores take parts
as they become free.  Followed along the depth of the keys, the parts that are still running share the cores and the
bandwidth, so the last ones, of the longest sequences, leave both to waste (docs/assumptions.md#GPU-31)::

    max(the batch at its mean length, the longest part alone, all parts side by side to the end of the longest)

Modelled: window, grouped queries, tile padding, L2 and main-memory traffic.  Not modelled: the page table of a paged
cache (part of the calibrated rates), imperfect choices of split heuristics, more parts for longer sequences.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.cost.gpu.attention import MAX_HEAD_DIM
from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes, Body
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Attention with at most this many queries per sequence runs this kernel.
MAX_DECODE_QUERIES = 16
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
        wide_head_s: Time per KV head of a sequence of a fallback kernel for heads wider than
            :data:`~accelsim.cost.gpu.attention.MAX_HEAD_DIM`, which handles them one after the other until every core
            has one.
        regroup_s: Copies of queries and outputs of a library that reorders the heads of a group; none are needed with
            one KV head or one sequence, where the orders agree.
        splits_unpacked: Whether keys are divided also where an item holds a single query head.
        packs_windowed: Whether the heads of a group are packed into one item also under a window.
        product_efficiency: Share of the matrix peak that the products reach where they are the limit.
        query_tile: Queries (of all packed heads) of one work item at most.
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
    product_efficiency: float = MATRIX_EFFICIENCY
    query_tile: int = QUERY_TILE


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
    w = _candidates(machine, parameters, shapes, core_flops_per_s, kv_cached)
    waves = np.ceil(w.items / machine.num_cores)
    compute_s = waves * w.core_s
    latency_s = _latency_s(machine, parameters, w, waves, w.shapes.batch, w.tile_s)
    body_s = np.maximum(compute_s, np.maximum(w.hbm_s, w.l2_s))
    body = Body(latency_s, body_s, compute_s, w.l2_s, w.hbm_s, w.l2_bytes, w.hbm_bytes, w.splits, waves)
    return _fastest(body, w.forbidden).times(parameters.launch_s)


def ragged_decode_times(
    machine: GpuMachine,
    parameters: DecodeParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: ArrayLike,
    kv_cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of one attention whose sequences differ; one row of ``shapes`` per group of sequences that are alike.

    With one row, or equal ones, this is :func:`decode_times` of all sequences; it is never less than that of the same
    batch at its mean length and never more than at its largest, and it grows with every length.

    Args:
        machine: Cores, caches and main memory.
        parameters: The calibrated numbers of the kernel.
        shapes: Groups of sequences that are alike.
        core_flops_per_s: Peak of one core for the element type.
        kv_cached: Share of keys and values that the L2 still holds, 0 to 1.
    """
    w = _candidates(machine, parameters, shapes, core_flops_per_s, kv_cached)
    mean = _at_mean(machine, parameters, shapes, core_flops_per_s, kv_cached)
    waves = np.ceil(w.items.sum(axis=0, keepdims=True) / machine.num_cores)
    compute_s = np.maximum(waves * mean.core_s, w.core_s.max(axis=0, keepdims=True))
    latency_s = _latency_s(machine, parameters, mean, waves, mean.shapes.batch, w.tile_s.max(axis=0, keepdims=True))
    l2_s, hbm_s = w.l2_s.sum(axis=0, keepdims=True), w.hbm_s.sum(axis=0, keepdims=True)
    l2_bytes, hbm_bytes = w.l2_bytes.sum(axis=0, keepdims=True), w.hbm_bytes.sum(axis=0, keepdims=True)
    body_s = np.maximum(np.maximum(compute_s, _side_by_side_s(w, waves)), np.maximum(hbm_s, l2_s))
    body = Body(latency_s, body_s, compute_s, l2_s, hbm_s, l2_bytes, hbm_bytes, w.splits, waves)
    return _fastest(body, np.logical_and.reduce(w.forbidden, axis=0, keepdims=True)).times(parameters.launch_s)


def _side_by_side_s(w: _Candidates, waves: Array) -> Array:
    """Seconds until the longest item is done when all items go through their keys side by side.

    While ``n`` of ``N`` items have keys left, a core has ``waves * n / N`` of them in turn, but one at least; main
    memory and L2 serve all ``n``.  Between the ends of two sequences the slowest of the three sets the pace.
    """
    order = np.argsort(w.seen[:, 0], kind="stable")
    depth = np.diff(w.seen[order], axis=0, prepend=0.0) / w.splits
    items = w.items[order]
    running = np.cumsum(items[::-1], axis=0)[::-1]
    in_turn = np.maximum(1.0, waves * (running / running[:1]))
    pace_s = np.maximum(w.key_s.max(axis=0) * in_turn, running * w.key_shared_s.max(axis=0))
    total_s: Array = (depth * pace_s).sum(axis=0, keepdims=True)
    return total_s


class _Candidates(NamedTuple):
    """Attentions as work items, for every number of parts of the keys: rows are shapes, columns candidates.

    Attributes:
        shapes: The shapes, as columns.
        splits: Parts of the keys.
        packed: Whether an item holds the query heads of a group.
        seen: Keys of a sequence that a query sees.
        items: Work items.
        tile_s: Time of an item that does not depend on its keys.
        core_s: Time of an item that does.
        key_s: The same per key, without rounding up to blocks.
        key_shared_s: Main memory or L2 busy with one key of one item, whichever is longer.
        hbm_s: Main memory busy with all items.
        l2_s: L2 busy with all items.
        hbm_bytes: Bytes of all items from and to main memory.
        l2_bytes: The same of the L2.
        forbidden: Whether no library divides like that.
    """

    shapes: AttentionShapes
    splits: Array
    packed: NDArray[np.bool_]
    seen: Array
    items: Array
    tile_s: Array
    core_s: Array
    key_s: Array
    key_shared_s: Array
    hbm_s: Array
    l2_s: Array
    hbm_bytes: Array
    l2_bytes: Array
    forbidden: NDArray[np.bool_]


def _candidates(
    machine: GpuMachine, p: DecodeParameters, shapes: AttentionShapes, core_flops_per_s: ArrayLike, kv_cached: ArrayLike
) -> _Candidates:
    x = AttentionShapes(*(getattr(shapes, field.name)[:, None] for field in fields(shapes)))
    cached = np.atleast_1d(np.asarray(kv_cached, dtype=np.float64))[:, None]
    peak = np.atleast_1d(np.asarray(core_flops_per_s, dtype=np.float64))[:, None]
    splits = np.array(KEY_SPLITS, dtype=np.float64)[None, :]
    seen = _seen(x)
    packed = (x.heads > x.kv_heads) & (p.packs_windowed | (x.window == 0))
    share = np.where(packed, x.heads / x.kv_heads, 1.0)
    rows = np.minimum(x.q_len * share, p.query_tile)
    items = x.batch * x.heads / share * np.ceil(x.q_len * share / p.query_tile) * splits
    blocks = np.ceil(seen / splits / KEY_BLOCK)

    item_bytes = x.element_bytes * x.kv_elements * np.minimum(blocks * KEY_BLOCK, seen)
    padded = np.ceil(rows / MATRIX_ROWS) * MATRIX_ROWS
    products_s = 2.0 * padded * KEY_BLOCK * (x.head_dim + x.value_dim) / (peak * p.product_efficiency)
    step_s = np.maximum(p.block_s, products_s)
    core_s = np.maximum(blocks * step_s, item_bytes / p.core_bandwidth_bytes_per_s)
    key_bytes = x.element_bytes * x.kv_elements
    hbm_key_bytes = x.kv_row_bytes * (1.0 - cached) * splits / items
    hbm_bandwidth = machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency
    partial_bytes = 2.0 * _ACCUMULATOR_BYTES * x.batch * x.heads * x.q_len * x.value_dim * splits * (splits > 1)
    hbm_bytes = x.kv_row_bytes * seen * (1.0 - cached) + x.io_bytes
    l2_bytes = item_bytes * items + x.io_bytes + partial_bytes
    forbidden: NDArray[np.bool_] = (splits > 1) & ~packed & (not p.splits_unpacked)
    forbidden = forbidden | (splits > 1) & (blocks * splits > 2.0 * np.ceil(seen / KEY_BLOCK))
    return _Candidates(
        shapes=x,
        splits=splits,
        packed=packed,
        seen=seen,
        items=items,
        tile_s=p.tile_s + rows * (x.head_dim + x.value_dim) / 2.0 * p.element_s,
        core_s=core_s,
        key_s=np.maximum(step_s / KEY_BLOCK, key_bytes / p.core_bandwidth_bytes_per_s),
        key_shared_s=np.maximum(hbm_key_bytes / hbm_bandwidth, key_bytes / machine.l2_bandwidth_bytes_per_s),
        hbm_s=hbm_bytes / hbm_bandwidth,
        l2_s=l2_bytes / machine.l2_bandwidth_bytes_per_s,
        hbm_bytes=hbm_bytes,
        l2_bytes=l2_bytes,
        forbidden=forbidden,
    )


def _seen(x: AttentionShapes) -> Array:
    """Keys of a sequence that a query sees."""
    seen: Array = np.where(x.window > 0, np.minimum(x.kv_len, x.window + x.q_len - 1.0), x.kv_len)
    return seen


def _at_mean(
    machine: GpuMachine, p: DecodeParameters, x: AttentionShapes, core_flops_per_s: ArrayLike, kv_cached: ArrayLike
) -> _Candidates:
    """All sequences with as many keys and queries as they have on average."""
    batch = x.batch.sum(keepdims=True)

    def mean(values: Array) -> Array:
        found: Array = (values * x.batch).sum(keepdims=True) / batch
        return found

    first = {field.name: getattr(x, field.name)[:1] for field in fields(x)}
    alike = AttentionShapes(**{**first, "batch": batch, "q_len": mean(x.q_len), "kv_len": mean(_seen(x))})
    return _candidates(machine, p, alike, core_flops_per_s, kv_cached)


def _latency_s(
    machine: GpuMachine, p: DecodeParameters, w: _Candidates, waves: Array, batch: Array, tile_s: Array
) -> Array:
    """What no resource is busy with."""
    x = w.shapes
    in_turn = np.minimum(batch * x.kv_heads, machine.num_cores)
    latency_s: Array = (
        waves * tile_s
        + (w.splits > 1) * p.split_s
        + (x.head_dim > MAX_HEAD_DIM) * (x.kv_elements > x.head_dim) * in_turn * p.wide_head_s
        + (w.packed & (x.kv_heads > 1) & (batch > 1)) * p.regroup_s
    )
    return latency_s


def _fastest(body: Body, forbidden: NDArray[np.bool_]) -> Body:
    """Of each row, the candidate that takes least."""
    total_s = np.where(forbidden, np.inf, body.latency_s + body.body_s)
    best = np.argmin(total_s, axis=1)[:, None]

    def pick(values: Array) -> Array:
        return np.take_along_axis(np.broadcast_to(values, total_s.shape), best, axis=1)[:, 0]

    return Body(*(pick(values) for values in body))
