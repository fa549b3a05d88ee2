"""The passes of a long decode from a few of them: only lengths of the KV cache change from one step to the next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Axis, Tensor


def between(first: Workload, second: Workload, last: Workload, count: int) -> list[Workload] | None:
    """``count`` passes from ``first`` to ``last`` whose extents grow evenly; None if ``last`` is not reached so.

    Extents of a step are linear in its number, or stop growing once (a window is full), so passes that reach the last
    one by the growth from the first to the second are those that would be built one by one.  Operators without growth
    are one object in all of them.

    Args:
        first: The first pass.
        second: The pass after it; operators equal to those of ``first`` are the same objects.
        last: Pass ``count - 1``, to compare with.
        count: Passes.
    """
    if [segment.repeat for segment in first.segments] != [segment.repeat for segment in second.segments]:
        return None
    growths = {id(s): _growth(s.graph, t.graph) for s, t in zip(first.segments, second.segments, strict=True)}
    if any(growth is None for growth in growths.values()):
        return None

    def step(index: int) -> Workload:
        grown: dict[int, Segment] = {}
        for segment in first.segments:
            growth = growths[id(segment)]
            if growth and id(segment) not in grown:
                operators = list(segment.graph.operators)
                for at, by in growth.items():
                    operators[at] = _grown(operators[at], by, index)
                grown[id(segment)] = Segment(segment.graph.resized(tuple(operators)), segment.repeat)
        return replace(first, segments=tuple(grown.get(id(segment), segment) for segment in first.segments))

    passes = [first, second, *(step(index) for index in range(2, count))]
    return passes if passes[-1].segments == last.segments else None


#: For each tensor of an operator, inputs then outputs, what each of its axes grows by per step.
_Growth = tuple[tuple[int, ...], ...]


def _growth(first: OperatorGraph, second: OperatorGraph) -> dict[int, _Growth] | None:
    """Growth of the operators that differ, by index; None if they differ in anything but extents."""
    if len(first) != len(second):
        return None
    found: dict[int, _Growth] = {}
    for index, (a, b) in enumerate(zip(first, second, strict=True)):
        if a is b:
            continue
        tensors = [*zip(_tensors(a), _tensors(b), strict=False)]
        by = tuple(tuple(y.size - x.size for x, y in zip(s.axes, t.axes, strict=False)) for s, t in tensors)
        if len([*_tensors(a)]) != len([*_tensors(b)]) or _grown(a, by, 1) != b:
            return None
        found[index] = by
    return found


def _tensors(operator: Operator) -> Iterator[Tensor]:
    yield from operator.inputs
    yield from operator.outputs


def _grown(operator: Operator, by: _Growth, steps: int) -> Operator:
    """The operator ``steps`` steps later."""
    tensors = tuple(_longer(t, growth, steps) for t, growth in zip(_tensors(operator), by, strict=True))
    split = len(operator.inputs)
    return replace(operator, inputs=tensors[:split], outputs=tensors[split:])


def _longer(tensor: Tensor, growth: tuple[int, ...], steps: int) -> Tensor:
    if not any(growth):
        return tensor
    axes = tuple(
        Axis.of(axis.name, axis.count + by * steps, axis.width, axis.is_padded) if by else axis
        for axis, by in zip(tensor.axes, growth, strict=True)
    )
    return Tensor(tensor.name, axes, tensor.dtype, tensor.role, tensor.scales)
