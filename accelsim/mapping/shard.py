"""Tensor parallelism as a pass: divide the axes Megatron divides, reduce where partial sums are left.

An axis is divided by its *name*, so the pass knows no operator: an operator whose contracted axis was divided
leaves partial sums, and an ``all_reduce`` over the group follows it (row-parallel GEMM, vocabulary-parallel
embedding); a divided tensor that leaves the model is gathered (the logits).

Source:
    Shoeybi et al., *Megatron-LM*, arXiv:1909.08053, section 3 (column- then row-parallel pairs).
"""

from __future__ import annotations

from dataclasses import replace

from accelsim.errors import PlanError, ShapeError, VerificationError
from accelsim.mapping.plan import Plan
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.tensor import Tensor

#: Axes divided over the tensor-parallel group; every other axis is replicated.
TENSOR_PARALLEL_AXES = ("heads", "kv_heads", "qkv", "ffn", "gate_up", "vocab")


def shard(workload: Workload, plan: Plan) -> Workload:
    """One rank's share of ``workload`` with the collectives that join the ranks.

    Raises:
        PlanError: ``tp`` does not divide the heads, the FFN or the vocabulary.
    """
    if plan.tp == 1:
        return workload
    degrees = dict.fromkeys(TENSOR_PARALLEL_AXES, plan.tp)
    segments = tuple(Segment(_shard_graph(s.graph, degrees, plan.tp), s.repeat) for s in workload.segments)
    sharded = replace(workload, segments=segments)
    _verify(workload, sharded, plan.tp)
    return sharded


def _shard_graph(graph: OperatorGraph, degrees: dict[str, int], tp: int) -> OperatorGraph:
    read = {tensor.name for operator in graph for tensor in operator.inputs}
    operators: list[Operator] = []
    for operator in graph:
        try:
            local = operator.shard(degrees)
        except ShapeError as error:
            raise PlanError(f"{graph.name}/{operator.name}: tp={tp} does not fit: {error}") from error
        if any(degrees.get(axis, 1) > 1 for axis in operator.contracted_axes):
            operators.extend(_with_collective(local, "all_reduce", local.outputs[0], tp))
        elif operator.outputs[0].name not in read and local.outputs != operator.outputs:
            operators.extend(_with_collective(local, "all_gather", operator.outputs[0], tp))
        else:
            operators.append(local)
    return OperatorGraph(graph.name, tuple(operators))


def _with_collective(local: Operator, function: str, whole: Tensor, tp: int) -> tuple[Operator, Operator]:
    """``local`` writing a partial tensor, and the collective that makes ``whole`` of it."""
    partial = replace(local.outputs[0], name=f"{whole.name}.partial")
    collective = Collective(f"{local.name}.{function}", (partial,), (whole,), function, "tp", tp)
    return replace(local, outputs=(partial, *local.outputs[1:])), collective


def _verify(whole: Workload, sharded: Workload, tp: int) -> None:
    """The ranks together do at least the work of the whole; more only where axes are replicated."""
    if sharded.flops * tp < whole.flops:
        raise VerificationError(f"sharding lost work: {tp} x {sharded.flops} FLOPs < {whole.flops} FLOPs")
