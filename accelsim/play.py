"""A job taken through the stages: operators, mapping by its execution, timeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.base import EXECUTIONS, check_job
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.plan import Plan
from accelsim.workload.series import build_series
from accelsim.workload.steps import StepSeries


@dataclass(frozen=True)
class Played:
    """The values of the stages of one run, from the operators to the timeline.

    Attributes:
        passes: One replica's operators of each traversal, in series.
        mapped: These on the machine.
        timeline: What the engine returned.
    """

    passes: tuple[StepSeries, ...]
    mapped: Mapped
    timeline: ProgramTimeline


def play(job: Job) -> Played:
    """Take a job through the stages.

    Raises:
        PlanError: The plan does not suit the machine or the phase.
        CapacityError: The model does not fit.
    """
    check_job(job)
    passes = build_series(job.model, job.phase.replica(job.plan.dp), job.recipe)
    mapped = EXECUTIONS.get(job.plan.execution)().map(job, passes)
    return Played(passes, mapped, run_program(mapped.program, job.engine))


def choose_plan(job: Job, plan: Plan | str) -> Plan:
    """The plan given, or the candidate with the smallest simulated latency among those that fit.

    A long decode is judged by its first step, which ranks the plans at a fraction of the time.
    """
    if isinstance(plan, Plan):
        return plan
    if plan != "auto":
        return Plan.parse(plan)
    phase = job.phase.first()
    best: tuple[float, Plan] | None = None
    refused: CapacityError | PlanError | None = None
    for candidate in _candidates(job):
        try:
            latency_s = play(replace(job, phase=phase, plan=candidate)).timeline.makespan_s
        except (CapacityError, PlanError) as error:
            if refused is None or isinstance(error, CapacityError):
                refused = error
            continue
        if best is None or latency_s < best[0]:
            best = latency_s, candidate
    if best is None:
        raise refused or PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    return best[1]


def _candidates(job: Job) -> Iterator[Plan]:
    """What every execution offers to try."""
    for _, execution in EXECUTIONS.items():
        yield from execution().candidates(job)
