"""What the bsp kernels need to know of a chip: its tiles, its exchange, and the few calibrated costs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.operands import ProductBytes
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.warning import warn

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BspParameters:
    """What a bsp machine's datasheet does not give; section ``calibration.bsp`` of a chip.

    Attributes:
        base_latency_s: From a word's send to its receipt between two tiles of one island, wire and both ends.
        column_hop_s: Further latency per column of tiles between sender and receiver.
        sync_s: Synchronisation of all tiles before an exchange, and the exchange's own first and last instructions.
        program_s: Start and end of one program with a compute phase: control, call of the vertices, exit.
        reduce_cycles: Cycles of a tile per fp32 operand of a sum that lies in its SRAM.
        matrix_efficiency: Share of the matrix unit's peak inside a long product, quantisation aside.
        island_tiles: Tiles next to each other that share a stop of the column; one hop of ``noc`` lies between two.
        broadcast_lanes: Exchange lanes that a tile pair receives together when both tiles want the same data.
        threads: Hardware threads of a tile; each issues every ``threads`` cycles, so fewer rows than that leave gaps.
        matrix_inputs_bytes: Bytes of one row of the matrix unit's stationary block: the grain of the contracted axis.
        matrix_row_cycles: Cycles to pass one row through that block.
        function_cycles: Cycles of one exponential, reciprocal or root.
        partial_bytes: Bytes of a partial sum.
        usable_sram_fraction: Share of a tile's SRAM left to operands; code, exchange sequences and stack take the rest.
        measured: Whether these are measured on this chip; if not, every result says so.
    """

    base_latency_s: float
    column_hop_s: float
    sync_s: float
    program_s: float
    reduce_cycles: float
    matrix_efficiency: float
    island_tiles: int = 4
    broadcast_lanes: int = 2
    threads: int = 6
    matrix_inputs_bytes: int = 32
    matrix_row_cycles: int = 4
    function_cycles: float = 3.0
    partial_bytes: float = 4.0
    usable_sram_fraction: float = 0.8
    measured: bool = False

    def __post_init__(self) -> None:
        for name in ("base_latency_s", "column_hop_s", "sync_s", "program_s", "reduce_cycles", "function_cycles"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"calibration.bsp.{name}: must be >= 0, got {getattr(self, name)!r}")
        for name in ("matrix_efficiency", "usable_sram_fraction"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"calibration.bsp.{name}: must be in (0, 1], got {getattr(self, name)!r}")
        for name in ("island_tiles", "broadcast_lanes", "threads", "matrix_inputs_bytes", "matrix_row_cycles"):
            if getattr(self, name) < 1:
                raise ConfigError(f"calibration.bsp.{name}: must be >= 1, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class BspMachine:
    """A rectangle of tiles, for one element type.

    Attributes:
        rows: Tiles along a column.
        cols: Columns.
        clock_hz: Cycles per second.
        macs_per_cycle: Multiply-accumulates of one tile's matrix unit.
        vector_flops_per_cycle: FLOPs of one tile's vector unit.
        element_bytes: Bytes of one element as it is multiplied, or worked on by the vector unit.
        product: Bytes of one element of each matrix of a product.
        sram_bytes: SRAM of one tile that operands may use.
        sram_bytes_per_cycle: Bytes of one tile's SRAM ports.
        exchange_bytes_per_s: Bytes one tile sends, and at the same time receives.
        hop_s: Latency from island to island along a column.
        parameters: Calibrated costs.
    """

    rows: int
    cols: int
    clock_hz: float
    macs_per_cycle: float
    vector_flops_per_cycle: float
    element_bytes: float
    product: ProductBytes
    sram_bytes: float
    sram_bytes_per_cycle: float
    exchange_bytes_per_s: float
    hop_s: float
    parameters: BspParameters

    @property
    def num_tiles(self) -> int:
        """Tiles of the rectangle."""
        return self.rows * self.cols

    @property
    def islands(self) -> int:
        """Islands of one column."""
        return -(-self.rows // self.parameters.island_tiles)

    @property
    def matrix_block(self) -> tuple[float, float]:
        """Contracted extent and columns of the matrix unit's stationary block, in elements."""
        inputs = self.parameters.matrix_inputs_bytes / self.element_bytes
        return inputs, max(1.0, self.parameters.matrix_row_cycles * self.macs_per_cycle / inputs)

    @property
    def unpack_s(self) -> float:
        """Time of one tile to unpack one element of the right operand; none where it is multiplied as it is."""
        return self.product.unpack / (self.vector_flops_per_cycle / 2) / self.clock_hz

    def distance_s(self, islands: Array, cols: Array) -> Array:
        """Latency of the first word over so many islands and columns.

        Args:
            islands: Islands of tiles that it passes down a column.
            cols: Columns that it passes.
        """
        return self.parameters.base_latency_s + islands * self.hop_s + cols * self.parameters.column_hop_s

    @property
    def span_s(self) -> float:
        """Latency between opposite corners of the rectangle."""
        return float(self.distance_s(np.asarray(self.islands - 1.0), np.asarray(self.cols - 1.0)))


