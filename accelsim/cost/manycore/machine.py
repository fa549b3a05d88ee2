"""What the formulas need to know of a chip of many small cores, and what was calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip


@dataclass(frozen=True, slots=True)
class ManycoreParameters:
    """Calibrated numbers of one chip; section ``calibration.manycore`` of its YAML.

    Attributes:
        launch_s: Fixed time of one operator: its start on all cores and the first blocks.
        memory_efficiency: Share of the main memory's peak bandwidth that products reach.
        unpack_bytes_per_cycle: Operands that a core feeds to its matrix unit, each tile as often as it is reread.
        overlap: Share of the shorter of arithmetic and memory that hides under the longer; 1 is perfect.
        tile: Rows and columns of the tiles that the matrix unit multiplies.
        calibrated_dtypes: Types of the measured points.
        calibrated_extents: Smallest and largest m, n, k of the measured products.
    """

    launch_s: float
    memory_efficiency: float
    unpack_bytes_per_cycle: float
    overlap: float = 1.0
    tile: int = 32
    calibrated_dtypes: tuple[str, ...] = ()
    calibrated_extents: tuple[int, ...] = (1, 1 << 62)

    def __post_init__(self) -> None:
        for name in ("memory_efficiency", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"calibration.manycore.{name}: must be from 0 to 1, got {getattr(self, name)!r}")
        for name in ("memory_efficiency", "unpack_bytes_per_cycle", "tile"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"calibration.manycore.{name}: must be > 0, got {getattr(self, name)!r}")
        if self.launch_s < 0:
            raise ConfigError(f"calibration.manycore.launch: must be >= 0, got {self.launch_s!r}")
        if len(self.calibrated_extents) != 2:
            raise ConfigError(
                f"calibration.manycore.calibrated_extents: give [smallest, largest], got {self.calibrated_extents!r}"
            )

    def busy_s(self, compute_s: float, memory_s: float) -> tuple[float, float]:
        """Seconds of arithmetic and of memory, less what hides under the longer of the two."""
        hidden = self.overlap * min(compute_s, memory_s)
        return (compute_s, memory_s - hidden) if compute_s >= memory_s else (compute_s - hidden, memory_s)


@dataclass(frozen=True, slots=True)
class Manycore:
    """Some cores of a chip, for one type of products.

    Attributes:
        cores: Cores at work.
        clock_hz: Their clock.
        macs_per_s: Multiply-accumulates of one core.
        vector_ops_per_s: Vector operations of one core.
        sram_bytes: SRAM of one core.
        memory_bytes_per_s: Peak bandwidth of the main memory for these cores.
    """

    cores: int
    clock_hz: float
    macs_per_s: float
    vector_ops_per_s: float
    sram_bytes: float
    memory_bytes_per_s: float

    @classmethod
    def of(cls, chip: Chip, dtype: DType, cores: int) -> Self:
        """``cores`` cores of ``chip``; the main memory gives them their share.

        Args:
            chip: The chip.
            dtype: Type that is multiplied.
            cores: How many work.

        Raises:
            ConfigError: The chip has no such cores, or does not multiply in this type.
        """
        if cores > chip.num_cores:
            raise ConfigError(f"chip {chip.name}: {cores} cores asked for, it has {chip.num_cores}")
        return cls(
            cores=cores,
            clock_hz=chip.clock_hz,
            macs_per_s=chip.peak_flops_per_s(dtype, 1) / 2,
            vector_ops_per_s=chip.vector_flops_per_s(DType.FP32, 1),
            sram_bytes=chip.sram_per_core_bytes,
            memory_bytes_per_s=chip.main_memory_bandwidth_bytes_per_s * cores / chip.num_cores,
        )
