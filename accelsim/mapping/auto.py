"""``--plan auto``: the plans that the executions of a machine offer, each tried, and the fastest of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from accelsim.errors import REFUSALS, AccelsimError, CapacityError, PlanError
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.fit import check_fit
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate and how it did.

    Attributes:
        plan: The candidate.
        latency_s: Time of the job, of a long decode that of its first step; infinite where it was refused.
        refused: Why it cannot be run.
    """

    plan: Plan
    latency_s: float
    refused: AccelsimError | None = None


def choose_plan(job: Job, plan: Plan | str, latency_of: Callable[[Job], float]) -> Plan:
    """The plan given, or the candidate with the smallest simulated latency among those that fit.

    Args:
        job: What is run; its own plan is left aside.
        plan: A plan, its text, or ``auto``.
        latency_of: Seconds of a job with a plan.

    Raises:
        CapacityError: No candidate fits.
        PlanError: No candidate suits the machine.
        PlacementError: The only candidates left find no layout.
        RoutingError: The only candidates left find no route.
    """
    if isinstance(plan, Plan):
        return plan
    if plan != "auto":
        return Plan.parse(plan)
    candidates = tuple(_candidates(job))
    if len(candidates) == 1:
        return candidates[0]  # whether it fits is seen when it is run
    tried = _tried(job, candidates, latency_of)
    if not tried:
        raise PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    if tried[0].refused is None:
        return tried[0].plan
    raise tried[0].refused


def try_plans(job: Job, latency_of: Callable[[Job], float]) -> tuple[Tried, ...]:
    """Every candidate of ``--plan auto``, the fastest first; behind those that run, what does not fit, then the rest.

    A long decode is judged by its first step, which ranks the plans at a fraction of the time, where the last one fits.

    Args:
        job: What is run; its own plan is left aside.
        latency_of: Seconds of a job with a plan.
    """
    return _tried(job, tuple(_candidates(job)), latency_of)


def _tried(job: Job, candidates: tuple[Plan, ...], latency_of: Callable[[Job], float]) -> tuple[Tried, ...]:
    first = job.phase.first()
    trials = [replace(job, phase=first, plan=candidate) for candidate in candidates]
    for name, execution in EXECUTIONS.items():
        execution().prepare([one for one in trials if one.plan.execution == name])
    found = []
    for one in trials:
        try:
            if first != job.phase and not job.ignore_capacity:
                check_fit(replace(one, phase=job.phase))  # the first step holds less than the last
            found.append(Tried(one.plan, latency_of(one)))
        except REFUSALS as error:
            found.append(Tried(one.plan, float("inf"), error))
    return tuple(sorted(found, key=lambda one: (one.latency_s, _distance(one.refused))))


def _distance(refused: AccelsimError | None) -> tuple[bool, float]:
    """How far a plan is from one that runs: least those that lack little memory."""
    return (False, refused.short_bytes) if isinstance(refused, CapacityError) else (True, 0.0)


def _candidates(job: Job) -> Iterator[Plan]:
    """What every execution offers to try."""
    for _, execution in EXECUTIONS.items():
        yield from execution().candidates(job)
