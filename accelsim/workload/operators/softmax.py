"""Softmax of each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import Gradients, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor
from accelsim.workload.operators.row_gradient import RowGradient

#: Maximum, subtract, exponential, sum, divide.
FLOPS_PER_ELEMENT = 5


@register_operator("softmax")
@dataclass(frozen=True)
class Softmax(RowOperator):
    """Numerically safe softmax over the last axis, read once and written once.

    Not modelled: skipping of masked entries; the whole row counts, as in standard attention.

    Source:
        Milakov and Gimelshein, *Online normalizer calculation for softmax*, 2018, algorithm 2 (operations counted).

    Examples:
        >>> Softmax.of(rows=8, width=128).flops
        5120
    """

    kind: ClassVar[str] = "softmax"

    def __post_init__(self) -> None:
        check_arity(self, range(1, 2))

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, name: str = "softmax") -> Self:
        """Softmax of plain extents.

        Args:
            rows: Rows, each summing to one.
            width: Scores of a row.
            dtype: Of the scores.
            name: Of the operator.
        """
        return cls(
            name, (row_tensor(f"{name}.in", rows, width, dtype),), (row_tensor(f"{name}.out", rows, width, dtype),)
        )

    @property
    def flops(self) -> int:
        """:data:`FLOPS_PER_ELEMENT` per element."""
        return FLOPS_PER_ELEMENT * self.rows * self.width

    def gradients(self) -> Gradients:
        """``(dY - sum(dY * Y)) * Y``: forward keeps its result."""
        return Gradients((RowGradient.back(self, self.outputs, self.inputs, 4),))
