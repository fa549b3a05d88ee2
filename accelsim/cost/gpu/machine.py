"""What the GPU kernels' formulas know of a machine: counts, capacities and peak rates, all in SI units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip

Array = NDArray[np.float64]
#: Share of an L2 of two partitions that surely holds what is touched in turn.
TWO_PARTITIONS = 0.5


@dataclass(frozen=True, slots=True)
class CacheParameters:
    """The section ``l2`` of a chip's calibration.

    Attributes:
        full_hit_fraction: See :class:`GpuMachine`; less than 1.
    """

    full_hit_fraction: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.full_hit_fraction < 1.0:
            raise ConfigError(f"calibration.l2.full_hit: need 0 <= share < 1, got {self.full_hit_fraction!r}.")


@dataclass(frozen=True, slots=True)
class GpuMachine:
    """The part of a GPU one kernel runs on: some cores, and the memories all cores share.

    Attributes:
        num_cores: Streaming multiprocessors the kernel may use.
        l2_capacity_bytes: Capacity of the last-level cache.
        l2_bandwidth_bytes_per_s: Its bandwidth to the cores.
        core_port_bytes_per_s: What one core gets of it: its share when all cores of the chip load.
        hbm_bandwidth_bytes_per_s: Published bandwidth of the main memory.
        sram_per_core_bytes: Shared memory one core can use.
        full_hit_fraction: Share of the L2 up to which data touched in turn are always found in it.
    """

    num_cores: int
    l2_capacity_bytes: float
    l2_bandwidth_bytes_per_s: float
    core_port_bytes_per_s: float
    hbm_bandwidth_bytes_per_s: float
    sram_per_core_bytes: float
    full_hit_fraction: float = TWO_PARTITIONS

    @classmethod
    def of(cls, chip: Chip, num_cores: int | None = None) -> GpuMachine:
        """The machine ``num_cores`` of ``chip`` (default: all) see; memories are not divided with the cores.

        Args:
            chip: The chip as described.
            num_cores: How many cores work; None: all.

        Raises:
            ConfigError: The chip lacks a cache or a main memory.
        """
        if len(chip.memories) < 2:
            raise ConfigError(
                f"chip {chip.name}: the gpu cost model needs a cache and a main memory under memories, nearest first; "
                f"got {', '.join(chip.memories) or 'none'}."
            )
        cache, main = chip.memories[cache_name(chip)], chip.memories[chip.main_memory]
        return cls(
            num_cores=chip.num_cores if num_cores is None else num_cores,
            l2_capacity_bytes=cache.capacity_bytes,
            l2_bandwidth_bytes_per_s=cache.bandwidth_bytes_per_s,
            core_port_bytes_per_s=cache.bandwidth_bytes_per_s / chip.num_cores,
            hbm_bandwidth_bytes_per_s=main.bandwidth_bytes_per_s,
            sram_per_core_bytes=chip.sram_per_core_bytes,
            full_hit_fraction=_full_hit_fraction(chip),
        )

    def cached_fraction(self, reuse_distance_bytes: ArrayLike) -> Array:
        """Share of an operand found in the L2 when ``reuse_distance_bytes`` were touched since its last use.

        All of it while they fit ``full_hit_fraction`` of the L2, none beyond the whole, linear between.  That share is
        a half where the L2 is two partitions that may both hold a copy of one line, so that its usable size lies
        between half and all of it; an undivided L2 holds nearly its capacity.
        """
        distance = np.asarray(reuse_distance_bytes, dtype=np.float64) / self.l2_capacity_bytes
        return np.clip((1.0 - distance) / (1.0 - self.full_hit_fraction), 0.0, 1.0)


def cache_name(chip: Chip) -> str:
    """Name of the last cache before the main memory."""
    return list(chip.memories)[-2]


def _full_hit_fraction(chip: Chip) -> float:
    if "l2" in chip.calibration:
        return chip.calibrated("l2", CacheParameters).full_hit_fraction
    return TWO_PARTITIONS
