"""Matrix multiply on a GPU: candidate tiles x split-K, each priced in waves of tiles; the fastest candidate wins.

A kernel covers the result with tiles of ``rows x cols``, one per core at a time, and may split the contraction into
``splits`` parts that a second step adds.  ``ceil(tiles x splits / cores)`` waves run one after the other::

    launch | wave: prologue, k-loop ... | wave ... | last wave, results written | reduction of split-K

The k-loop advances by blocks of :data:`K_BLOCK_BYTES` and is as slow as the slowest of: matrix units, latency of one
block, the L2 (every tile loads its operands from it; a core gets its equal share of the bandwidth, no more), and the
main memory (operands not in the L2, re-read when the working set of a band of tiles exceeds it).  A share of the
prologue and of the writes is not hidden behind other waves.

Not modelled: clock changes under the power limit, imperfect choices of a library's heuristics, tile order beyond
square bands, bank conflicts, misaligned extents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.fitting import largest_of
from accelsim.cost.gpu.machine import Array, GpuMachine

#: Bytes of one operand row a k-loop step covers: a 128-byte line, 64 elements of 16 bit.
K_BLOCK_BYTES = 128
#: Largest result tile of one core in elements: its fp32 accumulators take half of a 256 KiB register file.
MAX_TILE_ELEMENTS = 128 * 256
#: Candidate divisions of the contraction.
SPLITS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
#: Sharpness of the maximum over overlapping resources (a p-norm): two equal ones cost 9 % more than one alone.
OVERLAP_NORM = 8.0
#: Rate of results into the L2, as a share of the published (read) bandwidth of the L2.
L2_STORE_SHARE = 0.5
#: Width of the widest load of one thread.
ALIGNMENT_BYTES = 16
_ACCUMULATOR_BYTES = 4
_CHUNK_CANDIDATES = 32_000  # priced at a time: temporaries of 256 kB stay in a cache


@dataclass(frozen=True, slots=True)
class GemmParameters:
    """Calibrated numbers of the GEMM kernels of one library on one chip, for one family of element types.

    Attributes:
        launch_s: Graph-replayed kernel to kernel time of an empty kernel.
        wave_s: Prologue and epilogue of one wave (first loads, last stores).
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
        single_row_s: What a product of a single row takes more, where the library has a path of its own for it.
        quantize_launch_s: Launches of the kernels that quantise the activations of a narrow type.
        quantize_row_s: Time of one row in them, one after the other.
        quantize_efficiency: Share of the published bandwidths they reach.
    """

    largest: ClassVar[Mapping[str, float]] = largest_of("gemm")

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
    single_row_s: float = 0.0
    quantize_launch_s: float = 0.0
    quantize_row_s: float = 0.0
    quantize_efficiency: float = 1.0


class GemmTimes(NamedTuple):
    """Seconds and bytes of an array of products; every field has one entry per product.

    ``launch_s + latency_s + compute_s + l2_s + hbm_s == total_s``.
    """

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array
    tile_rows: Array
    tile_cols: Array
    splits: Array
    waves: Array


class _Shapes(NamedTuple):
    """One row per product, one column per candidate after broadcasting."""

    m: Array
    n: Array
    k: Array
    batch: Array
    element_bytes: Array
    result_bytes: Array
    core_flops_per_s: Array
    a_cached: Array
    b_cached: Array
    c_cached: Array


def gemm_times(
    machine: GpuMachine,
    parameters: GemmParameters,
    m: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    *,
    core_flops_per_s: ArrayLike,
    batch: ArrayLike = 1,
    element_bytes: ArrayLike = 2.0,
    result_bytes: ArrayLike | None = None,
    a_cached: ArrayLike = 0.0,
    b_cached: ArrayLike = 0.0,
    c_cached: ArrayLike = 0.0,
) -> GemmTimes:
    """Time of ``C[batch, m, n] = A[batch, m, k] @ B[batch, k, n]`` for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        m: Rows of one result.
        n: Columns of one result.
        k: Contracted extent.
        core_flops_per_s: Published matrix peak of one core for the element type.
        batch: Independent products.
        element_bytes: Bytes of an element of ``A`` and ``B``.
        result_bytes: Bytes of an element of ``C``; default ``element_bytes``.
        a_cached: Share of ``A`` already in the L2, 0 to 1.
        b_cached: Share of ``B`` already in the L2, 0 to 1.
        c_cached: Share of ``C`` that stays in the L2 instead of being written to main memory, 0 to 1.
    """
    elements = element_bytes if result_bytes is None else result_bytes
    given = (m, n, k, batch, element_bytes, elements, core_flops_per_s, a_cached, b_cached, c_cached)
    arrays = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in given))
    rows, cols, splits = _candidates(parameters)
    step = max(1, _CHUNK_CANDIDATES // rows.size)
    chunks = [
        _price(machine, parameters, _Shapes(*(v[i : i + step, None] for v in arrays)), rows, cols, splits)
        for i in range(0, arrays[0].size, step)
    ]
    return GemmTimes(*(np.concatenate(field) for field in zip(*chunks, strict=True)))


def _candidates(parameters: GemmParameters) -> tuple[Array, Array, Array]:
    """Tile rows, tile columns and splits of every candidate, as rows of one line each."""
    table = [
        (rows, cols, splits)
        for rows in parameters.tile_rows
        for cols in parameters.tile_cols
        if rows * cols <= MAX_TILE_ELEMENTS
        for splits in SPLITS
        if splits <= parameters.max_splits
    ]
    rows, cols, splits = np.array(table, dtype=np.float64).T[:, None, :]
    return rows, cols, splits


def _price(machine: GpuMachine, p: GemmParameters, x: _Shapes, rows: Array, cols: Array, splits: Array) -> GemmTimes:
    """Price all candidates for a chunk of shapes and keep the fastest of each."""
    k_step = K_BLOCK_BYTES / x.element_bytes
    k_part = np.ceil(x.k / splits)
    blocks = np.ceil(k_part / k_step)
    tiles = np.ceil(x.m / rows) * np.ceil(x.n / cols) * x.batch
    waves = np.ceil(tiles * splits / machine.num_cores)
    active = np.minimum(tiles * splits, machine.num_cores)

    is_aligned = (x.n * x.element_bytes % ALIGNMENT_BYTES == 0) & (x.k * x.element_bytes % ALIGNMENT_BYTES == 0)
    rate = x.core_flops_per_s * p.matrix_efficiency * np.where(is_aligned, 1.0, p.misaligned_efficiency)
    block_s = np.maximum(2.0 * rows * cols * k_step / rate, p.k_block_s)
    compute_s = waves * blocks * block_s
    l2_bytes = tiles * splits * (np.minimum(rows, x.m) + np.minimum(cols, x.n)) * k_part * x.element_bytes
    l2_bandwidth = machine.l2_bandwidth_bytes_per_s * p.l2_efficiency
    l2_s = l2_bytes * machine.num_cores / (l2_bandwidth * active)
    a_bytes, b_bytes = _main_memory_reads(machine, x, rows, cols, k_part)
    hbm_bandwidth = machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency
    read_s = (a_bytes + b_bytes) / hbm_bandwidth
    write_bytes = x.batch * x.m * x.n * x.result_bytes
    written_bytes = write_bytes * (1.0 - x.c_cached)
    store_bandwidth = machine.l2_bandwidth_bytes_per_s * L2_STORE_SHARE
    write_s = written_bytes / hbm_bandwidth + write_bytes * x.c_cached / store_bandwidth

    powers = [np.square(np.square(np.square(part))) for part in (compute_s * 1e3, l2_s * 1e3, read_s * 1e3)]
    power = powers[0] + powers[1] + powers[2]
    loop_s = np.sqrt(np.sqrt(np.sqrt(power))) * 1e-3
    exposed = p.serial_fraction + (1.0 - p.serial_fraction) / np.maximum(1.0, tiles * splits / machine.num_cores)
    body_s = np.maximum(loop_s + exposed * write_s, read_s + write_s)
    latency_s = p.wave_s * (1.0 + p.serial_fraction * (waves - 1.0))
    partial_bytes = 2.0 * _ACCUMULATOR_BYTES * splits * x.batch * x.m * x.n * (splits > 1)
    latency_s = latency_s + p.split_k_s * (splits > 1) + p.single_row_s * (x.m == 1.0)
    total_s = p.launch_s + latency_s + body_s + partial_bytes / l2_bandwidth
    refused = (splits > 1) & (x.k < 2.0 * splits * k_step)
    if p.follows_rows:
        heights = np.array(sorted(p.tile_rows), dtype=np.float64)
        covering = heights[np.minimum(np.searchsorted(heights, x.m), heights.size - 1)]
        refused = refused | (rows != covering)
    total_s = np.where(refused, np.inf, total_s)

    best = np.argmin(total_s, axis=1)[:, None]

    def pick(values: Array) -> Array:
        return np.take_along_axis(np.broadcast_to(values, total_s.shape), best, axis=1)[:, 0]

    total, latency, loop, partial = pick(total_s), pick(latency_s), pick(loop_s), pick(partial_bytes / l2_bandwidth)
    norm = pick(power)
    compute = loop * pick(powers[0]) / norm
    l2 = loop * pick(powers[1]) / norm + partial
    return GemmTimes(
        total_s=total,
        launch_s=np.full_like(total, p.launch_s),
        latency_s=latency,
        compute_s=compute,
        l2_s=l2,
        hbm_s=total - p.launch_s - latency - compute - l2,
        l2_bytes=pick(l2_bytes + partial_bytes + write_bytes),
        hbm_bytes=pick(a_bytes + b_bytes + written_bytes),
        tile_rows=pick(rows),
        tile_cols=pick(cols),
        splits=pick(splits),
        waves=pick(waves),
    )


def _main_memory_reads(machine: GpuMachine, x: _Shapes, rows: Array, cols: Array, k_part: Array) -> tuple[Array, Array]:
    """Bytes of ``A`` and ``B`` read from main memory.

    The tiles that run together form a nearly square block of the result; blocks march down a band of columns.  The
    columns of ``B`` under the band stay in the L2 while they and the rows of ``A`` of one block fit; ``A`` is read
    again for every band unless all of it fits beside them.
    """
    grid_rows, grid_cols = np.ceil(x.m / rows), np.ceil(x.n / cols)
    block_rows = np.clip(np.sqrt(machine.num_cores * cols / rows), 1.0, grid_rows)
    block_cols = np.clip(machine.num_cores / block_rows, 1.0, grid_cols)
    row_bytes = k_part * x.element_bytes
    band_bytes = np.minimum(block_cols * cols, x.n) * row_bytes
    block_bytes = np.minimum(block_rows * rows, x.m) * row_bytes
    a_bytes = x.batch * x.m * x.k * x.element_bytes
    b_bytes = x.batch * x.n * x.k * x.element_bytes
    a_passes = np.where(x.m * row_bytes + band_bytes <= machine.l2_capacity_bytes, 1.0, grid_cols / block_cols)
    b_passes = np.where(block_bytes + band_bytes <= machine.l2_capacity_bytes, 1.0, grid_rows / block_rows)
    return a_bytes * (a_passes - x.a_cached), b_bytes * (b_passes - x.b_cached)
