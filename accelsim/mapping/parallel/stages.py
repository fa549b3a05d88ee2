"""A training step dealt to the stages of a pipeline: layers forward, and the same layers on the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from accelsim.mapping.parallel.pipeline import deal, sends
from accelsim.mapping.plan import Plan
from accelsim.workload.operators.send_recv import SendRecv
from accelsim.workload.training import TrainingStep


def stages_of_step(step: TrainingStep, num_stages: int) -> tuple[TrainingStep, ...]:
    """What each stage does of a microbatch in both directions.

    Args:
        step: One rank's share.
        num_stages: Stages; one is the step itself.

    Raises:
        PlanError: More stages than layers.
    """
    if num_stages == 1:
        return (step,)
    both = zip(step.forward.segments, reversed(step.backward.segments), strict=True)
    back = {segment.graph: behind for segment, behind in both}
    parts = []
    for part in deal(step.forward, num_stages):
        segments = [replace(back[segment.graph], repeat=segment.repeat) for segment in reversed(part.segments)]
        parts.append(TrainingStep(part, replace(step.backward, segments=tuple(segments))))
    return tuple(parts)


def sends_both_ways(
    step: TrainingStep, stages: Sequence[TrainingStep], plan: Plan
) -> tuple[tuple[SendRecv, ...], tuple[SendRecv, ...]]:
    """What stages send forward, and as many bytes of gradients that come back.

    Ranks of a tensor-parallel group send a share of what they all have each, which the next stage gathers over faster
    links; the gather is not modelled.

    Args:
        step: One rank's share.
        stages: Its parts.
        plan: Its ranks, which with ``sp`` have shares already.

    Source:
        Narayanan et al., *Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM*, 2021,
        section 4.1 (scatter/gather).
    """
    whole = sends(step.forward, [stage.forward for stage in stages], plan.mesh)
    scattered = 1 if plan.sp == "on" else plan.tp
    shares = [-(-one.nbytes // scattered) for one in whole]
    ways = [
        tuple(
            SendRecv.of(nbytes, one.group, one.source, one.dtype, name)
            for nbytes, one in zip(shares, whole, strict=True)
        )
        for name in ("send_recv", "send_recv.grad")
    ]
    return ways[0], ways[1]
