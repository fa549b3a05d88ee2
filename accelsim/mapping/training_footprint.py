"""What a chip holds in training: parameters, gradients, optimizer states, and what forward keeps for backward.

Activations are what all layers keep of every microbatch in flight; the buffers of the block at work are beside them
(``temporary``).  Not modelled: fragmentation, workspaces of libraries, buckets of collectives.

Source:
    Korthikanti et al., *Reducing Activation Recomputation in Large Transformer Models*, 2022, equations 1 to 6, which
    follow from what operators keep.
"""

from __future__ import annotations

from accelsim.hardware.chip import Chip
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.parallel.data import Parameters
from accelsim.workload.backward import kept_tensors
from accelsim.workload.graph import OperatorGraph, Workload
from accelsim.workload.optimizer import Optimizer
from accelsim.workload.tensor import Role
from accelsim.workload.training import TrainingStep

#: Role of buffers that live within a block.
TEMPORARY = "temporary"


def training_footprint(
    step: TrainingStep, parameters: Parameters, optimizer: Optimizer, chip: Chip, in_flight: int = 1
) -> Footprint:
    """Bytes of one rank by role.

    Args:
        step: Its share of a microbatch.
        parameters: Of the rank.
        optimizer: Whose states are held.
        chip: The chip that must hold all.
        in_flight: Microbatches whose activations are held.
    """
    weights = step.forward.weight_bytes
    return Footprint(
        memory=chip.main_memory,
        capacity_bytes=chip.main_memory_bytes,
        role_bytes={
            Role.WEIGHT.value: weights,
            Role.GRADIENT.value: parameters.gradient_bytes,
            Role.OPTIMIZER_STATE.value: parameters.stepped * optimizer.state_bytes,
            Role.ACTIVATION.value: in_flight * kept_bytes(step.backward),
            TEMPORARY: max(_buffers(segment.graph) for segment in step.backward.segments),
        },
    )


def kept_bytes(backward: Workload) -> int:
    """Bytes that one microbatch leaves for its way back through all segments.

    Args:
        backward: The backward pass, whole or one rank's share.
    """
    return sum(
        segment.repeat * sum(tensor.size_bytes for tensor in kept_tensors(segment.graph))
        for segment in backward.segments
    )


def _buffers(graph: OperatorGraph) -> int:
    """Most bytes alive at once of what a backward block writes for itself, gradients of weights aside."""
    weights = {f"{tensor.name}.grad" for tensor in graph.weights}
    last = {tensor.name: at for at, operator in enumerate(graph) for tensor in operator.inputs}
    alive = peak = 0
    held: dict[str, int] = {}
    for at, operator in enumerate(graph):
        for tensor in operator.outputs:
            if tensor.name not in weights:
                held[tensor.name] = tensor.size_bytes
                alive += tensor.size_bytes
        peak = max(peak, alive)
        for tensor in operator.inputs:
            if last[tensor.name] == at:
                alive -= held.pop(tensor.name, 0)
    return peak
