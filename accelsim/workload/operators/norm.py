"""Normalisation of each row to unit scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Gradients, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Axis, Role, Tensor

#: Operations per element.  RMSNorm: square, sum, scale, weight.  LayerNorm: sum, subtract, square, sum, scale, weight,
#: bias.  The divisions and square root per row are left out (1 / width of the rest).
FLOPS_PER_ELEMENT = {"rmsnorm": 4, "layernorm": 7}


@register_operator("norm")
@dataclass(frozen=True)
class Norm(RowOperator):
    """RMSNorm or LayerNorm over the last axis; one pass over the row held in fast memory.

    Attributes:
        flavour: ``"rmsnorm"`` (scale only) or ``"layernorm"`` (mean removed, scale and optional bias).

    Raises:
        ShapeError: Unknown flavour, or not 1 to 3 inputs (row, weight, bias).

    Source:
        Ba et al., *Layer Normalization*, 2016, equation 4; Zhang and Sennrich, *Root Mean Square Layer Normalization*,
        2019, equation 4; operations counted from them.

    Examples:
        >>> Norm.of(rows=2, width=4096).flops  # 4 per element
        32768
    """

    kind: ClassVar[str] = "norm"

    flavour: str = "rmsnorm"

    def __post_init__(self) -> None:
        check_arity(self, range(1, 4))
        if self.flavour not in FLOPS_PER_ELEMENT:
            raise ShapeError(f"{self.name}: unknown norm {self.flavour!r}. Known: layernorm, rmsnorm.")

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, flavour: str = "rmsnorm", name: str = "norm") -> Self:
        """Norm of plain extents, with weight and, for layernorm, bias.

        Args:
            rows: Rows, each normalised alone.
            width: Elements of a row.
            dtype: Of the rows and weights.
            flavour: ``rmsnorm`` or ``layernorm``.
            name: Of the operator.
        """
        vectors = ("weight", "bias") if flavour == "layernorm" else ("weight",)
        hidden = (Axis.of("hidden", width),)
        weights = tuple(Tensor(f"{name}.{vector}", hidden, dtype, Role.WEIGHT) for vector in vectors)
        row = row_tensor(f"{name}.in", rows, width, dtype)
        return cls(name, (row, *weights), (row_tensor(f"{name}.out", rows, width, dtype),), flavour)

    @property
    def flops(self) -> int:
        """Per element as in :data:`FLOPS_PER_ELEMENT`."""
        return FLOPS_PER_ELEMENT[self.flavour] * self.rows * self.width

    def gradients(self) -> Gradients:
        """Of the rows, from rows and incoming gradient; of scale and bias, as sums of both over the rows.

        Mean and scale of every row, which forward keeps too, are left out.
        """
        row, *weights = self.inputs
        each = FLOPS_PER_ELEMENT[self.flavour] + 2
        return Gradients(
            (RowGradient.back(self, (row, *weights[:1]), (row,), each),),
            (RowGradient.back(self, (row,), tuple(weights), 3),) if weights else (),
        )
