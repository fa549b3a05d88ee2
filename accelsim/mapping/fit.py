"""Whether a job fits its machine, without running it."""

from __future__ import annotations

from dataclasses import replace

from accelsim.errors import REFUSALS
from accelsim.mapping.execution.base import EXECUTIONS, check_job
from accelsim.mapping.job import Job


def check_fit(job: Job) -> None:
    """Refuse what a run of the job would refuse for its plan or its memory.

    Raises:
        PlanError: The plan does not suit the machine or the phase.
        CapacityError: The model does not fit.
        PlacementError: No layout on the grid.
        RoutingError: Dead links cut tiles off.
    """
    check_job(job)
    EXECUTIONS.get(job.plan.execution)().check_fit(job)


def fits(job: Job) -> bool:
    """Whether a run of the job is refused neither for its plan nor for its memory."""
    try:
        check_fit(replace(job, ignore_capacity=False))
    except REFUSALS:
        return False
    return True
