"""The sum of partial results that arrive over a tree, added up on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import MOST_INPUTS as MOST_INPUTS
from accelsim.workload.operators.elementwise import Elementwise


@register_operator("tree_sum")
@dataclass(frozen=True)
class TreeSum(Elementwise):
    """Element by element sum of two or more partial results, each of which was computed elsewhere.

    All additions are counted; those of partial results that meet on their way are made where they meet, so the place
    of the operator reads two operands only: what has been summed and what arrives last.

    Raises:
        ShapeError: Fewer than two inputs, or inputs that do not match the result.
    """

    kind: ClassVar[str] = "tree_sum"

    @property
    def num_inputs(self) -> int:
        """Operands read where the sum ends."""
        return 2
