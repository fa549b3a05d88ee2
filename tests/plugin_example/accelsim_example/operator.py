"""An operator: a running mean along the positions of each sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.tensor import Axis, Tensor

FLOPS_PER_ELEMENT = 3  # the difference, times a constant, added


@register_operator("running_mean")
@dataclass(frozen=True)
class RunningMean(Operator):
    """``y[t] = y[t-1] + (x[t] - y[t-1]) / 8``; each element read once and written once.

    Not modelled: the state that is kept between passes (one row per sequence).

    Examples:
        >>> RunningMean.of(rows=4, width=128).flops
        1536
    """

    kind: ClassVar[str] = "running_mean"

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.BF16, name: str = "running_mean") -> Self:
        """Of plain extents, for tests and measured tables."""
        axes = Axis.of("batch", rows), Axis.of("hidden", width)
        return cls(name, (Tensor(f"{name}.in", axes, dtype),), (Tensor(f"{name}.out", axes, dtype),))

    @property
    def width(self) -> int:
        """Elements of one position."""
        return self.outputs[0].axes[-1].size

    @property
    def rows(self) -> int:
        """Positions of all sequences."""
        return self.outputs[0].num_elements // self.width

    @property
    def dtype(self) -> DType:
        """Element type it computes in."""
        return self.outputs[0].dtype

    @property
    def flops(self) -> int:
        """:data:`FLOPS_PER_ELEMENT` per element."""
        return FLOPS_PER_ELEMENT * self.rows * self.width
