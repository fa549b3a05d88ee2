"""What a training step does with gradients and optimizer states, parameter by parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._rows import RowOperator, check_arity
from accelsim.workload.tensor import Axis, Role, Tensor


@register_operator("optimizer_step")
@dataclass(frozen=True)
class OptimizerStep(RowOperator):
    """One kernel over all parameters of a chip: each operand read once, each result written once.

    The first input is the gradients; what it reads and writes of each parameter follows from its tensors.

    Attributes:
        flops_each: Operations per parameter.

    Examples:
        >>> step = OptimizerStep.of(1000)
        >>> step.reads, step.writes  # fp32 gradient and three states; the states again
        (16000, 12000)
    """

    kind: ClassVar[str] = "optimizer_step"

    flops_each: int = 1

    def __post_init__(self) -> None:
        check_arity(self, range(1, 9), range(1, 9))

    @classmethod
    def of(cls, parameters: int, name: str = "optimizer") -> Self:
        """Adam over so many parameters.

        Args:
            parameters: Of one chip.
            name: Of the operator.
        """
        states = tuple(state(f"{name}.{one}", parameters) for one in ("master", "mean", "square"))
        written = tuple(state(f"{name}.{one}.new", parameters) for one in ("master", "mean", "square"))
        return cls(name, (state(f"{name}.grads", parameters, Role.GRADIENT), *states), written, 13)

    @property
    def width(self) -> int:
        """Parameters."""
        return self.inputs[0].num_elements

    @property
    def rows(self) -> int:
        """One."""
        return 1

    @property
    def flops(self) -> int:
        """:attr:`flops_each` per parameter."""
        return self.flops_each * self.width


def state(
    name: str, parameters: int, role: Role = Role.OPTIMIZER_STATE, dtype: DType = DType.FP32, axis: str = "parameters"
) -> Tensor:
    """A number of every parameter.

    Args:
        name: Of the tensor.
        parameters: Of one chip.
        role: What it is to the model.
        dtype: Of each number.
        axis: Name of the only axis.
    """
    return Tensor(name, (Axis.of(axis, parameters),), dtype, role)
