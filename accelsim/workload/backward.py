"""The way back through a graph, as a pass: the gradients of its operators in reverse order, joined where they meet.

Every operator says what goes back through it (:meth:`~accelsim.workload.operator.Operator.gradients`); here gradients
of a tensor that several operators read are added, and those that pass a sum unchanged keep one name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from accelsim.dtypes import DType
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.operator import Gradients, Operator, gradient_of
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.tensor import Role, Tensor


def backward(graph: OperatorGraph, again: Iterable[Operator] = ()) -> OperatorGraph:
    """The graph of gradients of a forward graph.

    It reads the gradients of what leaves the graph, weights, and what forward keeps: the activations that enter it.

    Args:
        graph: Operators of the forward pass.
        again: Those of them that are computed again first instead of being kept.

    Raises:
        ConfigError: An operator has no gradients.
    """
    way = _WayBack(graph)
    for operator in reversed(graph.operators):
        way.through(operator)
    way.close(graph.entering)
    return OperatorGraph(f"{graph.name}.backward", (*_repeated(tuple(again)), *way.operators))


def _repeated(again: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """Operators that run again; what none of them reads is kept from the first time."""
    read = {tensor.name for operator in again for tensor in operator.inputs}

    def renamed(tensor: Tensor) -> Tensor:
        return (
            tensor
            if tensor.name in read or tensor.dtype is DType.INT8
            else replace(tensor, name=f"{tensor.name}.again")
        )

    return tuple(
        replace(operator, name=f"{operator.name}.again", outputs=tuple(map(renamed, operator.outputs)))
        for operator in again
    )


def kept_tensors(back: OperatorGraph) -> tuple[Tensor, ...]:
    """Activations that forward keeps for a backward graph, each once.

    Args:
        back: The backward graph, whole or one rank's share.
    """
    return back.entering


class _WayBack:
    """Collects gradients from the end of a graph to its beginning."""

    def __init__(self, graph: OperatorGraph) -> None:
        self.operators: list[Operator] = []
        self._found: dict[str, list[Tensor]] = {}
        for tensor in graph.leaving:
            self._found[tensor.name] = [gradient_of(tensor)]

    def through(self, operator: Operator) -> None:
        """Add what goes back through one operator."""
        holders: dict[str, str] = {}
        for tensor in operator.outputs:
            holder = self._sum(tensor)
            if holder is not None:
                holders[gradient_of(tensor).name] = holder.name
        if not holders:
            return
        gradients = operator.gradients()
        for one in (*gradients.inputs, *gradients.weights):
            self.operators.append(self._renamed(one, operator, gradients, holders))
        incoming = self._found[operator.outputs[0].name][0]
        for tensor in operator.inputs:
            if tensor.name in gradients.through:
                self._found.setdefault(tensor.name, []).append(replace(incoming, axes=tensor.axes))

    def close(self, entering: Iterable[Tensor]) -> None:
        """Add what has come together of the activations that enter the forward graph."""
        for tensor in entering:
            self._sum(tensor)

    def _sum(self, tensor: Tensor) -> Tensor | None:
        """What holds the gradient of a tensor; gradients of several readers are added first."""
        parts = self._found.get(tensor.name)
        if not parts:
            return None
        if len(parts) > 1:
            whole = gradient_of(tensor)
            same = tuple(replace(part, axes=tensor.axes) for part in parts)
            self.operators.append(Elementwise(f"{tensor.name}.sum", same, (whole,), "add"))
            self._found[tensor.name] = [whole]
        return self._found[tensor.name][0]

    def _renamed(self, one: Operator, operator: Operator, gradients: Gradients, holders: Mapping[str, str]) -> Operator:
        """The operator reading gradients where they are, and writing its part of those of shared tensors."""
        inputs = tuple(replace(tensor, name=holders.get(tensor.name, tensor.name)) for tensor in one.inputs)
        outputs = []
        known = {gradient_of(tensor).name: tensor for tensor in operator.inputs if _has_gradient(tensor)}
        for tensor in one.outputs:
            forward = known.get(tensor.name)
            if forward is None or forward.role is Role.WEIGHT:
                outputs.append(tensor)
                continue
            part = replace(tensor, name=f"{tensor.name}.{operator.name}")
            self._found.setdefault(forward.name, []).append(part)
            outputs.append(part)
        return replace(one, inputs=inputs, outputs=tuple(outputs))


def _has_gradient(tensor: Tensor) -> bool:
    return tensor.dtype is not DType.INT32
