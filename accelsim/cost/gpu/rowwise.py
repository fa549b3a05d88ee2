"""Row-wise kernels on a GPU: norms, softmax, activations, rotary embedding, addition, lookup, quantisation.

Their arithmetic hides behind their bytes, so time is that of the slowest of: main memory, L2, and waves of thread
blocks that each load and store at a limited rate (one block per row for kernels that take rows as a whole)::

    launch | least duration of a kernel | max(main memory, L2, waves of blocks)

A row that exceeds the shared memory of a core is read once more from the L2 or the main memory per extra pass.

Not modelled: vector instructions (exponentials of short rows), misaligned widths, fusion with neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.machine import Array, GpuMachine

#: Elements of one thread block where it does not take a whole row, and blocks one core runs at a time.
ELEMENTS_PER_BLOCK = 2048
BLOCKS_PER_CORE = 2


@dataclass(frozen=True, slots=True)
class RowwiseParameters:
    """Calibrated numbers of the row-wise kernels.

    Attributes:
        launch_s: Graph-replayed kernel to kernel time of an empty kernel.
        kernel_s: Least duration of a kernel that does anything, from latencies.
        hbm_efficiency: Share of the published memory bandwidth.
        l2_efficiency: Share of the published L2 bandwidth.
        block_bandwidth_bytes_per_s: What one thread block moves at most, from bytes in flight over latency.
    """

    launch_s: float
    kernel_s: float
    hbm_efficiency: float
    l2_efficiency: float
    block_bandwidth_bytes_per_s: float


class RowwiseTimes(NamedTuple):
    """Seconds and bytes of an array of row-wise operators; the parts sum to ``total_s``."""

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array


def rowwise_times(
    machine: GpuMachine,
    parameters: RowwiseParameters,
    rows: ArrayLike,
    width: ArrayLike,
    read_bytes: ArrayLike,
    write_bytes: ArrayLike,
    *,
    whole_rows: ArrayLike = False,
    passes: ArrayLike = 1,
    row_bytes: ArrayLike = 0.0,
    cached: ArrayLike = 0.0,
) -> RowwiseTimes:
    """Time of row-wise operators, for arrays of shapes.

    Args:
        machine: What the kernel runs on.
        parameters: Calibration.
        rows: Rows of the result.
        width: Elements of one row of the result.
        read_bytes: Bytes of all operands, each once.
        write_bytes: Bytes of all results.
        whole_rows: Whether one block works on a row as a whole (norm, softmax, gated activations, rope).
        passes: Readings of a row that does not fit one core's shared memory.
        row_bytes: Bytes of one row that passes reread.
        cached: Share of operands and results that stays in the L2, 0 to 1.
    """
    p = parameters
    given = (rows, width, read_bytes, write_bytes, whole_rows, passes, row_bytes, cached)
    m, n, reads, writes, by_row, repeats, row, hit = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in given)
    )
    extra = np.where(row > machine.sram_per_core_bytes, (repeats - 1.0) * row * m, 0.0)
    moved = reads + writes + extra
    blocks = np.where(by_row > 0, m, np.ceil(m * n / ELEMENTS_PER_BLOCK))
    waves = np.ceil(blocks / (machine.num_cores * BLOCKS_PER_CORE))
    blocks_s = waves * moved / blocks / p.block_bandwidth_bytes_per_s
    hbm_bytes = (reads + writes) * (1.0 - hit) + extra * (1.0 - machine.cached_fraction(extra))
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    l2_s = moved / (machine.l2_bandwidth_bytes_per_s * p.l2_efficiency)
    parts = np.stack([blocks_s, l2_s, hbm_s])
    body_s, slowest = parts.max(axis=0), parts.argmax(axis=0)
    launch, latency = np.full_like(body_s, p.launch_s), np.full_like(body_s, p.kernel_s)
    compute, l2, hbm = (np.where(slowest == i, body_s, 0.0) for i in range(3))
    return RowwiseTimes(launch + latency + body_s, launch, latency, compute, l2, hbm, moved, hbm_bytes)
