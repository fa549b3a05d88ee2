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
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accelsim.dtypes import DType
from accelsim.errors import PlanError, ShapeError, VerificationError
from accelsim.mapping.parallel.experts import check_experts, exchange_experts, share_experts
from accelsim.mapping.plan import Plan
from accelsim.workload.blocks.base import TENSOR_PARALLEL_AXES
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.experts import Experts
from accelsim.workload.tensor import Tensor


def shard(workload: Workload, plan: Plan) -> Workload:
    """One rank's share of ``workload`` with the collectives that join the ranks.

    Raises:
        PlanError: ``tp`` does not divide the heads, the FFN or the vocabulary.
    """
    return shard_all([workload], plan)[0]


def shard_all(workloads: Sequence[Workload], plan: Plan) -> list[Workload]:
    """One rank's share of each of several passes; what is one object in them is one object in the shares.

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
        shares.append(replace(workload, segments=tuple(sharder.segment(segment) for segment in workload.segments)))
        _verify(workload, shares[-1], plan.tp)
    return shares


@dataclass(frozen=True, slots=True)
class _Shared:
    """A graph that was sharded: its operators, what became of each, and the result."""

    names: tuple[str, ...]
    operators: tuple[Operator, ...]
    shares: list[tuple[Operator, ...]]
    share: OperatorGraph


class _Sharder:
    """Shards segments by a plan; remembers objects by identity, which the caller keeps alive meanwhile."""

    def __init__(self, plan: Plan, reduce: DType | None) -> None:
        self._plan = plan
        self._reduce = reduce
        self._tp = plan.tp
        self._group = plan.mesh.group("tp")
        self._degrees = dict.fromkeys(TENSOR_PARALLEL_AXES, plan.tp)
        self._segments: dict[int, Segment] = {}
        self._operators: dict[tuple[int, bool, bool], tuple[Operator, ...]] = {}
        self._last: dict[str, _Shared] = {}  # the last graph of each name: the next step differs in a few operators

    def segment(self, segment: Segment) -> Segment:
        """One rank's share of a segment."""
        found = self._segments.get(id(segment))
        if found is None:
            found = self._segments[id(segment)] = Segment(self._graph(segment.graph), segment.repeat)
        return found

    def _graph(self, graph: OperatorGraph) -> OperatorGraph:
        last = self._last.get(graph.name)
        names = tuple(operator.name for operator in graph)
        if last is None or last.names != names:
            shares = self._shares(graph)
            share = OperatorGraph(graph.name, tuple(itertools.chain.from_iterable(shares)))
            self._last[graph.name] = _Shared(names, graph.operators, shares, share)
            return share
        changed = [i for i, (a, b) in enumerate(zip(graph.operators, last.operators, strict=True)) if a is not b]
        shares = list(last.shares)
        for i in changed:
            if len(shares[i]) > 1 or self._leaves_partial_sums(graph.operators[i]):  # collectives: look at the graph
                shares = self._shares(graph)
                break
            shares[i] = self._share(
                graph.name, graph.operators[i], is_read=True, is_unreduced=False, reduces_here=False
            )
        share = last.share.resized(tuple(itertools.chain.from_iterable(shares)))
        self._last[graph.name] = _Shared(names, graph.operators, shares, share)
        return share

    def _shares(self, graph: OperatorGraph) -> list[tuple[Operator, ...]]:
        """What becomes of each operator."""
        read = {tensor.name for operator in graph for tensor in operator.inputs}
        unreduced = self._unreduced(graph)
        shares: list[tuple[Operator, ...]] = []
        for operator in graph:
            key = id(operator), operator.outputs[0].name in read, operator.outputs[0].name in unreduced
            if key not in self._operators:
                reduces_here = any(tensor.name in unreduced for tensor in operator.inputs)
                self._operators[key] = self._share(graph.name, operator, key[1], key[2], reduces_here)
            shares.append(self._operators[key])
        return shares

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
        if not is_read and local.outputs != operator.outputs:
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
