"""What an operator moves and computes on cores with a memory of their own before one main memory, and its cost.

Shared by the cost models whose operators start, run and end one after the other (``systolic``, ``manycore``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.warning import warn
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.operators.ragged_attention import RaggedAttention

#: Vector operations per query-key pair: scale, mask, maximum, subtract, exponential (five), sum.
SOFTMAX_OPS_PER_PAIR = 10


@dataclass(frozen=True, slots=True)
class Work:
    """What an operator moves and computes, whatever time that takes.

    Attributes:
        main_bytes: Bytes that cross to or from the main memory.
        sram_bytes: Bytes read and written in the cores' memories.
        matrix_flops: Arithmetic of matrix units.
        vector_flops: Arithmetic of vector units.
    """

    main_bytes: float
    sram_bytes: float
    matrix_flops: float = 0.0
    vector_flops: float = 0.0

    def energy_j(self, chip: Chip) -> float:
        """Dynamic energy: arithmetic, core memory and main memory."""
        main = chip.memories.get(chip.main_memory)
        return (
            self.matrix_flops * chip.matrix_energy_j_per_flop
            + self.vector_flops * chip.vector_energy_j_per_flop
            + self.sram_bytes * chip.sram_energy_j_per_byte
            + self.main_bytes * (main.energy_j_per_byte if main is not None else 0.0)
        )

    def cost(
        self,
        parts_s: Mapping[str, float],
        chip: Chip,
        warnings: tuple[str, ...] = (),
        detail: Mapping[str, float | str] | None = None,
    ) -> Cost:
        """The cost with its limiter and its energy.

        Args:
            parts_s: Seconds by cause, one after the other.
            chip: Whose memories and energies.
            warnings: Why the number should be trusted less.
            detail: How it is run.
        """
        traffic_bytes = {"sram": self.sram_bytes}
        traffic_bytes[chip.main_memory] = self.main_bytes + traffic_bytes.get(chip.main_memory, 0.0)
        return Cost(
            work_s=sum(parts_s.values()),
            traffic_bytes=traffic_bytes,
            parts_s=parts_s,
            limiter=max(parts_s, key=lambda cause: parts_s[cause]),
            energy_j=self.energy_j(chip),
            warnings=warnings,
            detail=detail or {},
        )


def multiplied(operator: Operator, chip: Chip) -> DType:
    """Type that matrix units multiply: that of a narrower cache where they have a rate for it, queries alike.

    Args:
        operator: Any.
        chip: Has rates by type.
    """
    dtype = type_of(operator)
    stored = operator.kv_dtype if isinstance(operator, Attention | RaggedAttention) else dtype
    return stored if stored.bits < dtype.bits and stored in chip.matrix_flops_per_cycle else dtype


def type_of(operator: Operator) -> DType:
    """Type that an operator names, else that of its result."""
    dtype = getattr(operator, "dtype", None)
    return dtype if isinstance(dtype, DType) else operator.outputs[0].dtype


class Calibrated(Protocol):
    """Parameters that say which rows they were fitted to."""

    @property
    def calibrated_dtypes(self) -> tuple[str, ...]:
        """Types of the rows."""
        ...

    @property
    def calibrated_extents(self) -> tuple[int, ...]:
        """Smallest and largest extent of their products."""
        ...


def outside_calibration(
    model: str, dtype: DType, parameters: Calibrated, extents: Sequence[int] = ()
) -> tuple[str, ...]:
    """Warnings where a type, or an extent of a product, is none that was measured.

    Args:
        model: Name of the cost model.
        dtype: What is computed in.
        parameters: Its calibration.
        extents: Of a product.
    """
    found: list[str] = []
    if dtype.value not in parameters.calibrated_dtypes:
        measured = ", ".join(parameters.calibrated_dtypes) or "nothing"
        text = f"{model}: {dtype.value} is outside the calibration, which saw {measured}; its rates are assumed"
        found.append(warn("dtype-uncalibrated", text))
    low, high = parameters.calibrated_extents
    if extents and not (low <= min(extents) and max(extents) <= high):
        text = f"{model}: a product extent is outside the calibrated {low} to {high}"
        found.append(warn("outside-calibration", text))
    return tuple(found)
