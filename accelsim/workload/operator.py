"""What an operator is: tensors in, tensors out, and the arithmetic between; no hardware, no time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

from accelsim.errors import ConfigError
from accelsim.registry import Registry
from accelsim.workload.tensor import Role, Tensor


@dataclass(frozen=True, slots=True)
class Gradients:
    """What goes back through an operator: input and weight gradients apart, so that schedules can split them.

    Gradients have the name of their tensor and ``.grad`` behind it (:func:`gradient_of`).

    Attributes:
        inputs: Operators that make the gradients of activations of those of the results.
        weights: Operators that make the gradients of weights.
        through: Names of activations whose gradient is that of the first result, as it is (a residual addition).
        kept: What forward leaves for both, each once; what no operator reads is not kept.
    """

    inputs: tuple[Operator, ...] = ()
    weights: tuple[Operator, ...] = ()
    through: tuple[str, ...] = ()

    @property
    def kept(self) -> tuple[Tensor, ...]:
        """Activations of the forward pass that the operators read, each once."""
        operators = (*self.inputs, *self.weights)
        written = {tensor.name for operator in operators for tensor in operator.outputs}
        read = (tensor for operator in operators for tensor in operator.inputs if tensor.name not in written)
        forward = (tensor for tensor in read if tensor.role not in (Role.GRADIENT, Role.WEIGHT))
        return tuple({tensor.name: tensor for tensor in forward}.values())


def gradient_of(tensor: Tensor) -> Tensor:
    """The gradient of a tensor: its axes and element type, without scales."""
    return replace(tensor, name=f"{tensor.name}.grad", role=Role.GRADIENT, scales=None, reserved=0)


@dataclass(frozen=True)
class Operator:
    """One node of an operator graph.

    Extents are derived from the names of the axes of the tensors, so the share of one rank is the same operator
    over sharded tensors.  ``reads`` and ``writes`` are compulsory traffic: each operand once, whatever the tiling;
    re-reads caused by a small memory belong to the cost model.

    Attributes:
        name: Unique in its graph, e.g. ``"attn.qkv"``; the part before the first dot is the group reports use.
        inputs: Tensors read.
        outputs: Tensors written.
    """

    kind: ClassVar[str] = "operator"

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def flops(self) -> int:
        """Floating-point operations; one multiply-accumulate counts as two."""
        return 0

    @property
    def reads(self) -> int:
        """Bytes of all operands, each read once."""
        return sum([self.read_bytes(tensor) for tensor in self.inputs])

    @property
    def writes(self) -> int:
        """Bytes of all results, each written once."""
        return sum([tensor.size_bytes for tensor in self.outputs])

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights among the operands."""
        return sum([tensor.size_bytes for tensor in self.inputs if tensor.role is Role.WEIGHT])

    @property
    def contracted_axes(self) -> frozenset[str]:
        """Axes summed over: sharding one of them leaves partial sums that a collective must reduce."""
        return frozenset()

    def read_bytes(self, tensor: Tensor) -> int:
        """Bytes read of one operand; less than the tensor where only a part of it is touched (an embedding table)."""
        return tensor.size_bytes

    def activated(self, tensor: Tensor) -> int:
        """Elements of a weight that one token meets; fewer than it has where a token is routed to a part of it."""
        return tensor.num_elements

    def gradients(self) -> Gradients:
        """What goes back through it in training.

        Raises:
            ConfigError: None is modelled for the kind.
        """
        raise ConfigError(
            f"{self.name}: training does not go back through {self.kind} yet. It goes back through products, "
            "attention, norms, embeddings, softmax, rotary positions and functions of elements."
        )

    @cached_property
    def role_bytes(self) -> Mapping[Role, int]:
        """Compulsory bytes, reads plus writes, by tensor role; roles without traffic are left out."""
        total: dict[Role, int] = {}
        for tensor in self.inputs:
            total[tensor.role] = total.get(tensor.role, 0) + self.read_bytes(tensor)
        for tensor in self.outputs:
            total[tensor.role] = total.get(tensor.role, 0) + tensor.size_bytes
        return {role: nbytes for role, nbytes in total.items() if nbytes}

    def shard(self, degrees: dict[str, int]) -> Self:
        """The share of one rank when the axes named in ``degrees`` are divided."""
        return replace(
            self,
            inputs=tuple(tensor.shard(degrees) for tensor in self.inputs),
            outputs=tuple(tensor.shard(degrees) for tensor in self.outputs),
        )


def role_bytes(operator: Operator) -> Mapping[Role, int]:
    """Compulsory bytes of ``operator``, reads plus writes, by tensor role; roles without traffic are left out."""
    return operator.role_bytes


#: kind -> operator class; a new operator is one file in ``operators/`` with this decorator.
OPERATORS: Registry[type[Operator]] = Registry("operator", "accelsim.workload.operators")
register_operator = OPERATORS.register
