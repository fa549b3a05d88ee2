"""``--plan auto``: the plans that the executions of a machine offer, and the fastest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan


def choose_plan(job: Job, plan: Plan | str, latency_of: Callable[[Job], float]) -> Plan:
    """The plan given, or the candidate with the smallest simulated latency among those that fit.

    A long decode is judged by its first step, which ranks the plans at a fraction of the time.

    Args:
        job: What is run; its own plan is left aside.
        plan: A plan, its text, or ``auto``.
        latency_of: Seconds of a job with a plan.

    Raises:
        CapacityError: No candidate fits.
        PlanError: No candidate suits the machine.
    """
    if isinstance(plan, Plan):
        return plan
    if plan != "auto":
        return Plan.parse(plan)
    candidates = tuple(_candidates(job))
    if len(candidates) == 1:
        return candidates[0]  # whether it fits is seen when it is run
    trial = replace(job, phase=job.phase.first(), gives_advice=False)
    trials = [replace(trial, plan=candidate) for candidate in candidates]
    for name, execution in EXECUTIONS.items():
        execution().prepare([one for one in trials if one.plan.execution == name])
    best: tuple[float, Plan] | None = None
    refused: tuple[Plan, CapacityError | PlanError] | None = None
    for one in trials:
        try:
            latency_s = latency_of(one)
        except (CapacityError, PlanError) as error:
            if refused is None or isinstance(error, CapacityError):
                refused = one.plan, error
            continue
        if best is None or latency_s < best[0]:
            best = latency_s, one.plan
    if best is not None:
        return best[1]
    if refused is None:
        raise PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    latency_of(replace(trial, plan=refused[0], gives_advice=True))  # raises, with the change that would fit
    raise refused[1]


def _candidates(job: Job) -> Iterator[Plan]:
    """What every execution offers to try."""
    for _, execution in EXECUTIONS.items():
        yield from execution().candidates(job)