@dataclass(frozen=True)
class BspCost:
    """Seconds by cause and bytes by level, elementwise over arrays of shapes; ``+`` runs one after another.

    Attributes:
        compute: Arithmetic of the slowest tile.
        fixed: What its matrix unit spends on rows that are not there, because fewer come than it has threads.
        sram: What loads and stores add to the arithmetic.
        noc: Words and latency of exchanges.
        sync: Synchronisation before exchanges.
        launch: Start of programs.
        sram_bytes: Bytes read and written in the SRAM of all tiles.
        noc_bytes: Bytes received over the exchange, all tiles.
        tile_bytes: SRAM that one tile must hold at once.
    """

    compute: Array = field(default_factory=lambda: np.zeros(()))
    fixed: Array = field(default_factory=lambda: np.zeros(()))
    sram: Array = field(default_factory=lambda: np.zeros(()))
    noc: Array = field(default_factory=lambda: np.zeros(()))
    sync: Array = field(default_factory=lambda: np.zeros(()))
    launch: Array = field(default_factory=lambda: np.zeros(()))
    sram_bytes: Array = field(default_factory=lambda: np.zeros(()))
    noc_bytes: Array = field(default_factory=lambda: np.zeros(()))
    tile_bytes: Array = field(default_factory=lambda: np.zeros(()))

    @property
    def time_s(self) -> Array:
        """All causes together: phases follow each other, nothing overlaps."""
        return self.compute + self.fixed + self.sram + self.noc + self.sync + self.launch

    def __add__(self, other: BspCost) -> BspCost:
        values = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in dataclasses.fields(BspCost)}
        return BspCost(**{**values, "tile_bytes": np.maximum(self.tile_bytes, other.tile_bytes)})

    def repeated(self, times: Array | float) -> BspCost:
        """This cost ``times`` times in a row."""
        values = {one.name: getattr(self, one.name) * times for one in dataclasses.fields(BspCost)}
        return BspCost(**{**values, "tile_bytes": self.tile_bytes})

    def in_a_row(self, places: list[int]) -> BspCost:
        """The entries at ``places`` of one-dimensional arrays one after another, as one."""
        shape = np.broadcast_shapes(*(np.shape(getattr(self, one.name)) for one in dataclasses.fields(BspCost)))
        taken = {
            one.name: np.broadcast_to(getattr(self, one.name), shape)[places] for one in dataclasses.fields(BspCost)
        }
        sums = {name: values.sum() for name, values in taken.items()}
        return BspCost(**{**sums, "tile_bytes": taken["tile_bytes"].max()})

    def at(self, index: Array) -> BspCost:
        """For each row of two-dimensional arrays, the entry at ``index`` of its last axis."""
        shape = np.broadcast_shapes(*(np.shape(getattr(self, one.name)) for one in dataclasses.fields(BspCost)))
        places = index.astype(np.intp)[..., None]
        return BspCost(
            **{
                one.name: np.take_along_axis(np.broadcast_to(getattr(self, one.name), shape), places, -1)[..., 0]
                for one in dataclasses.fields(BspCost)
            }
        )


def bsp_machine(chip: Chip, dtype: DType, rows: int, cols: int) -> tuple[BspMachine, tuple[str, ...]]:
    """``rows`` x ``cols`` tiles of a chip for one element type, and what to warn about.

    Args:
        chip: The chip with its calibration.
        dtype: What the matrix unit multiplies.
        rows: Tiles of a column in use.
        cols: Columns in use.

    Raises:
        ConfigError: The chip has no ``noc``, no ``bsp`` calibration, or no rate for a type of that width.
    """
    if chip.noc is None:
        raise ConfigError(f"chip {chip.name}: the bsp cost model needs its exchange. Add noc: to its file.")
    warnings = chip.inherited("bsp")
    rate = chip.matrix_flops_per_cycle.get(dtype)
    if rate is None:
        alike = next((other for other in chip.matrix_flops_per_cycle if other.bits == dtype.bits), None)
        if alike is None:
            known = ", ".join(sorted(d.value for d in chip.matrix_flops_per_cycle))
            raise ConfigError(f"chip {chip.name}: no matrix rate for {dtype.value}. Use one of: {known}.")
        text = f"chip {chip.name} has no rate for {dtype.value}; priced as {alike.value}"
        warnings += (warn("dtype-without-rate", text),)
        rate = chip.matrix_flops_per_cycle[alike]
    parameters = chip.calibrated("bsp", BspParameters)
    if not parameters.measured:
        text = f"chip {chip.name}: the bsp parameters are assumed, not measured on this chip"
        warnings += (warn("assumed-calibration", text),)
    machine = BspMachine(
        rows=rows,
        cols=cols,
        clock_hz=chip.clock_hz,
        macs_per_cycle=rate / 2,
        vector_flops_per_cycle=chip.vector_flops_per_s(dtype, 1) / chip.clock_hz,
        element_bytes=dtype.bits / 8,
        product=ProductBytes.even(dtype.bits / 8),
        sram_bytes=chip.sram_per_core_bytes * parameters.usable_sram_fraction,
        sram_bytes_per_cycle=chip.sram_bandwidth_per_core_bytes_per_s / chip.clock_hz,
        exchange_bytes_per_s=chip.noc.link_bandwidth_bytes_per_s,
        hop_s=chip.noc.hop_latency_s,
        parameters=parameters,
    )
    return machine, warnings
