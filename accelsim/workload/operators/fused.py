"""Row operators that a compiler made one kernel of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator, register_operator
from accelsim.workload.operators._rows import RowOperator
from accelsim.workload.tensor import Tensor


@register_operator("fused")
@dataclass(frozen=True)
class Fused(RowOperator):
    """A chain of row operators in one kernel: what passes between them stays in registers.

    Reads the operands that come from outside, writes the results that are read outside; an intermediate result that
    only the chain reads moves no byte.  Not modelled: recomputation instead of storing, chains across blocks.

    Attributes:
        parts: The operators in order.

    Raises:
        ShapeError: Fewer than two parts.

    Examples:
        >>> from accelsim.workload.operators.elementwise import Elementwise
        >>> from accelsim.workload.operators.norm import Norm
        >>> add, norm = Elementwise.of(4, 64, name="add"), Norm.of(4, 64, name="norm")
        >>> norm = replace(norm, inputs=(add.outputs[0], *norm.inputs[1:]))
        >>> fused = Fused.chain((add, norm), kept={"add.out", "norm.out"})
        >>> add.reads + add.writes + norm.reads + norm.writes - fused.reads - fused.writes  # one read of the sum
        512
    """

    kind: ClassVar[str] = "fused"

    parts: tuple[Operator, ...] = ()

    def __post_init__(self) -> None:
        if len(self.parts) < 2:
            raise ShapeError(f"{self.name}: a fused operator has at least two parts, got {len(self.parts)}.")

    @classmethod
    def chain(cls, parts: tuple[Operator, ...], kept: set[str]) -> Self:
        """One kernel for ``parts``, named after all of them.

        Args:
            parts: Row operators, each reading a result of one before.
            kept: Names of results that are read outside or leave the graph.
        """
        written = {tensor.name for part in parts for tensor in part.outputs}
        read: dict[str, Tensor] = {}
        for part in parts:
            read |= {tensor.name: tensor for tensor in part.inputs if tensor.name not in written}
        outputs = tuple(tensor for part in parts for tensor in part.outputs if tensor.name in kept)
        return cls("+".join(part.name for part in parts), tuple(read.values()), outputs, parts)

    @property
    def core(self) -> Operator:
        """The part whose kernel the others join: the last that reduces its rows, else the last."""
        return next((part for part in reversed(self.parts) if part.kind in ("norm", "softmax")), self.parts[-1])

    @property
    def flops(self) -> int:
        """Those of all parts."""
        return sum(part.flops for part in self.parts)

    def read_bytes(self, tensor: Tensor) -> int:
        """As the first part that reads it."""
        return next(part.read_bytes(tensor) for part in self.parts if tensor in part.inputs)

    def shard(self, degrees: dict[str, int]) -> Self:
        """The share of one rank: that of every part."""
        shared = super().shard(degrees)
        return replace(shared, parts=tuple(part.shard(degrees) for part in self.parts))
