"""Products on many small cores: the result is dealt to a grid of cores, operands are multicast along its lines.

``C[m, n] = A[m, k] B[k, n]`` on ``r x c`` of the cores: each has its share of the result in whole tiles and adds it up
in its SRAM over blocks of k; a block of A is read from memory once and sent along a row of the grid, one of B along a
column.  Results too large for the SRAM are done in several blocks, and operands are read again for each::

    arithmetic  tiles of the largest share x (tile^3 / MACs per second + unpacked bytes / rate)
    memory      A x blocks along n + B x blocks along m + C
    time        launch + the longer, + what of the shorter does not hide under it

The unpacker that feeds a matrix unit does not run beside it in the calibrated kernels: its bytes add.  Not modelled:
the network's own bandwidth (a core takes a block of A and of B from either of two networks, far below their rate), work
divided along k, operands left in SRAM by the operator before.

Source:
    tenstorrent/tt-metal tech_reports/GEMM_FLOPS (measured rows); tenstorrent/tt-isa-documentation (units).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.cost.manycore.machine import Manycore, ManycoreParameters
from accelsim.cost.operands import ProductBytes

_ACCUMULATOR_BYTES = 2  # results are kept in 16 bit between blocks of k
_BUFFERED = 0.5  # share of a core's SRAM for its share of the result; operands' blocks have the rest


@dataclass(frozen=True, slots=True)
class ProductTimes:
    """Seconds of a product by resource, bytes, and how it is dealt.

    Attributes:
        compute_s: Matrix units and their unpackers busy.
        memory_s: Main memory busy.
        memory_bytes: Bytes that cross to or from it.
        sram_bytes: Bytes that matrix units read and write.
        grid: Rows and columns of cores.
    """

    compute_s: float
    memory_s: float
    memory_bytes: float
    sram_bytes: float
    grid: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Extents:
    """A product of a batch: results ``m x n``, summed over ``k``; each of the batch has both operands of its own."""

    batch: int
    m: int
    n: int
    k: int


def product_times(
    extents: Extents, element: ProductBytes, machine: Manycore, parameters: ManycoreParameters
) -> ProductTimes:
    """The fastest grid of cores for a product.

    Args:
        extents: The product.
        element: Bytes of one element of its matrices.
        machine: Cores and memory.
        parameters: Calibrated numbers.
    """
    grids = [(rows, machine.cores // rows) for rows in _halvings(machine.cores)]
    options = [_on(grid, extents, element, machine, parameters) for grid in grids]
    return min(options, key=lambda one: _preference(one, parameters))


def _preference(times: ProductTimes, parameters: ManycoreParameters) -> tuple[float, ...]:
    """The shortest comes first; of equal ones the one that leaves its cores idle longest, then the squarest."""
    busy_s = sum(parameters.busy_s(times.compute_s, times.memory_s))
    return busy_s, times.compute_s, times.memory_s, abs(math.log(times.grid[0] / times.grid[1]))


def _halvings(cores: int) -> list[int]:
    """Rows of the grids that are tried: powers of two up to all cores."""
    return [1 << power for power in range(cores.bit_length()) if 1 << power <= cores]


def _on(
    grid: tuple[int, int], x: Extents, element: ProductBytes, machine: Manycore, parameters: ManycoreParameters
) -> ProductTimes:
    tile = parameters.tile
    down, across, deep = (math.ceil(extent / tile) for extent in (x.m, x.n, x.k))
    rows, cols = math.ceil(x.batch * down / grid[0]), math.ceil(across / grid[1])  # tiles of the largest share
    high, wide = _block(min(rows, down), cols, int(_BUFFERED * machine.sram_bytes / _ACCUMULATOR_BYTES / tile**2))
    passes_m, passes_n = math.ceil(min(rows, down) / high), math.ceil(cols / wide)
    a_bytes = x.batch * x.m * x.k * element.left
    b_bytes = x.batch * x.k * x.n * element.right
    moved = a_bytes * passes_n + b_bytes * passes_m + x.batch * x.m * x.n * element.result
    unpacked = tile**2 * (element.left + element.right) / 2
    multiply_s = tile**3 / machine.macs_per_s
    unpack_s = unpacked / (parameters.unpack_bytes_per_cycle * machine.clock_hz)
    return ProductTimes(
        compute_s=rows * cols * deep * (multiply_s + unpack_s),
        memory_s=moved / (machine.memory_bytes_per_s * parameters.memory_efficiency),
        memory_bytes=moved,
        sram_bytes=x.batch * down * across * deep * 2 * unpacked + 2 * x.batch * x.m * x.n * element.result,
        grid=grid,
    )


def _block(rows: int, cols: int, most: int) -> tuple[int, int]:
    """Tiles down and across of the results that a core holds at once: all it has, or the squarest of its share."""
    side = max(1, math.isqrt(most))
    wide = min(cols, max(side, most // max(1, min(rows, side))))
    return max(1, min(rows, most // wide)), wide
