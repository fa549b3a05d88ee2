"""Dropout: some elements are set to zero, the others scaled, and a mask says which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import Gradients, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Tensor

#: One comparison, one product, one selection.
FLOPS_PER_ELEMENT = 3


@register_operator("dropout")
@dataclass(frozen=True)
class Dropout(RowOperator):
    """Reads rows, writes them and a mask of one byte per element; forward keeps the mask alone.

    Not modelled: the random numbers.

    Source:
        Srivastava et al., *Dropout*, 2014, section 4; one byte per element: Korthikanti et al., *Reducing Activation
        Recomputation in Large Transformer Models*, 2022, section 4.1.

    Examples:
        >>> drop = Dropout.of(rows=2, width=8)
        >>> drop.reads, drop.writes  # 32 B in, 32 B out and 16 B of mask
        (32, 48)
    """

    kind: ClassVar[str] = "dropout"

    def __post_init__(self) -> None:
        check_arity(self, range(1, 2), range(2, 3))

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, name: str = "dropout") -> Self:
        """Dropout of plain extents.

        Args:
            rows: Rows.
            width: Elements of each.
            dtype: Of the rows.
            name: Of the operator.
        """
        return cls.after(row_tensor(f"{name}.in", rows, width, dtype), name)

    @classmethod
    def after(cls, tensor: Tensor, name: str) -> Self:
        """Of a tensor that an operator writes.

        Args:
            tensor: What is thinned out.
            name: Of the operator.
        """
        mask = replace(tensor, name=f"{name}.mask", dtype=DType.INT8, scales=None)
        return cls(name, (tensor,), (replace(tensor, name=f"{name}.out"), mask))

    @property
    def flops(self) -> int:
        """:data:`FLOPS_PER_ELEMENT` per element."""
        return FLOPS_PER_ELEMENT * self.rows * self.width

    def gradients(self) -> Gradients:
        """The gradient times the mask."""
        return Gradients((RowGradient.back(self, self.outputs[1:], self.inputs, 2),))
