"""Rotary position embedding of queries and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Gradients, gradient_of, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor

#: Each pair is rotated by four products and two sums, so three per element.
FLOPS_PER_ELEMENT = 3


@register_operator("rope")
@dataclass(frozen=True)
class Rope(RowOperator):
    """Rotation of each pair of elements by an angle of its position; several tensors (q and k) in one kernel.

    Each input is read and its rotated copy written; in a decoder block the rotated keys are written straight into the
    KV cache, so those bytes have the role ``kv_cache``.  Not modelled: the table of sines and cosines (shared by all
    heads and layers, so it stays in cache) and partial rotation (all elements count).

    Raises:
        ShapeError: Results do not match the inputs one to one.

    Source:
        Su et al., *RoFormer*, 2021, equation 34 (operations counted).

    Examples:
        >>> Rope.of(rows=4, width=128).flops
        1536
    """

    kind: ClassVar[str] = "rope"

    def __post_init__(self) -> None:
        check_arity(self, range(1, 9), range(1, 9))
        sizes = [tensor.num_elements for tensor in self.inputs], [tensor.num_elements for tensor in self.outputs]
        if sizes[0] != sizes[1]:
            raise ShapeError(f"{self.name}: inputs of {sizes[0]} elements cannot be rotated into {sizes[1]}")

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, name: str = "rope") -> Self:
        """Rotation of plain extents; ``width`` is that of queries and keys together.

        Args:
            rows: Tokens.
            width: Elements of all heads of a token.
            dtype: Of what is rotated.
            name: Of the operator.
        """
        return cls(
            name, (row_tensor(f"{name}.in", rows, width, dtype),), (row_tensor(f"{name}.out", rows, width, dtype),)
        )

    @property
    def width(self) -> int:
        """Elements rotated per row, over all tensors."""
        return sum(tensor.axes[-1].size for tensor in self.outputs)

    @property
    def rows(self) -> int:
        """Rows of the first tensor."""
        return self.outputs[0].num_elements // self.outputs[0].axes[-1].size

    @property
    def flops(self) -> int:
        """:data:`FLOPS_PER_ELEMENT` per element."""
        return FLOPS_PER_ELEMENT * self.rows * self.width

    def gradients(self) -> Gradients:
        """The opposite rotation of the gradients; nothing is kept."""
        inputs = tuple(gradient_of(tensor) for tensor in self.outputs)
        outputs = tuple(gradient_of(tensor) for tensor in self.inputs)
        return Gradients((Rope(f"{self.name}.backward", inputs, outputs),))
