"""Row-wise kernels on a GPU: norms, softmax, activations, rotary embedding, addition, lookup, quantisation.

Their arithmetic hides behind their bytes, so time is that of main memory, of the load and store paths of the cores, or
of waves of thread blocks that each move bytes at a limited rate (one block per row where a kernel takes rows as a
whole), whichever is slowest; in some kernels two that are equal cost more than one alone (``overlap_norm``)::

    launch | least duration of a kernel | norm(main memory, cores, waves of blocks)

A kernel that passes over its rows more than once (norm, softmax) reads them again from the L2, or from main memory
as far as the rows in flight exceed the L2.

Not modelled: vector instructions (exponentials of short rows), misaligned widths, fusion with neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.launches import KernelTimes
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.cost.gpu.shapes import Shapes

#: Elements of one thread block where it does not take a whole row.
ELEMENTS_PER_BLOCK = 2048
#: Threads of a block at most (one per element of a row), of a full core, and blocks a core holds at most.
BLOCK_THREADS = 1024
CORE_THREADS = 2048
BLOCKS_PER_CORE = 16
#: How often a kernel reads its rows where that is more than once: norms for the statistics and the result, softmax for
#: the maximum, the sum and the result.
PASSES = {"layernorm": 2.0, "rmsnorm": 2.0, "softmax": 3.0}
#: Threads of a block of a framework's layernorm.
LAYERNORM_THREADS = 128
#: Rows up to this width a framework's softmax keeps in registers, one warp each, so that one pass is enough.
WARP_SOFTMAX_WIDTH = 1024


@dataclass(frozen=True, slots=True)
class RowwiseParameters:
    """Calibrated numbers of the row-wise kernels of one make.

    Attributes:
        launch_s: Graph-replayed kernel to kernel time of an empty kernel.
        kernel_s: Least duration of a kernel that does anything, from latencies.
        hbm_efficiency: Share of the published memory bandwidth.
        core_bandwidth_bytes_per_s: What one full core moves at most.
        block_bandwidth_bytes_per_s: What one thread block moves at most, from bytes in flight over latency.
        gather_s: Further latency of kernels that look a place up before they can load from it (rope: the position of a
            token, then its row of sines).
        overlap_norm: How sharply the slowest resource decides: infinite for the slowest alone; with 4 two that are
            equal cost 19 % more than one.
    """

    launch_s: float
    kernel_s: float
    hbm_efficiency: float
    core_bandwidth_bytes_per_s: float
    block_bandwidth_bytes_per_s: float
    gather_s: float = 0.0
    overlap_norm: float = math.inf


@dataclass(frozen=True, slots=True)
class RowShapes(Shapes):
    """Row-wise operators, one entry each.

    Attributes:
        rows: Rows of the result.
        width: Elements of one row of the result.
        read_bytes: Bytes of all operands, each once.
        write_bytes: Bytes of all results.
        whole_rows: 1 where one block works on a row as a whole (norm, softmax, gated activations, rope); default 0.
        passes: How often the kernel reads its operands; default 1.
        block_threads: Threads of a block at most; default :data:`BLOCK_THREADS`.
        cached: Share of operands and results that stays in the L2, 0 to 1; default 0.
        gathers: 1 where the kernel looks a place up before it can load from it; default 0.
        shared_bytes: Of ``read_bytes`` what every block reads alike (the weights of a norm): part of the calibrated
            rate of a block, whose measured rows count activations alone; default 0.
    """

    defaults: ClassVar[Mapping[str, ArrayLike | str]] = {
        "whole_rows": 0.0,
        "passes": 1.0,
        "block_threads": BLOCK_THREADS,
        "cached": 0.0,
        "gathers": 0.0,
        "shared_bytes": 0.0,
    }

    rows: Array
    width: Array
    read_bytes: Array
    write_bytes: Array
    whole_rows: Array
    passes: Array
    block_threads: Array
    cached: Array
    gathers: Array
    shared_bytes: Array


def rowwise_times(machine: GpuMachine, parameters: RowwiseParameters, shapes: RowShapes) -> KernelTimes:
    """Time of row-wise operators.

    Args:
        machine: Cores, L2 and main memory that the kernels run on.
        parameters: The calibrated numbers of one make of kernels.
        shapes: The operators, one entry each.
    """
    p = parameters
    m, n, reads, writes, by_row, repeats, most, hit, looks_up, shared = shapes
    again = (repeats - 1.0) * reads
    moved = reads + writes + again
    blocks = np.where(by_row > 0, m, np.ceil(m * n / ELEMENTS_PER_BLOCK))
    threads = np.minimum(np.where(by_row > 0, n, most), most)
    resident = machine.num_cores * np.clip(np.floor(CORE_THREADS / threads), 1.0, BLOCKS_PER_CORE)
    in_flight = np.minimum(resident, blocks) * (reads + writes) / blocks
    hbm_bytes = (reads + writes) * (1.0 - hit) + again * (1.0 - machine.cached_fraction(in_flight))
    hbm_s = hbm_bytes / (machine.hbm_bandwidth_bytes_per_s * p.hbm_efficiency)
    cores_s = moved / (machine.num_cores * p.core_bandwidth_bytes_per_s)
    own_bytes = moved - repeats * shared
    blocks_s = np.ceil(blocks / resident) * own_bytes / blocks / p.block_bandwidth_bytes_per_s
    parts = np.stack([blocks_s, cores_s, hbm_s])
    slowest = parts.argmax(axis=0)
    body_s = np.linalg.norm(parts, ord=p.overlap_norm, axis=0)
    launch, latency = np.full_like(body_s, p.launch_s), p.kernel_s + p.gather_s * looks_up
    compute, l2, hbm = (np.where(slowest == i, body_s, 0.0) for i in range(3))
    return KernelTimes(launch + latency + body_s, launch, latency, compute, l2, hbm, moved, hbm_bytes)


def softmax_passes(width: ArrayLike) -> Array:
    """How often a framework's softmax reads rows of ``width`` elements."""
    return np.where(np.asarray(width) <= WARP_SOFTMAX_WIDTH, 1.0, PASSES["softmax"])
