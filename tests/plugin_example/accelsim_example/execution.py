"""An execution: every operator at the peaks of the chip, a bound that no machine beats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np

from accelsim.cost.base import Region
from accelsim.cost.cost import Cost
from accelsim.engine.program import Program
from accelsim.engine.series import Stage
from accelsim.engine.taskgraph import TaskGraphBuilder
from accelsim.errors import PlanError
from accelsim.mapping.booking import Booking, Overlapped
from accelsim.mapping.execution.base import Execution, register_execution
from accelsim.mapping.footprint import footprint
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.plan_keys import Count, PlanKey
from accelsim.workload.operator import Operator
from accelsim.workload.steps import StepSeries
from accelsim_example.cost_model import RooflineCostModel

SERVER = "chip"


class _Step(NamedTuple):
    """An operator, what it takes, and how often a block repeats it."""

    block: str
    operator: Operator
    cost: Cost
    count: int


@register_execution("at_peak")
class AtPeak(Execution):
    """Operators one after another on one chip, each at the peak of its arithmetic or of main memory."""

    keys: ClassVar[tuple[PlanKey, ...]] = (
        PlanKey("slowdown", Count(), "How often longer than at the peaks everything takes.", default=1),
    )

    def map(self, job: Job, passes: Sequence[StepSeries]) -> Mapped:
        """One task per operator of a block, which stands for all its repetitions."""
        if job.system.num_chips > 1:
            raise PlanError(f"plan: execution=at_peak runs on one chip, not on {job.system}. Ask for the chip.")
        steps = list(_steps(job, passes))
        builder, before = TaskGraphBuilder(), []
        server = builder.server(SERVER)
        for step in steps:
            before = [builder.task(step.operator.name, server, step.cost.work_s * step.count, after=before)]
        causes = dict.fromkeys(step.cost.limiter for step in steps)
        alone_s = {
            cause: np.array([s.cost.work_s * s.count if s.cost.limiter == cause else 0.0 for s in steps])
            for cause in causes
        }
        kinds = {step.operator.name: step.operator.kind for step in steps}
        bookings = tuple(Booking.of(step.block, step.operator, step.cost, step.count) for step in steps)
        return Mapped(
            job.plan,
            Program.of(Stage(builder.build(), 1, "at peak")),
            num_chips=1,
            footprint=footprint(passes[-1].at(passes[-1].count - 1), job.system.chip),
            overlapped=Overlapped(bookings, alone_s, tuple(kinds.values())),
            servers=ServerRoles(stream=SERVER),
        )


def _steps(job: Job, passes: Sequence[StepSeries]) -> Iterator[_Step]:
    chip = job.system.chip
    for series in passes:
        for workload in series:
            for segment in workload.segments:
                for operator in segment.graph:
                    peak = RooflineCostModel().cost(operator, chip, Region(*chip.core_grid))
                    work_s = peak.work_s * job.plan.slowdown
                    cost = replace(peak, work_s=work_s, parts_s={peak.limiter: work_s})
                    yield _Step(segment.name, operator, cost, segment.repeat)
