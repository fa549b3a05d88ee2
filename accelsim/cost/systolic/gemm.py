"""Matrix products on systolic arrays: tiles pipelined through on-chip memory, the fastest candidate wins.

A product is cut into ``bm x bn`` tiles of the result, each accumulated over blocks of ``bk``.  One step of the
pipeline multiplies one block while the next operands are copied in and the last result is copied out::

    copy in   |== 1 ==|== 2 ==|== 3 ==|
    multiply          |=== 1 ===|=== 2 ===|=== 3 ===|
    copy out                              ...       |== out ==|

Modelled: padding to lanes and sublanes; weights loaded into the arrays under the stream of the fold before (so a
fold is never shorter than the array is high); double buffers that must fit the core's memory; the first copy in and the
last copy out, which nothing hides; results converted and packed by the vector unit; tiles dealt whole to cores that
share the memory; a fixed time per step, per module, and for dividing a module over cores.  Not modelled: the compiler's
own choice of tile (the best one is taken), operands kept on chip from the operator before, bank conflicts.

Source:
    Structure: Jouppi et al., *Ten Lessons From Three Generations Shaped Google's TPUv4i*, ISCA 2021, section III;
    calibration: ``accelsim/validation/data/README.md``, section on TPU v4.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from accelsim.cost.shares import ceil_div
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.errors import CapacityError

FloatArray = npt.NDArray[np.float64]

#: Tile extents tried along m and n, and block lengths along k; each is clipped to the padded product.
TILE_EXTENTS = (128, 256, 512, 1024)
BLOCK_LENGTHS = (512, 1024, 1 << 40)
_CANDIDATES = tuple(itertools.product(TILE_EXTENTS, TILE_EXTENTS, BLOCK_LENGTHS))
_CHUNK_ROWS = 2048  # bounds the candidates x rows intermediates to a few MB each
_ACCUMULATOR_BYTES = 4
_CONVERTED_BYTES = 2  # bf16


@dataclass(frozen=True, slots=True)
class ArrayGemmTimes:
    """Seconds of products by cause, bytes moved and the candidate chosen; one entry per product.

    Attributes:
        compute_s: Arrays busy with the product, in the steps they decide.
        fill_s: Arrays busy with lanes that idle: few rows above the next weights, extents padded to the array.
        vector_s: Results converted and packed, in the same steps.
        hbm_s: Copies that no multiplication hides, and all steps that copies decide.
        step_s: Fixed time of the pipeline steps.
        launch_s: Fixed time of the module, and of dividing it over cores.
        hbm_bytes: Bytes copied between the memory and the cores.
        sram_bytes: Bytes the arrays and the vector unit read and write in the cores' memory.
        tile_m, tile_n, tile_k: Extents of the chosen tile.
        cores: Cores it is divided over.
    """

    compute_s: FloatArray
    fill_s: FloatArray
    vector_s: FloatArray
    hbm_s: FloatArray
    step_s: FloatArray
    launch_s: FloatArray
    hbm_bytes: FloatArray
    sram_bytes: FloatArray
    tile_m: FloatArray
    tile_n: FloatArray
    tile_k: FloatArray
    cores: FloatArray

    @property
    def total_s(self) -> FloatArray:
        """Duration of each product run alone."""
        return self.compute_s + self.fill_s + self.vector_s + self.hbm_s + self.step_s + self.launch_s


def gemm_times(
    m: npt.ArrayLike,
    n: npt.ArrayLike,
    k: npt.ArrayLike,
    machine: SystolicMachine,
    parameters: SystolicParameters,
    batch: npt.ArrayLike = 1,
) -> ArrayGemmTimes:
    """Times of ``batch`` products ``C[m, n] = A[m, k] @ B[k, n]`` each; vectorised over all extents.

    Args:
        m: Rows of the result, a number or an array.
        n: Columns of the result.
        k: What is summed over.
        machine: Arrays and memory of a core, and how many cores.
        parameters: The calibrated numbers.
        batch: Independent products of a shape.

    Raises:
        CapacityError: Not even the smallest tile fits the memory of a core.
    """
    extents = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (m, n, k, batch)))
    chunks = []
    for at in range(0, len(extents[0]), _CHUNK_ROWS):
        rows, cols, inner, products = (extent[at : at + _CHUNK_ROWS] for extent in extents)
        chunks.append(_fastest(rows, cols, inner, products, machine, parameters))
    if len(chunks) == 1:
        return chunks[0]
    return ArrayGemmTimes(
        *(np.concatenate([getattr(chunk, f.name) for chunk in chunks]) for f in fields(ArrayGemmTimes))
    )


def _fastest(
    m: FloatArray,
    n: FloatArray,
    k: FloatArray,
    batch: FloatArray,
    machine: SystolicMachine,
    parameters: SystolicParameters,
) -> ArrayGemmTimes:
    """The fastest of all candidates for each product."""
    tiles = _Tiles.of(m, n, k, batch, machine)
    options = [tiles.times(1, machine, parameters)]
    if machine.num_cores > 1:
        options.append(tiles.times(machine.num_cores, machine, parameters))
    totals = np.concatenate([np.where(tiles.fits, option.total_s, np.inf) for option in options])
    chosen = totals.argmin(axis=0)
    column = np.arange(len(m))
    if not np.isfinite(totals[chosen, column]).all():
        raise CapacityError(
            f"systolic: no tile of a product fits {machine.sram_bytes:.0f} bytes of core memory; "
            f"the smallest is {TILE_EXTENTS[0]} x {TILE_EXTENTS[0]} x {BLOCK_LENGTHS[0]}. Raise sram_per_core."
        )
    stacked = (np.concatenate([getattr(option, f.name) for option in options]) for f in fields(ArrayGemmTimes))
    return ArrayGemmTimes(*(values[chosen, column] for values in stacked))


@dataclass(frozen=True, slots=True)
class _Tiles:
    """Geometry of every candidate (axis 0) for every product (axis 1)."""

    macs: FloatArray  #: of the product
    tile_m: FloatArray
    tile_n: FloatArray
    tile_k: FloatArray
    tiles: FloatArray  #: tiles of all results
    blocks: FloatArray  #: blocks along k of one tile
    a_copies: FloatArray  #: share of steps that must copy a block of A (one that fits whole is kept along n)
    fits: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, m: FloatArray, n: FloatArray, k: FloatArray, batch: FloatArray, machine: SystolicMachine) -> _Tiles:
        """Clip the candidates to the padded products and see which fit."""
        bm, bn, bk = (np.array(extent, dtype=np.float64)[:, None] for extent in zip(*_CANDIDATES, strict=True))
        tile_m = np.minimum(bm, ceil_div(m, machine.sublanes) * machine.sublanes)
        tile_n = np.minimum(bn, ceil_div(n, machine.lanes) * machine.lanes)
        tile_k = np.minimum(bk, ceil_div(k, machine.array.rows) * machine.array.rows)
        across, blocks = ceil_div(n, tile_n), ceil_div(k, tile_k)
        tiles = batch * ceil_div(m, tile_m) * across
        buffers = np.where(tiles * blocks == 1, 1, 2)
        size = machine.product
        held = (tile_m * tile_k * size.left + tile_k * tile_n * size.right + tile_m * tile_n * size.result) * buffers
        if size.unpack:
            held = held + tile_k * tile_n * machine.element_bytes
        if machine.is_converted:  # the operands of the block at work stand beside their converted copies
            held = held + (tile_m + tile_n) * tile_k * _CONVERTED_BYTES
        held = held + tile_m * tile_n * _ACCUMULATOR_BYTES * (blocks > 1)
        a_copies = np.where(blocks == 1, 1 / across, 1.0)
        return cls(m * n * k * batch, tile_m, tile_n, tile_k, tiles, blocks, a_copies, held <= machine.sram_bytes)

    def times(self, cores: int, machine: SystolicMachine, parameters: SystolicParameters) -> ArrayGemmTimes:
        """Times of every candidate when its tiles are dealt to ``cores`` cores."""
        rounds = ceil_div(self.tiles, cores)  # tiles of the core that has most
        steps = rounds * self.blocks
        compute_s = steps * self._multiply_s(machine, parameters)
        vector_s = steps * self._vector_s(machine, parameters)
        bandwidth = machine.core_bytes_per_s(cores, parameters)
        a_bytes = self.tile_m * self.tile_k * machine.product.left
        b_bytes = self.tile_k * self.tile_n * machine.product.right
        out_bytes = self.tile_m * self.tile_n * machine.product.result
        copied = a_bytes * self.a_copies + b_bytes + out_bytes / self.blocks
        copy_s = copied / bandwidth
        computing = (1 / steps) + (1 - 1 / steps) * (copy_s * steps <= compute_s + vector_s)
        spent = self.tiles * self.blocks * machine.array.macs(self.tile_m, self.tile_n, self.tile_k)
        useful = self.macs / spent
        launch_s = parameters.launch_s + (parameters.second_core_s if cores > 1 else 0.0)
        return ArrayGemmTimes(
            compute_s=compute_s * useful * computing,
            fill_s=compute_s * (1 - useful) * computing,
            vector_s=vector_s * computing,
            hbm_s=(a_bytes + b_bytes + out_bytes) / bandwidth + copy_s * (steps - 1) * (computing < 1),
            step_s=parameters.step_s * steps,
            launch_s=np.full_like(steps, launch_s),
            hbm_bytes=self.tiles * self.blocks * copied,
            sram_bytes=self.tiles * self._sram_bytes(machine),
            tile_m=self.tile_m,
            tile_n=self.tile_n,
            tile_k=self.tile_k,
            cores=np.full_like(steps, cores),
        )

    def _multiply_s(self, machine: SystolicMachine, parameters: SystolicParameters) -> FloatArray:
        """Arrays busy with one block, as :mod:`.array` counts it."""
        reached = parameters.matrix_efficiency if machine.is_converted else parameters.native_matrix_efficiency
        busy: FloatArray = machine.array.macs(self.tile_m, self.tile_n, self.tile_k) / (machine.macs_per_s * reached)
        return busy

    def _vector_s(self, machine: SystolicMachine, parameters: SystolicParameters) -> FloatArray:
        """Results packed, a share in each step, and packed weights unpacked.

        Partial sums are added under the arrays' stream and cost no time.
        """
        packed: FloatArray = self.tile_m * self.tile_n / self.blocks * machine.conversion_s(parameters)
        return packed + self.tile_k * self.tile_n * machine.unpack_s(parameters)

    def _sram_bytes(self, machine: SystolicMachine) -> FloatArray:
        """Bytes one tile moves within a core: A streamed once per column of arrays, B once, partial sums, result."""
        a_passes = ceil_div(self.tile_n, machine.array.cols)
        rows_bytes = self.tile_m * a_passes * machine.product.left + self.tile_n * machine.product.right
        operands = rows_bytes * self.tile_k * self.blocks
        sums = 2 * self.tile_m * self.tile_n * _ACCUMULATOR_BYTES * (self.blocks - 1)
        total: FloatArray = operands + sums + self.tile_m * self.tile_n * machine.product.result
        return total
