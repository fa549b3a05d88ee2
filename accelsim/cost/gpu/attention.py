"""Flash attention on a GPU: prefill in tiles of queries, decode in parts of the keys.

Prefill: one core takes :data:`QUERY_TILE` queries of one head and walks over the blocks of keys they see, masked pairs
of a block included::

    core: prologue, then per key block: two matrix products + softmax of the scores

Cores take tiles longest first, so the makespan is the mean load plus the unfilled end, and never less than the longest
tile.

Decode: one core takes one KV head of one sequence (all query heads of the group packed into one tile) or, with few
of those, a part of its keys; parts are merged by a second step.  The number of parts that is fastest wins.

Modelled: causal mask, window, grouped queries, tile padding, L2 and main-memory traffic. Not modelled: the page table
of a paged cache (part of the calibrated rates), sequences of unequal length, imperfect choices of split heuristics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.machine import Array, GpuMachine

#: Queries one core works on at a time, and keys per step of decode.
QUERY_TILE = 128
KEY_BLOCK = 128
#: Threads of the block that copies one token into a cache (one per element, at most so many), and of a full core.
APPEND_THREADS = 512
CORE_THREADS = 2048
#: Widest head the tiled kernels hold in registers and shared memory.
MAX_HEAD_DIM = 256
#: Candidate numbers of parts of the keys in decode.
KEY_SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_ACCUMULATOR_BYTES = 4


@dataclass(frozen=True, slots=True)
class PrefillParameters:
    """Calibrated numbers of the attention kernels with many queries per sequence.

    Attributes:
        launch_s: Graph-replayed time of an empty kernel, preparation of the schedule included.
        tile_s: Prologue and epilogue of one tile of queries.
        matrix_efficiency: Share of the published matrix peak the two products reach.
        score_s: Time one core spends on the softmax of one score, not hidden behind the products.
        hbm_efficiency: Share of the published memory bandwidth.
        append_s: Latency of a block that copies the keys and values of one token into a cache, where it does that.
        key_block: Keys per step.
        packs_queries: Whether a tile may hold queries of several heads that share a KV head.
    """

    launch_s: float
    tile_s: float
    matrix_efficiency: float
    score_s: float
    hbm_efficiency: float
    append_s: float
    packs_queries: bool = False
    key_block: int = 128


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
        wide_head_s: Time per sequence of a fallback kernel for heads wider than :data:`MAX_HEAD_DIM`, which handles
            sequences one after the other.
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


class AttentionTimes(NamedTuple):
    """Seconds and bytes of an array of attentions; the parts sum to ``total_s``."""

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array
    splits: Array
    waves: Array


def prefill_times(
    machine: GpuMachine,
    parameters: PrefillParameters,
    batch: ArrayLike,
    heads: ArrayLike,
    kv_heads: ArrayLike,
    head_dim: ArrayLike,
    q_len: ArrayLike,
    kv_len: ArrayLike,
    *,
    core_flops_per_s: ArrayLike,
    causal: ArrayLike = True,
    window: ArrayLike = 0,
    element_bytes: ArrayLike = 2.0,
    appended: ArrayLike = False,
    cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of attention with many queries per sequence, for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        batch: Sequences.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Elements of one head.
        q_len: Queries per sequence, the last of the ``kv_len`` positions.
        kv_len: Keys per sequence.
        core_flops_per_s: Published matrix peak of one core for the element type.
        causal: Whether a query sees only its own and earlier positions.
        window: Positions one query sees at most; 0 is no limit.
        element_bytes: Bytes of an element.
        appended: Whether the keys and values of the queries are first copied into a cache by this operator.
        cached: Share of all operands and results that stays in the L2, 0 to 1.
    """
    p = parameters
    b, h, g, d, q, kv, peak, mask, limit, size, copied, hit = _columns(
        batch,
        heads,
        kv_heads,
        head_dim,
        q_len,
        kv_len,
        core_flops_per_s,
        causal,
        window,
        element_bytes,
        appended,
        cached,
    )
    group = h / g
    packed = np.ceil(q * group / QUERY_TILE) < group * np.ceil(q / QUERY_TILE)
    share = np.where(packed & p.packs_queries, group, 1.0)
    tiles_per_head = np.ceil(q * share / QUERY_TILE)
    blocks_total, blocks_longest, blocks_shortest = _key_blocks(
        q, kv, mask, limit, tiles_per_head, share, float(p.key_block)
    )
    tiles = b * h / share * tiles_per_head
    blocks = b * h / share * blocks_total

    pairs = QUERY_TILE * p.key_block
    block_s = 4.0 * pairs * d / (peak * p.matrix_efficiency) + pairs * p.score_s
    waves = np.ceil(tiles / machine.num_cores)
    unfilled = waves - tiles / machine.num_cores
    mean_s = (blocks * block_s + tiles * p.tile_s) / machine.num_cores
    busy_s = mean_s + unfilled * (blocks_shortest * block_s + p.tile_s)
    busy_s = np.maximum(busy_s, blocks_longest * block_s + p.tile_s)
    latency_s = waves * p.tile_s

    hbm_bytes = size * d * b * (2.0 * h * q + 2.0 * g * kv) * (1.0 - hit)
    append_bytes = 4.0 * size * d * b * g * q * copied * (1.0 - hit)
    append_s = np.maximum(
        append_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency),
        b * q * copied * p.append_s * np.minimum(g * d, APPEND_THREADS) / (CORE_THREADS * machine.num_cores),
    )
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    l2_bytes = size * d * (2.0 * b * h * q + 2.0 * p.key_block * blocks)
    l2_s = l2_bytes / machine.l2_bandwidth_bytes_per_s
    body_s = np.maximum(busy_s, np.maximum(hbm_s, l2_s))
    latency_s = np.minimum(latency_s, body_s)
    body_s = body_s - latency_s
    ones = np.ones_like(q)
    times = _attribute(
        p.launch_s, latency_s, body_s, busy_s, l2_s, hbm_s, l2_bytes, hbm_bytes + append_bytes, ones, waves
    )
    return times._replace(total_s=times.total_s + append_s, hbm_s=times.hbm_s + append_s)


