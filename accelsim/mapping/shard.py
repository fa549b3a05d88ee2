"""Tensor parallelism as a pass: divide the axes Megatron divides, reduce where partial sums are left.

An axis is divided by its *name*, so the pass knows no operator: an operator whose contracted axis was divided
leaves partial sums, and an ``all_reduce`` over the group follows it (row-parallel GEMM, vocabulary-parallel
embedding), or the sum it is added to if that sums nothing else (routed and shared experts); a divided tensor that
leaves the model is gathered (the logits).  Experts are divided by :mod:`accelsim.mapping.parallel.experts`.

Source:
    Shoeybi et al., *Megatron-LM*, arXiv:1909.08053, section 3 (column- then row-parallel pairs).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace

from accelsim.dtypes import DType
from accelsim.errors import PlanError, ShapeError, VerificationError
from accelsim.mapping.parallel.experts import check_experts, exchange_experts, share_experts
from accelsim.mapping.plan import Plan
from accelsim.workload.axes import TENSOR_PARALLEL_AXES
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.experts import Experts
from accelsim.workload.steps import StepSeries
from accelsim.workload.tensor import Role, Tensor


def shard(workload: Workload, plan: Plan) -> Workload:
    """One rank's share of ``workload`` with the collectives that join the ranks.

    Args:
        workload: The operators of one replica of the model, undivided.
        plan: Degrees of parallelism; ``tp`` and ``ep`` divide axes.

    Raises:
        PlanError: ``tp`` does not divide the heads, the FFN or the vocabulary.
    """
    return shard_all([workload], plan)[0]


def shard_series(passes: Iterable[StepSeries], plan: Plan) -> tuple[StepSeries, ...]:
    """One rank's share of each of several passes.

    Args:
        passes: The passes of a phase, undivided.
        plan: Degrees of parallelism; ``tp`` and ``ep`` divide axes.

    Raises:
        PlanError: As :func:`shard`.
    """
    return tuple(
        itertools.chain.from_iterable(series.map(lambda workloads: shard_all(workloads, plan)) for series in passes)
    )


def shard_all(workloads: Sequence[Workload], plan: Plan) -> list[Workload]:
    """One rank's share of each of several workloads.

    Args:
        workloads: Passes with the same operators, of other sizes.
        plan: Degrees of parallelism; ``tp`` and ``ep`` divide axes.

    Raises:
        PlanError: As :func:`shard`.
    """
    has_experts = any(isinstance(op, Experts) for segment in workloads[0].segments for op in segment.graph)
    check_experts(plan, has_experts)
    if plan.tp == plan.ep == 1:
        return list(workloads)
    sharder = _Sharder(plan, workloads[0].reduce)
    shares = []
    for workload in workloads:
        shares.append(replace(workload, segments=sharder.segments(workload)))
        _verify(workload, shares[-1], plan.tp)
    return shares


class _Sharder:
    """Shards segments by a plan; equal ones once."""

    def __init__(self, plan: Plan, reduce: DType | None) -> None:
        self._plan = plan
        self._reduce = reduce
        self._tp = plan.tp
        self._group = plan.mesh.group("tp")
        self._degrees = dict.fromkeys(TENSOR_PARALLEL_AXES, plan.tp)
        self._segments: dict[tuple[Segment, frozenset[str]], Segment] = {}

    def segments(self, workload: Workload) -> tuple[Segment, ...]:
        """One rank's share of each segment."""
        return tuple(self._segment(segment, workload.exported(at)) for at, segment in enumerate(workload.segments))

    def _segment(self, segment: Segment, exported: frozenset[str]) -> Segment:
        key = segment, exported
        if key not in self._segments:
            self._segments[key] = replace(segment, graph=self._graph(segment.graph, exported))
        return self._segments[key]

    def _graph(self, graph: OperatorGraph, exported: frozenset[str]) -> OperatorGraph:
        """What becomes of each operator, in order; what others read through ports leaves whole."""
        read = {tensor.name for operator in graph for tensor in operator.inputs}
        unreduced = self._unreduced(graph) - exported
        shares: list[Operator] = []
        for operator in graph:
            name = operator.outputs[0].name
            reduces_here = any(tensor.name in unreduced for tensor in operator.inputs)
            shares += self._share(graph.name, operator, name in read, name in unreduced, reduces_here)
        share = OperatorGraph(graph.name, tuple(shares))
        self._check_exported(graph, share, exported)
        return share

    def _check_exported(self, graph: OperatorGraph, share: OperatorGraph, exported: frozenset[str]) -> None:
        """Refuse results that ports read whole and that operators of the block read divided."""
        sizes = {t.name: t.num_elements for operator in graph for t in operator.outputs if t.name in exported}
        for tensor in (t for operator in share for t in operator.outputs if t.name in exported):
            if tensor.num_elements != sizes[tensor.name]:
                raise PlanError(
                    f"{graph.name}: {tensor.name!r} is read whole by another segment, divided by tp={self._tp} here. "
                    "Let a copy of it leave the block, or use tp=1."
                )

    def _unreduced(self, graph: OperatorGraph) -> frozenset[str]:
        """Partial results that are only added to other partial ones: their sum is reduced instead of each."""
        partial = {op.outputs[0].name for op in graph if self._leaves_partial_sums(op)}
        readers: dict[str, int] = {}
        for operator in graph:
            for tensor in operator.inputs:
                readers[tensor.name] = readers.get(tensor.name, 0) + 1
        sums = [op for op in graph if isinstance(op, Elementwise) and op.function == "add"]
        return frozenset(
            tensor.name
            for op in sums
            if all(tensor.name in partial and readers[tensor.name] == 1 for tensor in op.inputs)
            for tensor in op.inputs
        )

    def _leaves_partial_sums(self, operator: Operator) -> bool:
        if isinstance(operator, Experts) and self._plan.ep > self._tp:
            return False
        return any(self._degrees.get(axis, 1) > 1 for axis in operator.contracted_axes)

    def _share(
        self, graph: str, operator: Operator, is_read: bool, is_unreduced: bool, reduces_here: bool
    ) -> tuple[Operator, ...]:
        """The share of one operator, and the collectives around it, if any."""
        try:
            if isinstance(operator, Experts) and self._plan.ep > self._tp:
                return tuple(exchange_experts(operator, self._plan))
            if isinstance(operator, Experts) and self._plan.ep > 1:
                local: Operator = share_experts(operator, self._plan)
            else:
                local = operator.shard(self._degrees)
        except ShapeError as error:
            raise PlanError(f"{graph}/{operator.name}: tp={self._tp} does not fit: {error}") from error
        if is_unreduced:
            return (local,)
        if reduces_here or self._leaves_partial_sums(operator):
            partial = local.outputs[0]
            if self._reduce is not None and self._reduce is not partial.dtype:
                partial = replace(partial, dtype=self._reduce, scales=None)
            return _with_collective(local, "all_reduce", partial, self._group)
        is_result = local.outputs[0].role is not Role.GRADIENT  # gradients stay where the tensors are
        if not is_read and is_result and local.outputs != operator.outputs:
            return _with_collective(local, "all_gather", operator.outputs[0], self._group)
        return (local,)


def _with_collective(local: Operator, function: str, whole: Tensor, group: Group) -> tuple[Operator, Operator]:
    """``local`` writing a partial tensor, and the collective that makes ``whole`` of it."""
    own = local.outputs[0]
    partial = replace(own, name=f"{whole.name}.partial", dtype=whole.dtype, scales=whole.scales)
    collective = Collective(f"{local.name}.{function}", (partial,), (whole,), function, group)
    return replace(local, outputs=(partial, *local.outputs[1:])), collective


def _verify(whole: Workload, sharded: Workload, tp: int) -> None:
    """The ranks together do at least the work of the whole; more only where axes are replicated."""
    if sharded.flops * tp < whole.flops:
        raise VerificationError(f"sharding lost work: {tp} x {sharded.flops} FLOPs < {whole.flops} FLOPs")
