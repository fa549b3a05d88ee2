"""Fused dataflow: sections of operators are on the chip at once, weights stream in section by section.

The cores of a chip are shared out among the operators of a section, by work, and tokens stream through them: what they
hand to each other never leaves the SRAM.  While a section computes, the weights of the next come in.  Where to cut the
chain of operators into sections is found by dynamic programming (:mod:`.sections`).

Not modelled: several requests in different sections at once, cores that a section cannot use, the way of activations
between the cores of a section.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from accelsim.mapping.execution.base import Execution, register_execution
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.keys import DP, TP
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import PlanKey
from accelsim.mapping.tiers.keys import TIER_KEYS
from accelsim.workload.steps import StepSeries


@register_execution("fused")
class Fused(Execution):
    """Sections of operators through which tokens stream, behind the loads of their weights."""

    keys: ClassVar[tuple[PlanKey, ...]] = (TP, DP, *TIER_KEYS)

    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """Prices of operators without their memory, sections, and one task graph of loads and sections.

        Args:
            job: Model, system and plan as values.
            passes: All passes of the phase; the last one decides where the chain is cut.
        """
        from accelsim.mapping.execution.fused.run import map_sections

        return map_sections(job, passes)

    def candidates(self, job: Job) -> Iterable[Plan]:
        """Degrees that divide the model and the batch, on chips of dataflow."""
        from accelsim.mapping.execution.whole_chip.candidates import degree_plans

        if job.system.chip.dataflow is None:
            return ()
        plans = degree_plans(job.model.sample, job.system, job.phase.alike)
        return tuple(Plan(execution="fused", tp=plan.tp, dp=plan.dp) for plan in plans if plan.ep == 1)

    def check_fit(self, job: Job) -> None:
        """Weights, KV cache and activations against the memories."""
        from accelsim.mapping.execution.fused.run import fullest_tiers

        fullest_tiers(job)
