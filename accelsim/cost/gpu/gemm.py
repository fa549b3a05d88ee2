"""Matrix multiply on a GPU: candidate tiles x split-K, each priced in waves of tiles; the fastest candidate wins.

A kernel covers the result with tiles of ``rows x cols``, one per core at a time, and may split the contraction into
``splits`` parts that a second step adds.  ``ceil(tiles x splits / cores)`` waves run one after the other::

    launch | wave: first block, k-loop ... | wave ... | last wave, results written | reduction of split-K

The k-loop advances by blocks of :data:`K_BLOCK_BYTES` and is as slow as the slowest of: matrix units, latency of one
block, the L2 (every tile loads its operands from it through its core's port), and the main memory.  Tiles that run
together share what they load while the L2 holds it; without an L2 every tile's operands come from main memory.  Nothing
hides the first block of a wave, the results of its tiles, and a share of the rest of its prologue and writes.

More of a resource never makes a product slower: ports, L2 capacity and bandwidth, main memory.  More cores do so where
fewer waves are left to hide the results of others behind: results that cost as much as the loop may then lose time.

Not modelled: imperfect choices of a library's heuristics, bank conflicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.gpu.gemm_shapes import GemmShapes, GemmTimes
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Bytes of one operand row a k-loop step covers: a 128-byte line, 64 elements of 16 bit.
K_BLOCK_BYTES = 128
#: Largest result tile of one core in elements: its fp32 accumulators take half of a 256 KiB register file.
MAX_TILE_ELEMENTS = 128 * 256
#: Candidate divisions of the contraction.
SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: A product of so many waves of its largest tiles is not divided: idle cores of the last one are few.
MAX_SPLIT_WAVES = 4
#: Sharpness of the maximum over overlapping resources (a p-norm): two equal ones cost 9 % more than one alone.
OVERLAP_NORM = 8.0
#: Rate of results into the L2, as a share of the published (read) bandwidth of the L2.
L2_STORE_SHARE = 0.5
#: Bytes of a row of an operand between the first and the last of the tiles that run together: what the L2 must hold for
#: them to share it.  Eight k-loop steps: a tile loads four ahead (128 KiB of shared memory for 256 rows and columns).
SHARED_WINDOW_BYTES = 8 * K_BLOCK_BYTES
#: Rows of an operand that must fit the L2 for a band of it to stay there: those of a middling tile.
LEAST_BAND = 64
#: Width of the widest load of one thread.
ALIGNMENT_BYTES = 16
_ACCUMULATOR_BYTES = 4
_CHUNK_CANDIDATES = 32_000  # priced at a time: temporaries of 256 kB stay in a cache


@dataclass(frozen=True, slots=True)
class GemmParameters:
    """Calibrated numbers of the GEMM kernels of one library on one chip, for one family of element types.

    Attributes:
        launch_s: Graph-replayed kernel to kernel time of an empty kernel.
        wave_s: Latencies of the prologue and the epilogue of one wave.
        k_block_s: Least time of one k-loop step, from latencies.
        matrix_efficiency: Share of the published matrix peak a full tile sustains (clocks, power, issue).
        hbm_efficiency: Share of the published memory bandwidth long streams reach.
        l2_efficiency: L2-to-core throughput over the published one; above 1 where cores share loads (multicast).
        split_k_s: Fixed cost of adding the parts of a split contraction.
        serial_fraction: Share of a wave's prologue and result writes that other waves do not hide; 1 without overlap.
        tile_rows: Tile heights (along m) of the library, in elements.
        tile_cols: Tile widths (along n).
        max_splits: Into how many parts the library divides the contraction at most.
        follows_rows: Whether the library takes the least tile height that covers m (else its tallest) instead of the
            fastest one.
        misaligned_efficiency: Matrix rate of products whose rows of ``B`` or of ``A`` are no multiple of
            :data:`ALIGNMENT_BYTES`, over that of the others.
        page_reach_bytes: Span of addresses whose pages a core translates without a miss.
        page_miss_s: Time of one translation that misses; every row of a block is one.
        single_row_s: What a product of a single row takes more, where the library has a path of its own for it.
        quantize_launch_s: Launches of the kernels that quantise the activations of a narrow type.
        quantize_row_s: Time of one row in them, one after the other.
        quantize_efficiency: Share of the published bandwidths they reach.
        call_s: Least time of a product whose kernels the host issues one by one: the device works behind it.
    """

    #: Above 1: clocks above the published one; loads that cores share (multicast).
    largest: ClassVar[Mapping[str, float]] = {
        "matrix_efficiency": 1.08,
        "l2_efficiency": 2.0,
        "tile_rows": 4096,
        "tile_cols": 4096,
        "max_splits": 1024,
    }

    launch_s: float
    wave_s: float
    k_block_s: float
    matrix_efficiency: float
    hbm_efficiency: float
    l2_efficiency: float
    split_k_s: float
    serial_fraction: float
    tile_rows: tuple[int, ...] = (16, 32, 64, 128, 256)
    tile_cols: tuple[int, ...] = (32, 64, 128, 256)
    max_splits: int = 32
    follows_rows: bool = False
    misaligned_efficiency: float = 1.0
    page_reach_bytes: float = np.inf
    page_miss_s: float = 0.0
    single_row_s: float = 0.0
    quantize_launch_s: float = 0.0
    quantize_row_s: float = 0.0
    quantize_efficiency: float = 1.0
    call_s: float = 0.0

    def __post_init__(self) -> None:
        check_tiles(self.tile_rows, self.tile_cols)


def check_tiles(rows: tuple[int, ...], cols: tuple[int, ...]) -> None:
    """Refuse tiles of which not even the smallest has room in a core.

    Args:
        rows: Tile heights.
        cols: Tile widths.

    Raises:
        ValueError: There is none, or the smallest is too large.
    """
    if not rows or not cols or not 0 < min(rows) * min(cols) <= MAX_TILE_ELEMENTS:
        raise ValueError(
            f"tile_rows={list(rows)} and tile_cols={list(cols)} leave no tile from 1 to {MAX_TILE_ELEMENTS} elements, "
            "which the registers of a core hold. Give smaller ones."
        )


def gemm_times(machine: GpuMachine, parameters: GemmParameters, shapes: GemmShapes) -> GemmTimes:
    """Time of each product by its fastest kernel.

    Args:
        machine: What the kernels run on.
        parameters: Calibration.
        shapes: The products.
    """
    x = shapes
    every = _tiles(parameters)
    largest = max(rows * cols for rows, cols in every)
    is_divided = x.m * x.n * x.batch < MAX_SPLIT_WAVES * machine.num_cores * largest
    heights = _heights_worth_trying(parameters, x.m)
    chunks: list[tuple[NDArray[np.intp], GemmTimes]] = []
    for tallest, divides in sorted(set(zip(heights.tolist(), is_divided.tolist(), strict=True))):
        tiles = [tile for tile in every if tile[0] <= tallest]
        splits = [count for count in SPLITS if count <= (parameters.max_splits if divides else 1)]
        step = max(1, _CHUNK_CANDIDATES // (len(tiles) * len(splits)))
        chosen = np.flatnonzero((heights == tallest) & (is_divided == divides))
        for index in (chosen[i : i + step] for i in range(0, chosen.size, step)):
            part = GemmShapes(*(v[index, None, None] for v in x))
            kernels = _fastest(machine, parameters, part, tiles, splits)
            chunks.append((index, _times(machine, parameters, part, kernels)))
    order = np.argsort(np.concatenate([index for index, _ in chunks]))
    fields = zip(*(times for _, times in chunks), strict=True)
    return GemmTimes(*(np.concatenate(parts)[order] for parts in fields))


def _tiles(parameters: GemmParameters) -> list[tuple[int, int]]:
    """Rows and columns of every tile."""
    return [
        (rows, cols)
        for rows in parameters.tile_rows
        for cols in parameters.tile_cols
        if rows * cols <= MAX_TILE_ELEMENTS
    ]


def _heights_worth_trying(parameters: GemmParameters, m: Array) -> Array:
    """Tallest tile that may be the fastest for each product.

    Of tiles that cover all rows the lowest wins: a taller one computes more and shares less, at the same loads.
    Heights are told in steps of a factor of two in their number, so that few groups of products are priced.
    """
    heights = np.array(sorted(parameters.tile_rows), dtype=np.float64)
    needed = np.minimum(np.searchsorted(heights, m) + 1, heights.size)
    kept = np.minimum(2 ** np.ceil(np.log2(needed)).astype(np.int64), heights.size)
    return np.asarray(heights[kept - 1])


class _Kernels(NamedTuple):
    """Tiles and splits; arrays that broadcast to ``[product, tile, splits]``."""

    rows: Array
    cols: Array
    splits: Array


class _Loop(NamedTuple):
    """The k-loops of all waves, before what nothing hides; arrays as those of the kernels."""

    compute_s: Array
    l2_s: Array
    read_s: Array
    l2_bytes: Array
    operand_bytes: Array
    waves: Array
    wave_share: Array


class _Price(NamedTuple):
    """Time of kernels, and what it is made of."""

    total_s: Array
    latency_s: Array
    loop_s: Array
    partial_s: Array
    partial_bytes: Array
    written_bytes: Array
    loop: _Loop


def _fastest(
    machine: GpuMachine, p: GemmParameters, x: GemmShapes, tiles: list[tuple[int, int]], counts: list[int]
) -> _Kernels:
    """The fastest kernel of each product.

    Compared in single precision, in half the time: kernels that differ by less than 1e-6 are equally good.
    """
    rows, cols = _single(np.array(tiles).T)
    splits = _single(np.array(counts))
    every = _Kernels(rows[None, :, None], cols[None, :, None], splits[None, None, :])
    single = GemmShapes(*(_single(values) for values in x))
    total_s = np.where(_is_refused(p, single, every), np.inf, _price(machine, p, single, every).total_s)
    tile, split = np.divmod(np.argmin(total_s.reshape(len(total_s), -1), axis=1), splits.size)
    best = (rows[tile], cols[tile], splits[split])
    return _Kernels(*(values.astype(np.float64)[:, None, None] for values in best))


def _single(values: NDArray[Any]) -> Array:
    """The same in single precision (arrays are annotated as double throughout)."""
    return np.asarray(values, dtype=np.float32)


def _times(machine: GpuMachine, p: GemmParameters, x: GemmShapes, kernels: _Kernels) -> GemmTimes:
    """All of one kernel per product."""
    price = _price(machine, p, x, kernels)
    loop = price.loop
    parts = [_eighth_power(part / price.loop_s) for part in (loop.compute_s, loop.l2_s)]
    compute_s, l2_s = (price.loop_s * part for part in parts)
    l2_s = l2_s + price.partial_s
    launch_s = np.full_like(price.total_s, p.launch_s)
    hit_bytes = price.partial_bytes * machine.cached_fraction(price.partial_bytes / 2.0)
    times = GemmTimes(
        total_s=price.total_s,
        launch_s=launch_s,
        latency_s=price.latency_s,
        compute_s=compute_s,
        l2_s=l2_s,
        hbm_s=price.total_s - launch_s - price.latency_s - compute_s - l2_s,
        l2_bytes=loop.l2_bytes + price.partial_bytes + x.batch * x.m * x.n * x.result_bytes,
        hbm_bytes=loop.operand_bytes + price.written_bytes + price.partial_bytes - hit_bytes,
        tile_rows=kernels.rows,
        tile_cols=kernels.cols,
        splits=kernels.splits,
        waves=loop.waves,
    )
    return GemmTimes(*(values[:, 0, 0] for values in times))


def _price(machine: GpuMachine, p: GemmParameters, x: GemmShapes, kernels: _Kernels) -> _Price:
    """Time of kernels, in the precision of the arrays given."""
    rows, cols, splits = kernels
    loop = _loop(machine, p, x, kernels)
    hbm_bandwidth = machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency
    write_bytes = x.batch * x.m * x.n * x.result_bytes
    written_bytes = write_bytes * (1.0 - x.c_cached)
    store_bandwidth = machine.l2_bandwidth_bytes_per_s * L2_STORE_SHARE
    write_s = written_bytes / hbm_bandwidth + write_bytes * x.c_cached / store_bandwidth
    loop_s = _overlapped(loop.compute_s, loop.l2_s, loop.read_s)
    exposed_s = p.serial_fraction * write_s + ((1.0 - p.serial_fraction) * write_s) * loop.wave_share
    body_s = np.maximum(loop_s + exposed_s, loop.read_s + write_s)

    port_bandwidth = machine.core_port_bytes_per_s * p.l2_efficiency
    first_bytes = (rows * x.a_element_bytes + cols * x.b_element_bytes) * (K_BLOCK_BYTES / x.element_bytes)
    wave_s = p.wave_s + (first_bytes + rows * cols * x.result_bytes) / port_bandwidth
    is_divided = (splits > 1).astype(splits.dtype)
    fixed_s = p.split_k_s * is_divided + p.single_row_s * (x.m == 1.0).astype(x.m.dtype)
    latency_s = wave_s * (1.0 - p.serial_fraction + p.serial_fraction * loop.waves) + fixed_s
    part_bytes = _ACCUMULATOR_BYTES * splits * is_divided * x.batch * x.m * x.n
    hit = machine.cached_fraction(part_bytes).astype(part_bytes.dtype)
    l2_bandwidth = machine.l2_bandwidth_bytes_per_s * p.l2_efficiency
    partial_s = 2.0 * part_bytes * (hit / l2_bandwidth + (1.0 - hit) / hbm_bandwidth)
    total_s = body_s + latency_s + (p.launch_s + partial_s)
    return _Price(total_s, latency_s, loop_s, partial_s, 2.0 * part_bytes, written_bytes, loop)


def _overlapped(*parts: Array) -> Array:
    """A soft maximum: the norm of order :data:`OVERLAP_NORM` along the last axis of ``[product, tile, splits]``."""
    scale = np.maximum.reduce([np.min(part, axis=(1, 2), keepdims=True) for part in parts])
    with np.errstate(over="ignore"):  # a kernel that is 1e4 times too slow may be infinitely slow in single precision
        power = sum(_eighth_power(part / scale) for part in parts)
    return np.asarray(scale * np.sqrt(np.sqrt(np.sqrt(power))))


def _eighth_power(values: Array) -> Array:
    """By products alone."""
    power = np.square(values)
    np.square(power, out=power)
    return np.square(power, out=power)


def _loop(machine: GpuMachine, p: GemmParameters, x: GemmShapes, kernels: _Kernels) -> _Loop:
    """What each resource needs for the k-loops."""
    rows, cols, splits = kernels
    k_step = K_BLOCK_BYTES / x.element_bytes
    k_part = np.ceil(x.k / splits)
    grid = np.ceil(x.m / rows) * np.ceil(x.n / cols) * x.batch
    tiles = grid * splits
    waves = np.ceil(tiles / machine.num_cores)
    is_aligned = (x.n * x.element_bytes % ALIGNMENT_BYTES == 0) & (x.k * x.element_bytes % ALIGNMENT_BYTES == 0)
    share = np.where(is_aligned, p.matrix_efficiency, p.matrix_efficiency * p.misaligned_efficiency)
    rate = x.core_flops_per_s * share.astype(x.m.dtype)
    missed = 1.0 - np.minimum(1.0, p.page_reach_bytes / ((rows + cols) * x.k * x.element_bytes))
    issued_s = np.maximum(2.0 * rows * cols * k_step / rate, cols * k_step * x.unpack_s)
    block_s = np.maximum(issued_s, p.k_block_s) + (rows + cols) * missed * p.page_miss_s
    side_bytes = grid * (np.minimum(rows, x.m) * x.a_element_bytes + np.minimum(cols, x.n) * x.b_element_bytes)
    l2_bytes = side_bytes * (splits * k_part)
    port_bytes_per_s = machine.core_port_bytes_per_s * np.minimum(tiles, machine.num_cores)
    l2_bytes_per_s = p.l2_efficiency * np.minimum(machine.l2_bandwidth_bytes_per_s, port_bytes_per_s)
    operand_bytes = _main_memory_reads(machine, x, kernels, k_part)
    return _Loop(
        compute_s=waves * (np.ceil(k_part / k_step) * block_s),
        l2_s=l2_bytes / l2_bytes_per_s,
        read_s=operand_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency),
        l2_bytes=l2_bytes,
        operand_bytes=operand_bytes,
        waves=waves,
        wave_share=machine.num_cores / np.maximum(machine.num_cores, tiles),
    )


def _is_refused(p: GemmParameters, x: GemmShapes, kernels: _Kernels) -> NDArray[np.bool_]:
    """Parts of under two k-loop steps, and tiles that the library does not take."""
    refused = (kernels.splits > 1) & (x.k < 2.0 * kernels.splits * K_BLOCK_BYTES / x.element_bytes)
    if p.follows_rows:
        heights = np.array(sorted(p.tile_rows), dtype=np.float64)
        covering = heights[np.minimum(np.searchsorted(heights, x.m), heights.size - 1)]
        refused = refused | (kernels.rows != covering)
    return np.asarray(refused)


def _main_memory_reads(machine: GpuMachine, x: GemmShapes, kernels: _Kernels, k_part: Array) -> Array:
    """Bytes of both operands read from main memory, by the best of three orders of the tiles.

    1. The tiles that run together form a block of the result, as nearly square as the grid allows, and share what they
       load; the next block loads anew.  A block is no larger than the L2 can serve: rows and columns of it times
       :data:`SHARED_WINDOW_BYTES`.
    2. Columns of ``B`` that fill the L2 stay there while all of ``A`` passes; ``B`` is read once, ``A`` once per band.
    3. The same with ``A`` and ``B`` exchanged.

    What was in the L2 before the product started is not read.
    """
    rows, cols, _ = kernels
    capacity = machine.l2_capacity_bytes
    grid_rows, grid_cols = np.ceil(x.m / rows), np.ceil(x.n / cols)
    side = capacity / (2.0 * SHARED_WINDOW_BYTES * np.sqrt(rows * cols))  # of a square block, in tiles
    block_tiles = np.clip(np.square(side), 1.0, machine.num_cores)
    block_rows = np.clip(np.sqrt(block_tiles * cols / rows), 1.0, grid_rows)
    block_cols = np.clip(block_tiles / block_rows, 1.0, grid_cols)
    row_bytes, col_bytes = k_part * x.a_element_bytes, k_part * x.b_element_bytes
    a_bytes = x.batch * x.m * x.k * x.a_element_bytes
    b_bytes = x.batch * x.n * x.k * x.b_element_bytes
    by_block = a_bytes * (grid_cols / block_cols) + b_bytes * (grid_rows / block_rows)
    kept_b = a_bytes * np.maximum(1.0, x.n * col_bytes / capacity) + b_bytes
    kept_a = b_bytes * np.maximum(1.0, x.m * row_bytes / capacity) + a_bytes
    kept = np.minimum(
        np.where(LEAST_BAND * row_bytes <= capacity, kept_a, np.inf),
        np.where(LEAST_BAND * col_bytes <= capacity, kept_b, np.inf),
    )
    cached_bytes = a_bytes * x.a_cached + b_bytes * x.b_cached
    return np.asarray(np.minimum(by_block - cached_bytes, kept - cached_bytes))
