"""Operands of a product as they lie in memory, and what it takes to unpack weights of fewer bits than it multiplies.

Such weights are unpacked in registers, by the vector unit.  Kernels that do so (Marlin, Machete, FasterTransformer)
read the packed bytes, unpack a block of a tile while the matrix unit multiplies the one before, and multiply by the
scale of its group: 12 instructions for 8 weights of 4 bit in Marlin, about as many for other types.  Every tile of the
result unpacks its own share, so that with few rows the memory hides it and with many rows the matrix unit does.

Source:
    Frantar et al., *MARLIN*, PPoPP 2025 (arXiv 2408.11743), section 3.4, and Kim et al., *Who Says Elephants Can't
    Run*, 2022, section 3: order of the work.  The count is read off IST-DASLab/marlin@0f102e1 (``dequant`` and
    ``scale``), not measured (docs/assumptions.md, TYPE-2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.workload.operators.gemm import Gemm

#: Vector instructions to unpack and scale one element.
INSTRUCTIONS = 1.5


@dataclass(frozen=True, slots=True)
class ProductBytes:
    """Bytes of one element of each matrix of a product, scales included.

    Attributes:
        left: Of the left operand.
        right: Of the right one.
        result: Of the result.
        unpack: Vector instructions to unpack one element of the right operand; 0 where it is multiplied as it is.
    """

    left: float
    right: float
    result: float
    unpack: float = 0.0

    @classmethod
    def even(cls, element_bytes: float) -> Self:
        """One size for all."""
        return cls(element_bytes, element_bytes, element_bytes)

    @classmethod
    def of(cls, product: Gemm, chip: Chip) -> Self:
        """Bytes per element of a product's operands on a chip.

        Args:
            product: The product with the types of its operands.
            chip: The chip, which may take some types without unpacking.
        """
        return cls(
            left=product.a.element_bytes,
            right=product.b_bytes / (product.batch * product.n * product.k),
            result=product.outputs[0].dtype.bits / 8,
            unpack=unpack_instructions(product.inputs[1].dtype, product.dtype, chip),
        )


def unpack_instructions(stored: DType, multiplied: DType, chip: Chip) -> float:
    """Vector instructions per element of the right operand; 0 where the matrix unit takes it as it is.

    A matrix unit with rates for both types takes one of fewer bits beside fp8 directly (``mxf8f6f4`` on Blackwell).

    Args:
        stored: Type in which the right operand lies in memory.
        multiplied: Type that the matrix unit multiplies.
        chip: The chip with the types of its matrix unit.
    """
    is_native = multiplied is DType.FP8 and stored in chip.matrix_flops_per_cycle
    return 0.0 if stored.bits >= multiplied.bits or is_native else INSTRUCTIONS


def unpack_s(stored: DType, multiplied: DType, chip: Chip) -> float:
    """Seconds of one core per element; an instruction is half a fused multiply-add of the published rate.

    Args:
        stored: Type in which the right operand lies in memory.
        multiplied: Type that the matrix unit multiplies.
        chip: The chip, whose vector unit unpacks.
    """
    instructions = unpack_instructions(stored, multiplied, chip)
    return instructions / (chip.vector_flops_per_s(DType.FP32, 1) / 2) if instructions else 0.0
