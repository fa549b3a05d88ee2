"""Several tensors side by side in one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import MOST_INPUTS, RowOperator, check_arity, row_tensor


@register_operator("concat")
@dataclass(frozen=True)
class Concat(RowOperator):
    """Copy of the inputs into one result, per head; a narrower input may be repeated for every head.

    Raises:
        ShapeError: The result is smaller than the inputs together.

    Examples:
        >>> pair = Concat.of(rows=2, widths=(4, 4))
        >>> pair.reads, pair.writes
        (32, 32)
    """

    kind: ClassVar[str] = "concat"

    def __post_init__(self) -> None:
        check_arity(self, range(2, MOST_INPUTS + 1))
        read = sum(tensor.num_elements for tensor in self.inputs)
        if self.outputs[0].num_elements < read:
            raise ShapeError(f"{self.name}: inputs of {read} elements do not fit {self.outputs[0].num_elements}")

    @classmethod
    def of(cls, rows: int, widths: tuple[int, ...], dtype: DType = DType.BF16, name: str = "concat") -> Self:
        """Copy of plain extents.

        Args:
            rows: Rows of all.
            widths: Elements of a row of each.
            dtype: Of all.
            name: Of the operator.
        """
        inputs = tuple(row_tensor(f"{name}.in{i}", rows, width, dtype) for i, width in enumerate(widths))
        return cls(name, inputs, (row_tensor(f"{name}.out", rows, sum(widths), dtype),))
