"""Flash attention on a GPU with many queries per sequence: prefill, and the forward pass of training.

One core takes a tile of queries of one head and walks over the blocks of keys they see, masked pairs of a block
included::

    core: prologue, then per key block: two matrix products and the softmax of the scores

Where a core works on two tiles in turn a share of the shorter of the two hides behind the other.  The makespan is the
mean load of the cores, plus the tiles that run while the last cores are idle, and never less than the longest tile.

Sequences of unequal length are one launch (``varlen``): the tiles of all of them go to the cores in one queue.

Modelled: causal mask, window, grouped queries, earlier keys (chunked prefill), tile padding, L2 and memory traffic.
Not modelled: the page table of a paged cache beyond the tiles it forces (its cost is part of the calibrated rates; page
sizes are not among the data).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.attention_shapes import AttentionShapes, AttentionTimes, Body
from accelsim.cost.gpu.attention_tiles import FORWARD, Tiles, Tiling, tiling
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Threads of the block that copies one token into a cache (one per element, at most so many), and of a full core.
APPEND_THREADS = 512
CORE_THREADS = 2048
#: Widest head the usual kernels hold in registers and shared memory.
MAX_HEAD_DIM = 256


@dataclass(frozen=True, slots=True)
class PrefillParameters:
    """Calibrated numbers of the attention kernels with many queries per sequence.

    Attributes:
        launch_s: Graph-replayed time of an empty kernel, preparation of the schedule included.
        tile_s: Prologue and epilogue of one tile of queries.
        matrix_efficiency: Share of the published matrix peak the two products reach.
        score_s: Time one core spends on the softmax of one score.
        hbm_efficiency: Share of the published memory bandwidth.
        append_s: Latency of a block that copies the keys and values of one token into a cache, where it does that.
        library: Whose tiles, one of :data:`~accelsim.cost.gpu.attention_tiles.FORWARD`.
        overlap_fraction: Share of the shorter of products and softmax that hides behind the longer.
        wide_head_factor: Time of the products of heads wider than :data:`MAX_HEAD_DIM`, over that of their FLOPs.
        absorbs_latent: Whether prompts of latent attention meet the latent itself instead of keys and values expanded
            from it.
    """

    launch_s: float
    tile_s: float
    matrix_efficiency: float
    score_s: float
    hbm_efficiency: float
    append_s: float
    library: str = "flash2"
    overlap_fraction: float = 0.0
    wide_head_factor: float = 1.0
    absorbs_latent: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class InL2:
    """Shares of the operands that the L2 holds, 0 to 1; numbers, or one per shape.

    Attributes:
        io: Of queries, results and what is appended to a cache.
        kv: Of the keys and values read.
    """

    io: ArrayLike = 0.0
    kv: ArrayLike = 0.0


#: Everything comes from main memory.
NOTHING = InL2()


def prefill_times(
    machine: GpuMachine,
    parameters: PrefillParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: ArrayLike,
    appended: ArrayLike = False,
    in_l2: InL2 = NOTHING,
) -> AttentionTimes:
    """Time of attention with many queries per sequence, for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        shapes: The shapes.
        core_flops_per_s: Published matrix peak of one core for the element type.
        appended: Whether the keys and values of the queries are first copied into a cache by this operator.
        in_l2: What needs no main memory.
    """
    p, x = parameters, shapes
    tiles = tiles_of(tiling(FORWARD, p.library), x)
    block_s = tile_block_s(p, tiles, x, core_flops_per_s)
    busy_s, waves = makespan(machine, tiles, block_s, p.tile_s)

    hbm_bandwidth = machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency
    missed = 1.0 - np.asarray(in_l2.io, dtype=np.float64)
    copies = np.asarray(appended, dtype=np.float64) * x.q_len
    append_bytes = 2.0 * x.kv_row_bytes * copies * missed
    threads = np.minimum(x.kv_heads * x.head_dim, APPEND_THREADS)
    append_s = np.maximum(
        append_bytes / hbm_bandwidth, x.batch * copies * p.append_s * threads / (CORE_THREADS * machine.num_cores)
    )
    hbm_bytes = x.io_bytes * missed + x.kv_row_bytes * x.kv_len * (1.0 - np.asarray(in_l2.kv, dtype=np.float64))
    l2_bytes = x.io_bytes + x.element_bytes * x.kv_elements * tiles.keys * tiles.blocks
    l2_s, hbm_s = l2_bytes / machine.l2_bandwidth_bytes_per_s, hbm_bytes / hbm_bandwidth
    whole_s = np.maximum(busy_s, np.maximum(hbm_s, l2_s))
    latency_s = np.minimum(waves * p.tile_s, whole_s)
    ones = np.ones_like(busy_s)
    body = Body(latency_s, whole_s - latency_s, busy_s, l2_s, hbm_s, l2_bytes, hbm_bytes + append_bytes, ones, waves)
    times = body.times(p.launch_s)
    return replace(times, total_s=times.total_s + append_s, hbm_s=times.hbm_s + append_s)


def ragged_prefill_times(
    machine: GpuMachine,
    parameters: PrefillParameters,
    shapes: AttentionShapes,
    *,
    core_flops_per_s: float,
    in_l2: InL2 = NOTHING,
) -> AttentionTimes:
    """Time of one attention whose sequences differ; one row of ``shapes`` per group of sequences that are alike.

    With one row, or equal ones, this is :func:`prefill_times` of all sequences.

    Args:
        machine: Cores, caches and main memory.
        parameters: The calibrated numbers of the kernel.
        shapes: Groups of sequences that are alike.
        core_flops_per_s: Peak of one core for the element type.
        in_l2: What needs no main memory: of queries and results of the whole operator, of the keys of each group.
    """
    p, library = parameters, tiling(FORWARD, parameters.library)
    tiles = tiles_of(library, shapes)
    alone = prefill_times(machine, p, shapes, core_flops_per_s=core_flops_per_s, in_l2=in_l2)
    block_s = tile_block_s(p, tiles, shapes, core_flops_per_s)
    number = tiles.number.sum(keepdims=True)
    waves = np.ceil(number / machine.num_cores)
    unfilled = np.where(waves > 1.0, waves - number / machine.num_cores, 0.0)
    mean_s = (tiles.blocks * block_s + tiles.number * p.tile_s).sum(keepdims=True) / machine.num_cores
    last_s = library.last_of(tiles.last * block_s, tiles.number)
    busy_s = np.maximum(mean_s + unfilled * (last_s + p.tile_s), (tiles.longest * block_s).max() + p.tile_s)
    l2_bytes, hbm_bytes = alone.l2_bytes.sum(keepdims=True), alone.hbm_bytes.sum(keepdims=True)
    l2_s = l2_bytes / machine.l2_bandwidth_bytes_per_s
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    whole_s = np.maximum(busy_s, np.maximum(hbm_s, l2_s))
    latency_s = np.minimum(waves * p.tile_s, whole_s)
    ones = np.ones_like(busy_s)
    body = Body(latency_s, whole_s - latency_s, busy_s, l2_s, hbm_s, l2_bytes, hbm_bytes, ones, waves)
    return body.times(p.launch_s)


def tile_block_s(p: PrefillParameters, tiles: Tiles, x: AttentionShapes, core_flops_per_s: ArrayLike) -> Array:
    """Seconds of one block of keys of a tile.

    Args:
        p: The calibrated numbers of the kernel.
        tiles: Queries and keys of a tile.
        x: Heads and their widths.
        core_flops_per_s: Peak of one core for the element type.
    """
    pairs = tiles.queries * tiles.keys
    rate = np.asarray(core_flops_per_s, dtype=np.float64) * p.matrix_efficiency
    products_s = 2.0 * pairs * (x.head_dim + x.value_dim) / rate
    products_s = products_s * np.where(x.head_dim > MAX_HEAD_DIM, p.wide_head_factor, 1.0)
    return overlapped(products_s, pairs * p.score_s, p.overlap_fraction)


def overlapped(products_s: Array, softmax_s: Array, overlap: float) -> Array:
    """Both when ``overlap`` of the shorter hides behind the longer.

    Args:
        products_s: Seconds of the products.
        softmax_s: Seconds of the softmax of their scores.
        overlap: Share of the shorter that hides, 0 to 1.
    """
    return np.maximum(products_s, softmax_s) + (1.0 - overlap) * np.minimum(products_s, softmax_s)


def makespan(machine: GpuMachine, tiles: Tiles, block_s: Array, tile_s: float) -> tuple[Array, Array]:
    """Seconds until the last core is done, and waves of tiles.

    Args:
        machine: How many cores there are.
        tiles: How many tiles, and the blocks of the longest and the last.
        block_s: Seconds of one block of keys.
        tile_s: Seconds that a tile takes beside its blocks.
    """
    waves = np.ceil(tiles.number / machine.num_cores)
    unfilled = np.where(waves > 1.0, waves - tiles.number / machine.num_cores, 0.0)
    mean_s = (tiles.blocks * block_s + tiles.number * tile_s) / machine.num_cores
    busy_s = mean_s + unfilled * (tiles.last * block_s + tile_s)
    return np.maximum(busy_s, tiles.longest * block_s + tile_s), waves


def tiles_of(library: Tiling, shapes: AttentionShapes) -> Tiles:
    """The tiles of an array of attentions and the key blocks each walks over.

    A tile of queries ``[i, i + queries / share)`` sees keys up to its last query and, with a window, from its first
    query's window on; ``share`` heads lie in it.

    Args:
        library: How the kernels cut queries and keys.
        shapes: The attentions. Arrays of one length.
    """
    x = shapes
    share = x.heads / x.kv_heads if library.packs_queries else np.ones_like(x.heads)
    queries, keys = library.extents(x.head_dim, x.q_len * share)
    per_head = np.ceil(x.q_len * share / queries)
    index = np.arange(int(per_head.max()), dtype=np.float64)[:, None]
    first = np.minimum(np.floor(index * queries / share), x.q_len)
    last = np.minimum(np.ceil((index + 1.0) * queries / share), x.q_len)
    stop = np.where(x.causal > 0, x.kv_len - x.q_len + last, x.kv_len)
    start = np.where(x.causal > 0, x.kv_len - x.q_len + first + 1.0, x.kv_len) - x.window
    start = np.where(x.window > 0, np.maximum(start, 0.0), 0.0)
    seen = np.ceil(stop / keys) - np.floor(start / keys)
    exists = index < per_head
    heads = x.batch * x.heads / share
    return library.arrange(queries, keys, per_head, np.where(exists, seen, 0.0), exists, heads)
