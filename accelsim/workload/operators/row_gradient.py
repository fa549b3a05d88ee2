"""Gradients of row operators, and sums of gradients over rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import Operator, gradient_of, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor
from accelsim.workload.tensor import Role, Tensor


@register_operator("row_gradient")
@dataclass(frozen=True)
class RowGradient(RowOperator):
    """Gradients from the gradient of a result and what forward kept, in one pass over the rows of the first input.

    Every operand is read once and every result written once.  Not modelled: second passes of sums over rows.

    Attributes:
        of_kind: Kind of the operator it goes back through; says which kernel it is like.
        flops_each: Operations per element of the first input.

    Examples:
        >>> RowGradient.of(rows=4, width=64).flops
        256
    """

    kind: ClassVar[str] = "row_gradient"

    of_kind: str = "elementwise"
    flops_each: int = 1

    def __post_init__(self) -> None:
        check_arity(self, range(1, 9), range(1, 4))

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, name: str = "row_gradient") -> Self:
        """Gradient of a function of elements of plain extents.

        Args:
            rows: Rows.
            width: Elements of each.
            dtype: Of all operands.
            name: Of the operator.
        """
        row = row_tensor(name, rows, width, dtype)
        return cls(
            f"{name}.backward", (gradient_of(row), row), (gradient_of(row_tensor(f"{name}.in", rows, width, dtype)),)
        )

    @classmethod
    def back(cls, forward: Operator, kept: tuple[Tensor, ...], of: tuple[Tensor, ...], flops_each: int) -> Self:
        """Through ``forward``, from the gradient of its first result.

        Args:
            forward: The operator.
            kept: What it left for the way back.
            of: Tensors whose gradients are written.
            flops_each: Operations per element of the result.
        """
        end = "weights" if of[0].role is Role.WEIGHT else "backward"
        inputs = (gradient_of(forward.outputs[0]), *kept)
        outputs = tuple(gradient_of(tensor) for tensor in of)
        return cls(f"{forward.name}.{end}", inputs, outputs, forward.kind, flops_each)

    @property
    def width(self) -> int:
        """Elements of a row of the first input."""
        return self.inputs[0].axes[-1].size

    @property
    def rows(self) -> int:
        """Rows of the first input."""
        return self.inputs[0].num_elements // self.width

    @property
    def flops(self) -> int:
        """:attr:`flops_each` per element of the first input."""
        return self.flops_each * self.inputs[0].num_elements
