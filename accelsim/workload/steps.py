"""Steps of a decode as one value: only lengths of the KV cache change from one step to the next, and evenly.

A :class:`StepSeries` holds its first, second and last step and says what every other is: an extent is linear in the
number of the step, and growth from the first to the second that reaches the last is the growth of all.  (An extent
may stop growing once, when a window is full; then the last step is not reached so, and there are two series.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Axis, Tensor

FloatArray = npt.NDArray[np.float64]

#: For each tensor of an operator, inputs then outputs, what each of its axes grows by per step.
_Growth = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class OperatorSeries:
    """An operator in every step of a series.

    Attributes:
        first: The operator in the first step.
        growth: What its axes grow by.
        count: Steps.
    """

    first: Operator
    growth: _Growth
    count: int

    def at(self, step: int) -> Operator:
        """The operator in one step."""
        return _grown(self.first, self.growth, step) if step else self.first

    @cached_property
    def _on_the_line(self) -> Mapping[int, Operator]:
        """The operators that every column asks for."""
        return {step: self.at(step) for step in (0, 1, self.count // 2, self.count - 1)}

    def column(self, figure: Callable[[Any], float]) -> FloatArray:
        """A figure of the operator in every step. float64[count]; whole numbers are exact up to 2**53."""
        known = self._on_the_line
        return _column(lambda step: figure(known[step] if step in known else self.at(step)), self.count)


@dataclass(frozen=True, eq=False)
class StepSeries:
    """Consecutive passes through a model that differ in extents only, which grow evenly.

    Attributes:
        first: The first pass.
        second: The pass after it; operators without growth are the objects of the first.
        last: The last pass, likewise.
        count: Passes.
        start: Number of the first pass in its phase.
    """

    first: Workload
    second: Workload
    last: Workload
    count: int = 1
    start: int = 0

    @classmethod
    def one(cls, workload: Workload, start: int = 0) -> StepSeries:
        """A single pass.

        Args:
            workload: The pass.
            start: Its number in the phase.
        """
        return cls(workload, workload, workload, 1, start)

    @cached_property
    def growing(self) -> tuple[Mapping[int, OperatorSeries], ...]:
        """For each segment, its operators that grow, by index."""
        pairs = zip(self.first.segments, self.second.segments, strict=True)
        return tuple(
            {
                index: OperatorSeries(a.graph.operators[index], growth, self.count)
                for index, growth in (_growth(a.graph, b.graph) or {}).items()
            }
            for a, b in pairs
        )

    def at(self, step: int) -> Workload:
        """One pass, its operators without growth shared with all others."""
        known = {0: self.first, 1: self.second, self.count - 1: self.last}
        if step in known:
            return known[step]
        segments = []
        for segment, growing in zip(self.first.segments, self.growing, strict=True):
            operators = list(segment.graph.operators)
            for index, series in growing.items():
                operators[index] = series.at(step)
            segments.append(replace(segment, graph=segment.graph.resized(tuple(operators))) if growing else segment)
        stem = self.first.name.removesuffix(str(self.start))
        return replace(self.first, name=f"{stem}{self.start + step}", segments=tuple(segments))

    def __iter__(self) -> Iterator[Workload]:
        return (self.at(step) for step in range(self.count))

    def map(self, function: Callable[[Sequence[Workload]], Sequence[Workload]]) -> tuple[StepSeries, ...]:
        """What a pass over workloads makes of all steps: it is applied to first, second and last where that is enough.

        Args:
            function: Takes workloads and gives one for each; what is one object in them is one object in the results.
        """
        if self.count == 1:
            (only,) = function([self.first])
            return (StepSeries.one(only, self.start),)
        first, second, last = function([self.first, self.second, self.last])
        found = series_of(first, second, last, self.count, self.start)
        if found is not None:
            return (found,)
        return tuple(StepSeries.one(one, self.start + at) for at, one in enumerate(function(list(self))))

    def total(self, figure: Callable[[Workload], float]) -> float:
        """Sum of a figure over all steps."""
        return float(_column(lambda step: figure(self.at(step)), self.count).sum())


def series_of(first: Workload, second: Workload, last: Workload, count: int, start: int) -> StepSeries | None:
    """The series of ``count`` passes from ``first`` to ``last``; None if ``last`` is not reached by even growth.

    Args:
        first: The first pass.
        second: The pass after it.
        last: Pass ``count - 1``.
        count: Passes, at least 2.
        start: Number of the first pass in its phase.
    """
    second, last = _sharing(second, first), _sharing(last, first)
    if not len(first.segments) == len(second.segments) == len(last.segments):
        return None
    for a, b, z in zip(first.segments, second.segments, last.segments, strict=True):
        growths = None if a.repeat != b.repeat else _growth(a.graph, b.graph)
        if growths is None or a.repeat != z.repeat or len(a.graph) != len(z.graph):
            return None
        for index, (before, after) in enumerate(zip(a.graph, z.graph, strict=True)):
            grown = _grown(before, growths[index], count - 1) if index in growths else before
            if grown is not after and grown != after:
                return None
    return StepSeries(first, second, last, count, start)


def _column(figure: Callable[[int], float], count: int) -> FloatArray:
    """A figure of every step.

    Figures are products and minima of extents, so they lie on a line or bend one way: what is on the line through the
    first and last step at two steps between is on it everywhere.  Others are asked for step by step.
    """
    if count < 5:
        return np.array([figure(step) for step in range(count)], dtype=np.float64)
    ends = figure(0), figure(count - 1)
    slope = (ends[1] - ends[0]) / (count - 1)
    if all(figure(step) == ends[0] + slope * step for step in (1, count // 2)):
        return np.asarray(ends[0] + slope * np.arange(count, dtype=np.float64), dtype=np.float64)
    return np.array([figure(step) for step in range(count)], dtype=np.float64)


def _sharing(workload: Workload, model: Workload) -> Workload:
    """The workload with segments and operators of ``model`` where they are equal."""
    if workload is model or len(workload.segments) != len(model.segments):
        return workload
    pairs = zip(workload.segments, model.segments, strict=True)
    return replace(workload, segments=tuple(_shared_segment(*pair) for pair in pairs))


def _shared_segment(segment: Segment, model: Segment) -> Segment:
    old = model.graph.operators
    if segment is model or segment.repeat != model.repeat or len(segment.graph) != len(old):
        return segment
    shared = tuple(b if a is b or a == b else a for a, b in zip(segment.graph, old, strict=True))
    if all(a is b for a, b in zip(shared, old, strict=True)) and segment.name == model.name:
        return model
    return replace(segment, graph=OperatorGraph(segment.graph.name, shared))


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
