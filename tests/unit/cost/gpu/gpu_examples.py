"""A small GPU whose numbers make hand arithmetic easy."""

from __future__ import annotations

from ideal import ideal
from numpy.typing import ArrayLike

from accelsim.cost.gpu import gemm, rowwise
from accelsim.cost.gpu.attention import PrefillParameters
from accelsim.cost.gpu.decode import DecodeParameters
from accelsim.cost.gpu.gemm import GemmParameters
from accelsim.cost.gpu.gemm_shapes import GemmShapes, GemmTimes
from accelsim.cost.gpu.launches import KernelTimes
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.cost.gpu.rowwise import RowShapes, RowwiseParameters

#: 10 cores, 1 MB of L2, 10 TB/s from L2, 1 TB/s into each core, 1 TB/s from main memory.
MACHINE = GpuMachine(
    num_cores=10, l2_capacity_bytes=1e6, sram_per_core_bytes=1e5,
    l2_bandwidth_bytes_per_s=1e13, core_port_bytes_per_s=1e12, hbm_bandwidth_bytes_per_s=1e12,
)  # fmt: skip
#: Peak of one core.
CORE_FLOPS_PER_S = 1e12
#: One tile shape, no overhead but 1 us of launch, everything at its peak.
GEMM = ideal(GemmParameters, launch_s=1e-6, k_block_s=1e-12, split_k_s=1.0, tile_rows=(128,), tile_cols=(128,))
PREFILL = ideal(PrefillParameters, launch_s=1e-6, append_s=1e-6)
DECODE = ideal(DecodeParameters, launch_s=1e-6, core_bandwidth_bytes_per_s=1e15, split_s=1.0)
ROWS = ideal(
    RowwiseParameters,
    launch_s=1e-6,
    kernel_s=1e-6,
    core_bandwidth_bytes_per_s=1e15,
    block_bandwidth_bytes_per_s=1e15,
)


def gemm_times(
    machine: GpuMachine, parameters: GemmParameters, m: ArrayLike, n: ArrayLike, k: ArrayLike, **columns: ArrayLike
) -> GemmTimes:
    """Times of products of these extents."""
    return gemm.gemm_times(machine, parameters, GemmShapes.of(m=m, n=n, k=k, **columns))


def rowwise_times(
    machine: GpuMachine, parameters: RowwiseParameters, *extents: ArrayLike, **columns: ArrayLike
) -> KernelTimes:
    """Times of row operators of so many rows, elements of a row, bytes read and bytes written."""
    names = ("rows", "width", "read_bytes", "write_bytes")
    shapes = RowShapes.of(**dict(zip(names, extents, strict=True)), **columns)
    return rowwise.rowwise_times(machine, parameters, shapes)
