"""Tokens on their way to the places that hold their experts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import MOST_INPUTS, RowOperator, check_arity, row_tensor
from accelsim.workload.operators.router import gates
from accelsim.workload.tensor import Axis


@register_operator("dispatch")
@dataclass(frozen=True)
class Dispatch(RowOperator):
    """Copies of the rows of ``x[tokens, hidden]``, sorted by the place that they go to, each place's with its gates.

    Reads ``x`` and the gates, writes ``rows[routed, hidden]`` of every place, then the gates of every place.

    Examples:
        >>> Dispatch.of(rows=4, width=64, sent=(3, 2)).rows
        5
    """

    kind: ClassVar[str] = "dispatch"

    def __post_init__(self) -> None:
        check_arity(self, range(2, 3), range(2, MOST_INPUTS + 1))

    @classmethod
    def of(cls, rows: int, width: int, sent: tuple[int, ...], top_k: int = 2, name: str = "dispatch") -> Self:
        """Plain extents in bf16.

        Args:
            rows: Tokens.
            width: Elements of each.
            sent: Rows that go to each place.
            top_k: Experts of a token.
            name: What the operator is called.
        """
        x = row_tensor(f"{name}.in", rows, width, DType.BF16)
        chosen = gates(f"{name}.gates", x.axes[:-1], top_k)
        copies = [row_tensor(f"{name}.out{place}", count, width, DType.BF16) for place, count in enumerate(sent)]
        weights = [gates(f"{name}.out.gates{at}", (Axis.of("routed", n),), top_k) for at, n in enumerate(sent)]
        return cls(name, (x, chosen), (*copies, *weights))

    @property
    def rows(self) -> int:
        """Rows written, over all places."""
        return sum(tensor.num_elements for tensor in self.outputs[: len(self.outputs) // 2]) // self.width

    @property
    def flops(self) -> int:
        """It only copies."""
        return 0
