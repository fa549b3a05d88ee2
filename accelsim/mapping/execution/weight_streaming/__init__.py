"""Weight streaming: operators span the whole chip, weights arrive over the link to the host layer by layer.

Every pass brings all weights in anew.  Loads run one behind another on the input link; an operator waits for its
own; the weights of a block may come in while the block before computes (double buffer: loads of block ``i`` wait
until block ``i - 2`` is done).  KV cache and activations stay on the chip.

Not modelled: compression of weights, a memory service slower than the link, several chips (data parallel) fed by one
broadcast, spreading the weights over the tiles once they are on the chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from accelsim.mapping.execution.base import Execution, register_execution
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.plan_keys import PlanKey
from accelsim.workload.steps import StepSeries


@register_execution("weight_streaming")
class WeightStreaming(Execution):
    """Operators on the whole chip behind the loads of their weights."""

    keys: ClassVar[tuple[PlanKey, ...]] = ()

    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """Price on the whole grid, and one task graph in which weights come in ahead of the operators.

        Args:
            job: Model, system and plan as values.
            passes: All passes of the phase, each of which brings the weights in anew.
        """
        from accelsim.mapping.execution.weight_streaming.run import map_streams

        return map_streams(job, passes)

    def check_fit(self, job: Job) -> None:
        """Two blocks of weights beside KV cache and activations against the SRAM."""
        from accelsim.mapping.execution.weight_streaming.footprint import streaming_footprint

        streaming_footprint(job.model.build(job.phase.fullest(), job.recipe), job.system, job.ignore_capacity)
