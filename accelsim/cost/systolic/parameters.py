"""The numbers the systolic model takes: what the machine is (from its description) and what was calibrated."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.cost.operands import ProductBytes
from accelsim.cost.systolic.array import ArrayUse
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip


@dataclass(frozen=True, slots=True)
class SystolicParameters:
    """Calibrated numbers of one chip; section ``calibration.systolic`` of its YAML.

    Attributes:
        launch_s: Fixed time of one compiled module on one core.
        second_core_s: Further fixed time when a module is divided over all cores.
        step_s: Fixed time of one step of the tile pipeline (descriptors, semaphores, loop set-up).
        core_hbm_share: Share of the memory's peak bandwidth that the copies of one core reach.
        matrix_efficiency: Share of the array's peak reached on types that must be converted on the way in.
        hbm_efficiency: Share of the memory's peak bandwidth that the copies of all cores together reach.
        native_matrix_efficiency: The same for types the array multiplies as they are.
        conversion_ops: Vector operations to unpack or pack one element of a type the vector unit cannot compute in.
        native_conversion_ops: The same for bf16, the upper half of an fp32.
        reduction_setup_s: Fixed further time of an operator that reduces its rows.
        reduction_s: Time of the cross-lane reductions of one group of rows (one row per sublane).
        converted_dtypes: Types that neither the array nor the vector unit has.
        calibrated_dtypes: Types of the measured points.
        calibrated_extents: Smallest and largest m, n, k of the measured products.
    """

    launch_s: float
    second_core_s: float
    step_s: float
    core_hbm_share: float
    matrix_efficiency: float
    conversion_ops: float
    reduction_setup_s: float
    reduction_s: float
    hbm_efficiency: float = 0.85
    native_matrix_efficiency: float = 0.85
    native_conversion_ops: float = 1.0
    converted_dtypes: tuple[str, ...] = ("fp16",)
    calibrated_dtypes: tuple[str, ...] = ()
    calibrated_extents: tuple[int, ...] = (1, 1 << 62)

    def __post_init__(self) -> None:
        for name in ("core_hbm_share", "hbm_efficiency", "matrix_efficiency", "native_matrix_efficiency"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"calibration.systolic.{name}: must be in (0, 1], got {getattr(self, name)!r}")
        for name in ("launch_s", "second_core_s", "step_s", "reduction_setup_s", "reduction_s", "conversion_ops"):
            if getattr(self, name) < 0:
                raise ConfigError(f"calibration.systolic.{name}: must be >= 0, got {getattr(self, name)!r}")
        if len(self.calibrated_extents) != 2:
            raise ConfigError(
                f"calibration.systolic.calibrated_extents: give [smallest, largest], got {self.calibrated_extents!r}"
            )


@dataclass(frozen=True, slots=True)
class SystolicMachine:
    """What the kernels need to know of a chip (or a region of it) for one element type.

    Attributes:
        array: Shape of one array, and what stays in it; the contracted axis is padded to its rows.
        lanes: Elements across one vector register row; the last axis is padded to it.
        sublanes: Rows of one vector register; the axis before the last is padded to it.
        num_cores: Cores of the region.
        macs_per_s: Multiply-accumulates per second of one core.
        vector_ops_per_s: Vector operations per second of one core.
        hbm_bytes_per_s: Peak bandwidth of the chip's memory.
        chip_cores: Cores that share the memory evenly.
        sram_bytes: Tile memory of one core.
        element_bytes: Bytes of one element as it is multiplied, or worked on by the vector unit.
        product: Bytes of one element of each matrix of a product.
        is_converted: Whether the type must be converted for the array and the vector unit.
    """

    array: ArrayUse
    lanes: int
    sublanes: int
    num_cores: int
    macs_per_s: float
    vector_ops_per_s: float
    hbm_bytes_per_s: float
    chip_cores: int
    sram_bytes: float
    element_bytes: float
    product: ProductBytes
    is_converted: bool

    @classmethod
    def of(cls, chip: Chip, dtype: DType, num_cores: int, parameters: SystolicParameters) -> SystolicMachine:
        """``num_cores`` cores of ``chip``; each draws at most its even share of the memory when others work too.

        Args:
            chip: The chip as described.
            dtype: What the arrays multiply.
            num_cores: Cores that work on one operator.
            parameters: Say which types are converted before they are multiplied.

        Raises:
            ConfigError: The chip has no systolic array or does not run ``dtype``.
        """
        if chip.systolic is None:
            raise ConfigError(f"chip {chip.name}: cost model 'systolic' needs the key 'systolic' (rows, cols). Add it.")
        return cls(
            array=ArrayUse.of(chip.systolic, dtype),
            lanes=chip.systolic.cols,
            sublanes=8,
            num_cores=num_cores,
            macs_per_s=chip.peak_flops_per_s(dtype, 1) / 2,
            vector_ops_per_s=chip.vector_flops_per_s(DType.FP32, 1),
            hbm_bytes_per_s=chip.main_memory_bandwidth_bytes_per_s,
            chip_cores=chip.num_cores,
            sram_bytes=chip.sram_per_core_bytes,
            element_bytes=dtype.bits / 8,
            product=ProductBytes.even(dtype.bits / 8),
            is_converted=dtype.value in parameters.converted_dtypes,
        )

    def core_bytes_per_s(self, cores: int, parameters: SystolicParameters) -> float:
        """Bandwidth of each of ``cores`` cores at work: what one can copy, or its share of what the memory gives.

        Args:
            cores: How many work at once.
            parameters: The calibrated shares of the memory's bandwidth.
        """
        region = self.num_cores / self.chip_cores
        return self.hbm_bytes_per_s * min(parameters.core_hbm_share, parameters.hbm_efficiency * region / cores)

    def unpack_s(self, parameters: SystolicParameters) -> float:
        """Vector time to unpack one element of the right operand on one core.

        None where it is multiplied as it is, or where conversions cost nothing (they are part of the streams).

        Args:
            parameters: The calibrated numbers.
        """
        return self.product.unpack / self.vector_ops_per_s if parameters.conversion_ops else 0.0

    def conversion_s(self, parameters: SystolicParameters) -> float:
        """Vector time to unpack or pack one element on one core; none for fp32."""
        if self.element_bytes >= 4:
            return 0.0
        ops = parameters.conversion_ops if self.is_converted else parameters.native_conversion_ops
        return ops / self.vector_ops_per_s
