"""The wiring that keeps builders of operator graphs short: what a pass is, and the operators of one graph in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic, TypeVar

from accelsim.dtypes import DType, Scales
from accelsim.workload.features.residual import ResidualStream
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.layer import Layer
from accelsim.workload.operator import Operator
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.traversal import Traversal
from accelsim.workload.types import Operands, Types

M_co = TypeVar("M_co", bound=ResidualStream, covariant=True)


@dataclass(frozen=True)
class Pass:
    """One traversal of the model and how it is computed.

    Attributes:
        traversal: The tokens.
        recipe: Element types, attention, logits, routing.
        wide: Products whose weights the layer leaves wide, by the beginning of their names.
    """

    traversal: Traversal
    recipe: Recipe
    wide: frozenset[str] = frozenset()

    @property
    def is_ragged(self) -> bool:
        """Whether sequences differ, so that their tokens lie one behind another instead of side by side."""
        return len(self.traversal.spans) > 1

    @cached_property
    def outer(self) -> tuple[Axis, ...]:
        """Axes of the new tokens: ``batch`` and ``q_len``, or ``tokens`` where sequences differ."""
        if self.is_ragged:
            return (Axis.of("tokens", self.traversal.tokens),)
        (span,) = self.traversal.spans
        return Axis.of("batch", span.count), Axis.of("q_len", span.new)

    def of(self, traversal: Traversal) -> Pass:
        """Another traversal, computed alike."""
        return replace(self, traversal=traversal)

    def within(self, layer: Layer) -> Pass:
        """The pass inside a layer."""
        wide = layer.wide if self.types.leaves_wide else frozenset()
        return self if wide == self.wide else replace(self, wide=wide)

    @property
    def types(self) -> Types:
        """Element types by role."""
        return self.recipe.types

    def last(self) -> Pass:
        """The pass of the positions whose logits are computed."""
        if self.recipe.logits == "all":
            return self
        return self.of(Traversal.uniform(self.traversal.num_logits, 1))


class Wiring(Generic[M_co]):
    """Collects the operators of one graph, in order; each method adds one and returns what it writes.

    ``model`` is what is built: builders of a feature ask for a wiring of that feature.

    Where some operators see only a part of the tokens, :meth:`part` is the same collection over these, with names of
    its own; weights keep theirs.
    """

    def __init__(self, model: M_co, step: Pass, suffix: str = "") -> None:
        self.model = model
        self.step = step
        self.hidden = Axis.of("hidden", model.hidden_size)
        self._suffix = suffix
        self._operators: list[Operator] = []

    def part(self, traversal: Traversal, suffix: str) -> Wiring[M_co]:
        """The same graph, over a part of the tokens; names of operators and activations end with ``suffix``.

        Args:
            traversal: The part of the tokens.
            suffix: End of names.
        """
        part = Wiring(self.model, self.step.of(traversal), suffix)
        part._operators = self._operators
        return part

    def named(self, name: str) -> str:
        """The name of an operator or an activation here."""
        return name + self._suffix

    def activation(self, name: str, *axes: Axis) -> Tensor:
        """Activation ``[*tokens, *axes]``; see :attr:`Pass.outer`.

        Args:
            name: Of the tensor.
            axes: Behind those of the tokens.
        """
        return Tensor(self.named(name), (*self.step.outer, *axes), self.step.types.activations)

    def weight(self, name: str, *axes: Axis) -> Tensor:
        """Matrices of weights; the last two axes are what products sum over and what they give.

        Args:
            name: Of the tensor; its beginning says which part of the model it belongs to.
            axes: All of them.
        """
        format_ = self.operands(name).weights
        return Tensor(name, axes, format_.element, Role.WEIGHT, format_.weights)

    def vector(self, name: str, *axes: Axis) -> Tensor:
        """Weights of a norm, or biases: these are never quantised.

        Args:
            name: Of the tensor.
            axes: Usually one.
        """
        return Tensor(name, axes, self.step.types.activations, Role.WEIGHT)

    def operand(self, name: str, x: Tensor) -> Tensor:
        """``x`` as the product called ``name`` multiplies it.

        Args:
            name: Of the product.
            x: Its left operand.
        """
        return x.as_input(self.operands(name).inputs)

    def operands(self, name: str) -> Operands:
        """Of the part of the model that the name belongs to; what no part claims is taken for an MLP's."""
        step = self.step
        if any(f"{name}.".startswith(f"{product}.") for product in step.wide):
            return Operands.of(step.types.activations)
        part = next((part for prefix, part in _PARTS.items() if f"{name}.".startswith(prefix)), "mlp")
        return step.types.products.of_part(part)

    def add(self, operator: Operator) -> Tensor:
        """Add any operator; returns its first result."""
        self._operators.append(operator)
        return operator.outputs[0]

    def gemm(
        self, name: str, x: Tensor, columns: Axis, bias: bool = False, outputs: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """Linear layer over the last axis of ``x``; ``outputs`` when it writes several tensors.

        Args:
            name: Of the product.
            x: What is multiplied.
            columns: Of the result.
            bias: Whether it has one.
            outputs: What it writes, where that is not one plain tensor.
        """
        operands = [self.operand(name, x), self.weight(f"{name}.weight", x.axes[-1], columns)]
        if bias:
            operands.append(self.vector(f"{name}.bias", columns))
        result = (Tensor(self.named(f"{name}.out"), (*x.axes[:-1], columns), self.step.types.activations),)
        return self.add(Gemm(self.named(name), tuple(operands), outputs or result, has_bias=bias))

    def norm(self, name: str, x: Tensor) -> Tensor:
        """The model's norm over the last axis of ``x``.

        Args:
            name: Of the operator.
            x: What is normalised.
        """
        vectors = ("weight", "bias") if self.model.norm_bias else ("weight",)
        weights = tuple(self.vector(f"{name}.{vector}", x.axes[-1]) for vector in vectors)
        return self.add(Norm(name, (x, *weights), (replace(x, name=f"{name}.out"),), self.model.norm))

    def sum(self, name: str, *terms: Tensor) -> Tensor:
        """Sum of tensors of one shape.

        Args:
            name: Of the operator.
            terms: At least two.
        """
        return self.add(Elementwise(name, terms, (replace(terms[0], name=f"{name}.out"),), "add"))

    def graph(self, name: str) -> OperatorGraph:
        """The operators so far as a graph; a result that all who read it want quantised is written that way.

        One that some want wide stays wide, and the others quantise what they read of it themselves; neither costs time
        of its own (docs/assumptions.md, GPU-14).
        """
        forms: dict[str, set[tuple[DType, Scales | None]]] = {}
        for operator in self._operators:
            for tensor in operator.inputs:
                forms.setdefault(tensor.name, set()).add((tensor.dtype, tensor.scales))
        agreed = {name: next(iter(found)) for name, found in forms.items() if len(found) == 1}
        return OperatorGraph(name, tuple(_written_as(operator, agreed) for operator in self._operators))


def _written_as(operator: Operator, forms: Mapping[str, tuple[DType, Scales | None]]) -> Operator:
    """The operator with its results in the form in which they are read."""
    results = tuple(
        replace(tensor, dtype=forms[tensor.name][0], scales=forms[tensor.name][1])
        if tensor.role is Role.ACTIVATION and tensor.name in forms
        else tensor
        for tensor in operator.outputs
    )
    return operator if results == operator.outputs else replace(operator, outputs=results)


#: Part of a model by the beginning of the name of a product; the first that fits.
_PARTS = {
    "attn.": "attention",
    "mlp.": "mlp",
    "moe.experts": "experts",
    "moe.shared.gate.": "router",
    "moe.shared.": "shared",
    "moe.logits": "router",
    "embed.": "embedding",
    "head.": "head",
}
