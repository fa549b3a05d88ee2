"""Where kernels run."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip


class Site(NamedTuple):
    """Where kernels run: some cores of a chip.

    Attributes:
        chip: The chip.
        machine: What the formulas know of those cores and of the memories behind them.
        calibration: The chip's calibrated numbers.
    """

    chip: Chip
    machine: GpuMachine
    calibration: GpuCalibration

    @classmethod
    def of(cls, chip: Chip, num_cores: int | None = None) -> Self:
        """``num_cores`` of ``chip``; by default all.

        Args:
            chip: The chip.
            num_cores: Cores that the kernels may use.

        Raises:
            ConfigError: The chip lacks a cache or a main memory.
        """
        return cls(chip, GpuMachine.of(chip, num_cores), GpuCalibration.of(chip))

    def has_matrix_unit(self, dtype: DType) -> bool:
        """Whether matrix units multiply an element type; one of the same rate on both runs on the vector lanes."""
        rate = self.chip.matrix_flops_per_cycle.get(dtype)
        return rate is not None and rate != self.chip.vector_flops_per_cycle.get(dtype)

    def arithmetic_j(self, flops: ArrayLike, dtype: DType) -> Array:
        """Energy of operations on an element type, in joules; types below 16 bit take their share of it.

        Source: docs/assumptions.md#energy-types.

        Args:
            flops: Operations, of each of some kernels.
            dtype: Element type that is multiplied.
        """
        chip = self.chip
        wide_j = chip.matrix_energy_j_per_flop if self.has_matrix_unit(dtype) else chip.vector_energy_j_per_flop
        return np.asarray(flops, dtype=np.float64) * (wide_j * min(1.0, dtype.bits / 16) ** 2)

    def core_flops_per_s(self, dtype: DType) -> float:
        """Published matrix peak of one core.

        Raises:
            ConfigError: The chip does not run the element type.
        """
        return self.chip.peak_flops_per_s(dtype, 1)
