"""Sequence parallelism as a pass: between the products that tensor parallelism divides, ranks share the tokens.

Norms, dropout and residual additions work on a share of the positions; partial sums are reduce-scattered instead of
all-reduced, and gathered before the next product, on the way back too.  What forward keeps between is a share.

Not modelled: the sum over ranks of the gradients of norms and position tables.

Source:
    Korthikanti et al., *Reducing Activation Recomputation in Large Transformer Models*, 2022, section 4.2.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from accelsim.errors import PlanError, ShapeError
from accelsim.mapping.plan import Plan
from accelsim.workload.axes import TENSOR_PARALLEL_AXES
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators._rows import RowOperator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.tensor import Tensor


def share_sequence(workloads: Sequence[Workload], plan: Plan) -> list[Workload]:
    """One rank's share of each workload, which is one of tensor parallelism already.

    Args:
        workloads: Forward and backward of a training step.
        plan: Its ``tp`` ranks share the positions.

    Raises:
        PlanError: They do not divide the positions.
    """
    try:
        return [
            replace(one, segments=tuple(replace(s, graph=_Sharing(plan).graph(s.graph)) for s in one.segments))
            for one in workloads
        ]
    except ShapeError as error:
        raise PlanError(f"plan: sp=on: {error}") from error


class _Sharing:
    """Shares the positions of one graph."""

    def __init__(self, plan: Plan) -> None:
        self._group = plan.mesh.group("tp")
        self._share = {"q_len": plan.tp}
        self._whole: set[str] = set()
        self._gathered: dict[str, Tensor] = {}

    def graph(self, graph: OperatorGraph) -> OperatorGraph:
        """The graph with its collectives."""
        return OperatorGraph(graph.name, tuple(one for operator in graph for one in self._of(operator)))

    def _of(self, operator: Operator) -> Iterator[Operator]:
        if isinstance(operator, Collective):
            yield self._scattered(operator)
        elif self._is_shared(operator):
            yield operator.shard(self._share)
        else:
            inputs = []
            for tensor in operator.inputs:
                if _has_share(tensor) and tensor.name not in self._whole and tensor.name not in self._gathered:
                    yield self._gather(tensor)
                inputs.append(
                    replace(
                        tensor, name=self._gathered[tensor.name].name if tensor.name in self._gathered else tensor.name
                    )
                )
            self._whole |= {tensor.name for tensor in operator.outputs}
            yield replace(operator, inputs=tuple(inputs))

    def _scattered(self, operator: Collective) -> Operator:
        """Partial sums scattered over the positions, where these are shared behind them."""
        if operator.function != "all_reduce" or not _has_share(operator.outputs[0]):
            self._whole |= {tensor.name for tensor in operator.outputs}
            return operator
        name = operator.name.replace("all_reduce", "reduce_scatter")
        result = operator.outputs[0].shard(self._share)
        return replace(operator, name=name, outputs=(result,), function="reduce_scatter")

    def _is_shared(self, operator: Operator) -> bool:
        """Whether it works on rows of the residual stream, of which no tensor is divided or partial."""
        tensors = (*operator.inputs, *operator.outputs)
        if not isinstance(operator, RowOperator) or any(t.name in self._whole for t in operator.inputs):
            return False
        divided = any(axis.name in TENSOR_PARALLEL_AXES for tensor in tensors for axis in tensor.axes)
        return not divided and any(map(_has_share, tensors))

    def _gather(self, tensor: Tensor) -> Operator:
        whole = replace(tensor, name=f"{tensor.name}.gathered")
        self._gathered[tensor.name] = whole
        return Collective(
            f"{tensor.name}.all_gather", (tensor.shard(self._share),), (whole,), "all_gather", self._group
        )


def _has_share(tensor: Tensor) -> bool:
    """Whether it is a row of the residual stream per position."""
    return tensor.has_axis("q_len") and tensor.axes[-1].name == "hidden"
