"""Tokens on their way to the ranks that hold their experts, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.group import Group
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import row_tensor
from accelsim.workload.operators.collective import Collective

DIRECTIONS = ("dispatch", "combine")


@register_operator("exchange")
@dataclass(frozen=True)
class Exchange(Collective):
    """An all_to_all of tokens among the ranks of an expert-parallel group.

    Its tensors hold one row per token and rank that holds one of its experts, on average, of the rank that sends or
    receives most.  What a library really sends (per expert or per node, with scales) belongs to the network model,
    which finds the tokens here.

    Attributes:
        direction: ``dispatch`` (tokens to experts) or ``combine`` (results back).
        tokens: Tokens of one rank.
        top_k: Experts of a token.
        num_experts: Experts of the layer, over all ranks.
        load: Rows of the fullest rank over the mean.

    Raises:
        ShapeError: As :class:`Collective`, or an unknown direction.

    Examples:
        >>> there = Exchange.of(rows=100, hidden=64, group=Group("ep", 4))
        >>> there.function, there.nbytes
        ('all_to_all', 12800)
    """

    kind: ClassVar[str] = "exchange"

    direction: str = "dispatch"
    tokens: int = 1
    top_k: int = 1
    num_experts: int = 1
    load: float = 1.0

    def __post_init__(self) -> None:
        Collective.__post_init__(self)
        if self.direction not in DIRECTIONS:
            raise ShapeError(f"{self.name}: unknown direction {self.direction!r}. Known: {', '.join(DIRECTIONS)}.")

    @classmethod
    def of(  # type: ignore[override]
        cls, rows: int, hidden: int, group: Group, dtype: DType = DType.BF16, name: str = "exchange"
    ) -> Self:
        """Dispatch of ``rows`` tokens of ``hidden`` elements.

        Args:
            rows: Tokens of one rank.
            hidden: Elements of a token.
            group: Ranks that exchange.
            dtype: Of what is sent.
            name: Of the operator.
        """
        there, here = (row_tensor(f"{name}.{end}", rows, hidden, dtype) for end in ("in", "out"))
        return cls(name, (there,), (here,), "all_to_all", group, tokens=rows, num_experts=group.size)

    @property
    def hidden(self) -> int:
        """Elements of a token."""
        return self.inputs[0].axes[-1].size
