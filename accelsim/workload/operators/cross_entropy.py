"""Cross entropy of logits against the token that came."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import Gradients, gradient_of, register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity, row_tensor
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Axis, Tensor

#: Maximum, subtract, exponential, sum.
FLOPS_PER_ELEMENT = 4
#: Of each row, in fp32: largest logit, logit of the label, sum of exponentials.
SUMS = 3


@register_operator("cross_entropy")
@dataclass(frozen=True)
class CrossEntropy(RowOperator):
    """Three sums per row of ``logits[batch, q_len, vocab]`` and one label each; the loss follows from them.

    Where the vocabulary is divided, every rank has sums over its part, and a collective of three numbers per row joins
    them.  Forward keeps the logits and the sums.

    Not modelled: that the maximum is joined before the exponentials are summed; the mean over rows.

    Source:
        Shoeybi et al., *Megatron-LM*, 2019, section 3 (parallel cross entropy).

    Examples:
        >>> CrossEntropy.of(rows=2, width=1000).flops
        8000
    """

    kind: ClassVar[str] = "cross_entropy"

    def __post_init__(self) -> None:
        check_arity(self, range(2, 3))

    @classmethod
    def of(cls, rows: int, width: int, dtype: DType = DType.FP32, name: str = "loss") -> Self:
        """Loss of plain extents.

        Args:
            rows: Tokens.
            width: The vocabulary.
            dtype: Of the logits.
            name: Of the operator.
        """
        logits = row_tensor(f"{name}.in", rows, width, dtype)
        return cls.after(replace(logits, axes=(logits.axes[0], Axis.of("vocab", width))), name)

    @classmethod
    def after(cls, logits: Tensor, name: str) -> Self:
        """Of logits that an operator writes.

        Args:
            logits: The vocabulary is their last axis.
            name: Of the operator.
        """
        labels = Tensor(f"{name}.labels", logits.axes[:-1], DType.INT32)
        sums = Tensor(f"{name}.out", (*logits.axes[:-1], Axis.of("sums", SUMS)), DType.FP32)
        return cls(name, (logits, labels), (sums,))

    @property
    def width(self) -> int:
        """The vocabulary."""
        return self.inputs[0].axes[-1].size

    @property
    def rows(self) -> int:
        """Tokens."""
        return self.inputs[1].num_elements

    @property
    def contracted_axes(self) -> frozenset[str]:
        """The vocabulary."""
        return frozenset({self.inputs[0].axes[-1].name})

    @property
    def flops(self) -> int:
        """:data:`FLOPS_PER_ELEMENT` per logit."""
        return FLOPS_PER_ELEMENT * self.rows * self.width

    def gradients(self) -> Gradients:
        """Softmax minus the label; no gradient comes in."""
        kept = (*self.inputs, *self.outputs)
        back = RowGradient(f"{self.name}.backward", kept, (gradient_of(self.inputs[0]),), self.kind, FLOPS_PER_ELEMENT)
        return Gradients((back,))
