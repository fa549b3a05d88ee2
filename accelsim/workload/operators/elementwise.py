"""Element by element functions: residual additions and activation functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Gradients, register_operator
from accelsim.workload.operators._rows import MOST_INPUTS, RowOperator, check_arity, row_tensor
from accelsim.workload.operators.row_gradient import RowGradient
from accelsim.workload.tensor import Axis, Tensor

#: Operations per element of the result.  gelu is the tanh form (three products and a sum for the cubic, two products,
#: tanh, one sum, one product); silu is x / (1 + exp(-x)).  Functions ending in ``_mul`` are gated: the input is twice
#: as wide and the activated half multiplies the other.  ``scale`` multiplies each row by one element of a second input.
FLOPS_PER_ELEMENT = {
    "add": 1,
    "copy": 0,
    "gelu": 9,
    "gelu_mul": 10,
    "mul": 1,
    "relu": 1,
    "relu_mul": 2,
    "scale": 1,
    "silu": 4,
    "silu_mul": 5,
}
_ARITY = {"add": range(2, MOST_INPUTS + 1), "mul": range(2, MOST_INPUTS + 1), "scale": range(2, 3)}


@register_operator("elementwise")
@dataclass(frozen=True)
class Elementwise(RowOperator):
    """A function of elements at the same position; each input read once, the result written once.

    Not modelled: fusion into the operator before or after.  ``add`` of n inputs does n - 1 additions per element.

    Attributes:
        function: One of :data:`FLOPS_PER_ELEMENT`.

    Raises:
        ShapeError: Unknown function, or inputs that do not match the result.

    Source:
        Hendrycks and Gimpel, *Gaussian Error Linear Units*, 2016, section 2; Shazeer, *GLU Variants Improve
        Transformer*, 2020, equation 5; operations counted from them.

    Examples:
        >>> gate = Elementwise.of(rows=1, width=14336, function="silu_mul")
        >>> gate.reads, gate.writes, gate.flops
        (57344, 28672, 71680)
    """

    kind: ClassVar[str] = "elementwise"

    function: str = "add"

    def __post_init__(self) -> None:
        if self.function not in FLOPS_PER_ELEMENT:
            known = ", ".join(sorted(FLOPS_PER_ELEMENT))
            raise ShapeError(f"{self.name}: unknown function {self.function!r}. Known: {known}.")
        check_arity(self, _ARITY.get(self.function, range(1, 2)))
        expected = self.outputs[0].num_elements * (2 if self.is_gated else 1)
        for tensor in self.inputs[:1] if self.function == "scale" else self.inputs:
            if tensor.num_elements != expected:
                raise ShapeError(
                    f"{self.name}: {self.function} needs inputs of {expected} elements, {tensor.name} has "
                    f"{tensor.num_elements}"
                )

    @classmethod
    def of(
        cls,
        rows: int,
        width: int,
        dtype: DType = DType.BF16,
        function: str = "add",
        num_inputs: int | None = None,
        name: str = "elementwise",
    ) -> Self:
        """Function of plain extents; ``width`` is that of the result, ``num_inputs`` defaults to what it needs.

        Args:
            rows: Rows of every operand.
            width: Elements of a row of the result.
            dtype: Element type of all operands.
            function: What is computed of each element.
            num_inputs: Operands.
            name: Of the operator.
        """
        if num_inputs is None:
            num_inputs = 2 if function in ("add", "mul") else 1
        result = row_tensor(f"{name}.out", rows, width, dtype)
        gated = (Axis.of("batch", rows), Axis("gate_up", ((width, 1), (width, 1))))
        axes = gated if function.endswith("_mul") else result.axes
        inputs = tuple(Tensor(f"{name}.in{i}", axes, dtype) for i in range(num_inputs))
        return cls(name, inputs, (result,), function)

    @property
    def is_gated(self) -> bool:
        """Whether the input holds a gate and a value per element of the result."""
        return self.function.endswith("_mul")

    @property
    def flops(self) -> int:
        """Per element as in :data:`FLOPS_PER_ELEMENT`."""
        repeats = len(self.inputs) - 1 if self.function in ("add", "mul") else 1
        return FLOPS_PER_ELEMENT[self.function] * repeats * self.rows * self.width

    def gradients(self) -> Gradients:
        """Of a sum, the incoming gradient itself; of other functions, from their operands.

        Raises:
            ConfigError: A product of tensors, whose gradients are not modelled.
        """
        if self.function == "add":
            return Gradients(through=tuple(tensor.name for tensor in self.inputs))
        if self.function in ("mul", "scale"):
            return super().gradients()
        kept = () if self.function == "copy" else self.inputs
        return Gradients((RowGradient.back(self, kept, self.inputs, 2 * FLOPS_PER_ELEMENT[self.function]),))
