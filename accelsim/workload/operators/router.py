"""The small operators around experts: the choice of a token's experts, and the sum of what they return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import MOST_INPUTS, RowOperator, check_arity, row_tensor
from accelsim.workload.tensor import Axis, Tensor

#: Scores per expert (softmax or sigmoid, five operations) and one comparison per expert and choice.
SCORE_FLOPS = 5


@register_operator("router")
@dataclass(frozen=True)
class Router(RowOperator):
    """Scores of all experts for each token, and the ``top_k`` best with their weights.

    Reads ``logits[..., routes]`` and writes ``gates[..., chosen]``: a weight and a number per choice, 8 bytes.

    Source:
        Shazeer et al., *Outrageously Large Neural Networks*, 2017, equations 3 to 5 (operations counted).

    Examples:
        >>> Router.of(rows=2, num_experts=8, top_k=2).flops  # 2 rows x 8 experts x (5 + 2)
        112
    """

    kind: ClassVar[str] = "router"

    def __post_init__(self) -> None:
        check_arity(self, range(1, 3))

    @classmethod
    def of(cls, rows: int, num_experts: int, top_k: int, dtype: DType = DType.BF16, name: str = "router") -> Self:
        """Routing of plain extents.

        Args:
            rows: Tokens.
            num_experts: Experts to choose from.
            top_k: Experts that each token is sent to.
            dtype: Element type of the scores.
            name: What the operator is called.
        """
        logits = row_tensor(f"{name}.in", rows, num_experts, dtype)
        return cls(name, (logits,), (gates(f"{name}.out", (Axis.of("batch", rows),), top_k),))

    @property
    def num_experts(self) -> int:
        """Experts a token chooses from."""
        return self.inputs[0].axes[-1].size

    @property
    def top_k(self) -> int:
        """Choices of a token."""
        return self.outputs[0].axes[-1].count

    @property
    def width(self) -> int:
        """Scores of one token."""
        return self.num_experts

    @property
    def rows(self) -> int:
        """Tokens."""
        return self.inputs[0].num_elements // self.num_experts

    @property
    def dtype(self) -> DType:
        """Element type of the scores."""
        return self.inputs[0].dtype

    @property
    def flops(self) -> int:
        """:data:`SCORE_FLOPS` and one comparison per choice, for each score."""
        return self.rows * self.num_experts * (SCORE_FLOPS + self.top_k)


def gates(name: str, outer: tuple[Axis, ...], top_k: int) -> Tensor:
    """Weight and number of each chosen expert: two words of 4 bytes per choice.

    Args:
        name: Of the tensor.
        outer: Axes of the tokens.
        top_k: Experts of a token.
    """
    return Tensor(name, (*outer, Axis.of("chosen", top_k, 2)), DType.INT32)


@register_operator("combine")
@dataclass(frozen=True)
class Combine(RowOperator):
    """Sum of what the ranks that hold a token's experts return for it.

    Reads ``rows[routed, hidden]``, of one or several places, and writes ``Y[tokens, hidden]``; one addition per element
    read.

    Examples:
        >>> Combine.of(returned=6, rows=2, width=4).flops
        24
    """

    kind: ClassVar[str] = "combine"

    def __post_init__(self) -> None:
        check_arity(self, range(1, MOST_INPUTS + 1))

    @classmethod
    def of(cls, returned: int, rows: int, width: int, dtype: DType = DType.BF16, name: str = "combine") -> Self:
        """Sum of ``returned`` rows into ``rows``.

        Args:
            returned: Rows that come back from experts, all copies of a token counted.
            rows: Tokens.
            width: Elements of a row.
            dtype: Element type of both.
            name: What the operator is called.
        """
        back, result = row_tensor(f"{name}.in", returned, width, dtype), row_tensor(f"{name}.out", rows, width, dtype)
        return cls(name, (back,), (result,))

    @property
    def flops(self) -> int:
        """One per element returned."""
        return sum(tensor.num_elements for tensor in self.inputs)
