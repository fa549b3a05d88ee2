"""Data parallelism in training: gradients of all replicas are added, then the optimizer steps.

Without ZeRO every replica has all optimizer states: gradients are all-reduced.  With ZeRO 1 each has a share: gradients
are reduce-scattered, its share of the parameters is stepped, and parameters are all-gathered.  Gradients are fp32.

Not modelled: collectives in buckets behind the backward pass.

Source:
    Rajbhandari et al., *ZeRO: Memory Optimizations Toward Training Trillion Parameter Models*, 2020, sections 5.1, 7.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.dtypes import DType
from accelsim.mapping.plan import Plan
from accelsim.workload.graph import OperatorGraph, Segment, Workload
from accelsim.workload.operator import Operator
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.optimizer_step import OptimizerStep, state
from accelsim.workload.optimizer import Optimizer
from accelsim.workload.tensor import Role, Tensor


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a chip.

    Attributes:
        count: How many.
        dtype: As forward and backward read them.
        replicas: Chips that hold the same.
        zero: Stage of ZeRO.
    """

    count: int
    dtype: DType
    replicas: int
    zero: int

    @classmethod
    def of(cls, workload: Workload, plan: Plan) -> Parameters:
        """Those of a rank's share of the forward pass."""
        dtype = max((t.dtype for _, t in workload.stored_weights), key=lambda one: one.bits)
        return cls(workload.num_parameters, dtype, plan.dp, int(plan.zero))

    @property
    def stepped(self) -> int:
        """Parameters whose states the chip has."""
        return -(-self.count // self.replicas) if self.zero else self.count

    @property
    def gradient_bytes(self) -> int:
        """Of the fp32 sums over microbatches."""
        return DType.FP32.size_bytes(self.count)


def optimizer_pass(parameters: Parameters, optimizer: Optimizer, plan: Plan, name: str) -> Workload:
    """Everything behind the last microbatch, on one chip: blocks ``gradients`` and ``optimizer``.

    Args:
        parameters: Of the chip.
        optimizer: What steps.
        plan: Its ranks.
        name: Of the model, for reports.
    """
    blocks = {"gradients": _summed(parameters, plan), "optimizer": _stepped(parameters, optimizer, plan)}
    segments = tuple(Segment(OperatorGraph(block, tuple(operators))) for block, operators in blocks.items())
    return Workload(f"{name} optimizer", segments, 0)


def _whole(parameters: Parameters) -> int:
    """Parameters that all replicas share, a last share filled up."""
    return parameters.stepped * parameters.replicas if parameters.zero else parameters.count


def _summed(parameters: Parameters, plan: Plan) -> list[Operator]:
    """Sum over replicas and norm of the gradients."""
    grads = state("grads", _whole(parameters), Role.GRADIENT)
    norm = Tensor("grads.norm.out", (), DType.FP32, Role.GRADIENT)
    if parameters.replicas == 1:
        return [OptimizerStep("grads.norm", (grads,), (norm,), 2)]
    reduced = state("grads.sum", parameters.stepped, Role.GRADIENT)
    function = "reduce_scatter" if parameters.zero else "all_reduce"
    collective = Collective("grads." + function, (grads,), (reduced,), function, plan.mesh.group("dp"))
    return [collective, OptimizerStep("grads.norm", (reduced,), (norm,), 2)]


def _stepped(parameters: Parameters, optimizer: Optimizer, plan: Plan) -> list[Operator]:
    """Clip, step, parameters in their own type, gathered where replicas have shares."""
    share = parameters.stepped
    reduced, clipped = (state(name, share, Role.GRADIENT) for name in ("grads.sum", "grads.clipped"))
    states = tuple(state(f"states.{one}", share) for one in optimizer.states)
    stepped = tuple(state(f"states.{one}.new", share) for one in optimizer.states)
    cast = state("parameters.share", share, Role.WEIGHT, parameters.dtype)
    found: list[Operator] = [
        OptimizerStep("grads.clip", (reduced,), (clipped,), 1),
        OptimizerStep(f"step.{optimizer.name}", (clipped, *states), stepped, optimizer.flops_each),
        OptimizerStep("step.cast", (stepped[0],), (cast,), 0),
    ]
    if parameters.replicas > 1 and parameters.zero:
        gathered = state("parameters", _whole(parameters), Role.WEIGHT, parameters.dtype)
        found.append(Collective("step.all_gather", (cast,), (gathered,), "all_gather", plan.mesh.group("dp")))
    return found
