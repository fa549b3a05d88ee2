"""A tensor on its way from the ranks of one pipeline stage to those of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators._rows import check_arity
from accelsim.workload.tensor import Axis, Tensor

TWO_STAGES = Group("pp", 2)


@register_operator("send_recv")
@dataclass(frozen=True)
class SendRecv(Operator):
    """Every rank at one place of an axis sends its tensor to the rank at the next place.

    Attributes:
        group: The axis; neighbouring ranks of it send and receive.
        source: Place on the axis that sends, from 0.

    Raises:
        ShapeError: There is no place after ``source``, or the tensor changes its size.

    Examples:
        >>> SendRecv.of(4096, Group("pp", 4, stride=8), source=2).nbytes
        4096
    """

    kind: ClassVar[str] = "send_recv"

    group: Group = TWO_STAGES
    source: int = 0

    def __post_init__(self) -> None:
        check_arity(self, range(1, 2))
        if not 0 <= self.source < self.group.size - 1:
            raise ShapeError(f"{self.name}: source {self.source} has no next place among {self.group.size}")
        if self.inputs[0].num_elements != self.outputs[0].num_elements:
            raise ShapeError(f"{self.name}: what is received is not what was sent")

    @classmethod
    def of(cls, nbytes: int, group: Group, source: int = 0, dtype: DType = DType.BF16, name: str = "send_recv") -> Self:
        """Transfer of ``nbytes`` per rank, rounded up to whole elements.

        Args:
            nbytes: That one rank sends.
            group: The axis.
            source: Place on it that sends.
            dtype: Element type.
            name: Of the operator.
        """
        elements = (Axis.of("elements", max(1, -(-nbytes * 8 // dtype.bits))),)
        there, here = (Tensor(f"{name}.{end}", elements, dtype) for end in ("in", "out"))
        return cls(name, (there,), (here,), group, source)

    @property
    def dtype(self) -> DType:
        """Element type."""
        return self.inputs[0].dtype

    @property
    def nbytes(self) -> int:
        """Bytes that one rank sends."""
        return self.inputs[0].size_bytes
