"""Whole chip: each operator spans the chip, or a region of it, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from accelsim.mapping.execution.base import KERNELS_KEY, Execution, register_execution
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.keys import PARALLEL_KEYS, TRAINING_KEYS
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import PlanKey, RowsByCols
from accelsim.mapping.tiers.keys import TIER_KEYS
from accelsim.workload.steps import StepSeries

REGION = PlanKey(
    "region", RowsByCols(), "ROWSxCOLS of cores one operator spans; layers fill as many regions as their weights need."
)


@register_execution("whole_chip")
class WholeChip(Execution):
    """Operators one after another on the whole chip, or on regions that a token visits in turn."""

    keys: ClassVar[tuple[PlanKey, ...]] = (*PARALLEL_KEYS, *TRAINING_KEYS, REGION, KERNELS_KEY, *TIER_KEYS)
    has_kernels: ClassVar[bool] = True
    trains: ClassVar[bool] = True

    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """One rank's share, prices, one block of tasks after another; the host in front where it dispatches.

        With stages of a pipeline, their cells in one graph.

        Args:
            job: Model, system and plan as values.
            passes: All passes of the phase; a pipeline makes its own from the microbatches.
        """
        from accelsim.mapping.execution.whole_chip.run import map_blocks
        from accelsim.mapping.execution.whole_chip.stages import map_stages
        from accelsim.mapping.execution.whole_chip.training import map_training
        from accelsim.mapping.execution.whole_chip.training_stages import map_training_stages

        if job.phase.trains:
            return map_training_stages(job) if job.plan.pp > 1 else map_training(job)
        return map_stages(job) if job.plan.pp > 1 else map_blocks(job, passes)

    def check_fit(self, job: Job) -> None:
        """One rank's share of the fullest pass, or that of every stage, against the memory of a chip."""
        from accelsim.mapping.execution.whole_chip.run import check_blocks
        from accelsim.mapping.execution.whole_chip.stages import check_stages
        from accelsim.mapping.execution.whole_chip.training import check_training, share_of_iteration

        if job.phase.trains:
            check_training(job, share_of_iteration(job))
            return None
        return check_stages(job) if job.plan.pp > 1 else check_blocks(job)

    def lighter(self, job: Job) -> Iterable[Plan]:
        """The whole grid in place of a region, experts divided over more ranks."""
        from accelsim.mapping.execution.whole_chip.candidates import lighter_plans, lighter_training

        if job.phase.trains:
            return lighter_training(job.plan)
        return lighter_plans(job.model.sample, job.plan)

    def candidates(self, job: Job) -> Iterable[Plan]:
        """Degrees that divide the model and the batch, with and without experts divided; a few regions on a wafer."""
        from accelsim.mapping.execution.whole_chip.candidates import candidate_plans

        return candidate_plans(job.model.sample, job.system, job.phase.alike)

    def prepare(self, jobs: Sequence[Job]) -> None:
        """Prices of what whole passes of all jobs run on cores."""
        from accelsim.mapping.execution.whole_chip.run import price_together

        price_together(job for job in jobs if job.plan.pp == 1 and not job.phase.trains)