def _key_blocks(
    q: Array, kv: Array, causal: Array, window: Array, tiles: Array, share: Array, key_block: float
) -> tuple[Array, Array, Array]:
    """Key blocks the tiles of one head walk over: their sum, the longest and the shortest tile's.

    A tile of queries ``[i, i + QUERY_TILE / share)`` sees keys up to its last query and, with a window, from its first
    query's window on.
    """
    index = np.arange(int(tiles.max()), dtype=np.float64)[:, None]
    first = np.minimum(np.floor(index * QUERY_TILE / share), q)
    last = np.minimum(np.ceil((index + 1.0) * QUERY_TILE / share), q)
    stop = np.where(causal > 0, kv - q + last, kv)
    start = np.where(window > 0, np.maximum(np.where(causal > 0, kv - q + first + 1, kv) - window, 0.0), 0.0)
    seen = np.ceil(stop / key_block) - np.floor(start / key_block)
    exists = index < tiles
    total = np.where(exists, seen, 0.0).sum(axis=0)
    longest = np.where(exists, seen, 0.0).max(axis=0)
    shortest = np.where(exists, seen, np.inf).min(axis=0)
    return total, longest, shortest


def decode_times(
    machine: GpuMachine,
    parameters: DecodeParameters,
    batch: ArrayLike,
    heads: ArrayLike,
    kv_heads: ArrayLike,
    head_dim: ArrayLike,
    q_len: ArrayLike,
    kv_len: ArrayLike,
    *,
    window: ArrayLike = 0,
    element_bytes: ArrayLike = 2.0,
    kv_cached: ArrayLike = 0.0,
) -> AttentionTimes:
    """Time of attention with one (or very few) queries per sequence, for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        batch: Sequences.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Elements of one head.
        q_len: Queries per sequence.
        kv_len: Keys per sequence.
        window: Positions one query sees at most; 0 is no limit.
        element_bytes: Bytes of an element of keys and values.
        kv_cached: Share of the keys and values already in the L2, 0 to 1.
    """
    p = parameters
    columns = _columns(batch, heads, kv_heads, head_dim, q_len, kv_len, window, element_bytes, kv_cached)
    b, h, g, d, q, kv, limit, size, cached = (v[:, None] for v in columns)
    splits = np.array(KEY_SPLITS, dtype=np.float64)[None, :]
    seen = np.where(limit > 0, np.minimum(kv, limit + q - 1.0), kv)
    packed = (h > g) & (p.packs_windowed | (limit == 0))
    share = np.where(packed, h / g, 1.0)
    items = b * h / share * np.ceil(q * share / QUERY_TILE) * splits
    waves = np.ceil(items / machine.num_cores)
    blocks = np.ceil(seen / splits / KEY_BLOCK)

    item_bytes = 2.0 * size * d * np.minimum(blocks * KEY_BLOCK, seen)
    block_s = blocks * p.block_s
    core_s = np.maximum(block_s, item_bytes / p.core_bandwidth_bytes_per_s)
    kv_bytes = 2.0 * size * d * b * g * seen
    io_bytes = 2.0 * size * d * b * h * q
    partial_bytes = 2.0 * _ACCUMULATOR_BYTES * b * h * q * d * splits * (splits > 1)
    hbm_bytes = kv_bytes * (1.0 - cached) + io_bytes
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    l2_bytes = item_bytes * items + io_bytes + partial_bytes
    l2_s = l2_bytes / machine.l2_bandwidth_bytes_per_s
    compute_s = waves * core_s
    item_rows = np.minimum(q * share, QUERY_TILE)
    latency_s = (
        waves * (p.tile_s + item_rows * d * p.element_s)
        + (splits > 1) * p.split_s
        + (d > MAX_HEAD_DIM) * b * p.wide_head_s
    )
    latency_s = latency_s + (packed & (g > 1) & (b > 1)) * p.regroup_s
    body_s = np.maximum(compute_s, np.maximum(hbm_s, l2_s))
    forbidden = (splits > 1) & ~packed & (not p.splits_unpacked)
    total_s = np.where(
        forbidden | (splits > 1) & (blocks * splits > 2.0 * np.ceil(seen / KEY_BLOCK)), np.inf, latency_s + body_s
    )
    best = np.argmin(total_s, axis=1)[:, None]

    def pick(values: Array) -> Array:
        return np.take_along_axis(np.broadcast_to(values, total_s.shape), best, axis=1)[:, 0]

    picked = (latency_s, body_s, compute_s, l2_s, hbm_s, l2_bytes, hbm_bytes, splits, waves)
    return _attribute(p.launch_s, *(pick(values) for values in picked))


def _columns(*values: ArrayLike) -> list[Array]:
    return list(np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in values)))


def _attribute(
    launch_s: float,
    latency_s: Array,
    body_s: Array,
    compute_s: Array,
    l2_s: Array,
    hbm_s: Array,
    l2_bytes: Array,
    hbm_bytes: Array,
    splits: Array,
    waves: Array,
) -> AttentionTimes:
    """Charge the overlapped body to the slowest of its resources."""
    slowest = np.argmax(np.stack([compute_s, l2_s, hbm_s]), axis=0)
    compute, l2, hbm = (np.where(slowest == i, body_s, 0.0) for i in range(3))
    launch = np.full_like(body_s, launch_s)
    total = launch + latency_s + body_s
    return AttentionTimes(total, launch, latency_s, compute, l2, hbm, l2_bytes, hbm_bytes, splits, waves)
