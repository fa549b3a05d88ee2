"""Row operators: the last axis is worked on as a whole, all others are rows."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Axis, Role, Tensor

#: Tensors that one operator may add up or put side by side.
MOST_INPUTS = 4096


@dataclass(frozen=True)
class RowOperator(Operator):
    """An operator over the last axis of its first result.

    Its time is nearly always that of its bytes, which cost models take from ``reads`` and ``writes``.
    """

    @property
    def width(self) -> int:
        """Elements of one row of the first result."""
        return self.outputs[0].axes[-1].size

    @property
    def rows(self) -> int:
        """Rows of the first result."""
        return self.outputs[0].num_elements // self.width

    @property
    def num_inputs(self) -> int:
        """Activations read; scale and bias vectors do not count."""
        return sum(tensor.role is not Role.WEIGHT for tensor in self.inputs)

    @property
    def elements_read(self) -> int:
        """Elements of the activations read, numbers of rows and choices aside."""
        read = (tensor for tensor in self.inputs if tensor.role is not Role.WEIGHT and tensor.dtype is not DType.INT32)
        return sum(tensor.num_elements for tensor in read)

    @property
    def dtype(self) -> DType:
        """Element type it computes in: the widest it reads or writes, numbers of rows and choices aside."""
        tensors = [tensor for tensor in (*self.outputs, *self.inputs) if tensor.dtype is not DType.INT32]
        return max(tensors, key=lambda tensor: tensor.dtype.bits).dtype


def row_tensor(name: str, rows: int, width: int, dtype: DType) -> Tensor:
    """Activation of ``rows`` x ``width`` elements, for tests and measured tables.

    Args:
        name: Of the tensor.
        rows: Rows.
        width: Elements of each.
        dtype: Element type.
    """
    return Tensor(name, (Axis.of("batch", rows), Axis.of("hidden", width)), dtype)


def check_arity(operator: Operator, num_inputs: range, num_outputs: range = range(1, 2)) -> None:
    """Raise unless the operator has a possible number of operands and results.

    Args:
        operator: The operator.
        num_inputs: How many tensors it may read.
        num_outputs: How many it writes.

    Raises:
        ShapeError: It has not.
    """
    if len(operator.inputs) not in num_inputs:
        raise ShapeError(
            f"{operator.name}: {operator.kind} takes {_spelled(num_inputs)} inputs, got {len(operator.inputs)}"
        )
    if len(operator.outputs) not in num_outputs:
        raise ShapeError(
            f"{operator.name}: {operator.kind} has {_spelled(num_outputs)} outputs, got {len(operator.outputs)}"
        )


def _spelled(allowed: range) -> str:
    return str(allowed[0]) if len(allowed) == 1 else f"{allowed[0]} to {allowed[-1]}"
