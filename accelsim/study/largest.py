"""The most sequences that fit a machine: found by mapping alone, with nothing run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from accelsim.advice import advise
from accelsim.case.case import Case
from accelsim.catalog import Catalog
from accelsim.errors import REFUSALS, AccelsimError, CapacityError, ConfigError, PlanError
from accelsim.mapping.execution.base import EXECUTIONS
from accelsim.mapping.fit import check_fit, fits
from accelsim.mapping.job import Job
from accelsim.mapping.plan import Plan
from accelsim.workload.phase import phase_of

#: No more sequences are looked for.
MOST_SEQUENCES = 1 << 24
_BATCH = "batch"


def largest_batch(case: Case, catalog: Catalog | None = None) -> Case:
    """The case with the largest batch that fits its machine.

    Batches are doubled until one does not fit, then bisected; the largest is mapped, none is run.  With ``auto`` it is
    the largest that any plan tried holds.  Replicas have equal shares, so that the batch is a multiple of ``dp``.

    Args:
        case: Its own batch is left aside.
        catalog: Where names are looked up; None is the packaged catalog.

    Raises:
        CapacityError: Not even the smallest batch fits; names changes with which it does.
        PlanError: No plan suits the machine.
        ConfigError: The phase has no batch.
    """
    if _BATCH not in case.phase.plain():
        raise ConfigError(f"batch: a {case.phase.kind} phase has none, so that there is no largest one. Leave it out.")
    job = replace(case.load(catalog).job, ignore_capacity=False)
    plans = [case.plan] if isinstance(case.plan, Plan) else _plans(job)
    most = 0
    refused: AccelsimError = PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    for plan in plans:
        try:
            most = max(most, _most(replace(job, plan=plan)))
        except REFUSALS as error:
            refused = error
    if not most:
        least = case.but(phase=_with_batch(job, 1).phase)
        raise advise(refused, least, catalog) if isinstance(refused, CapacityError) else refused
    return case.but(phase=_with_batch(job, most).phase)


def _plans(job: Job) -> Iterable[Plan]:
    """What ``auto`` tries where the batch divides over any number of replicas."""
    wide = _with_batch(job, job.system.num_chips)
    return [plan for _, execution in EXECUTIONS.items() for plan in execution().candidates(wide)]


def _most(job: Job) -> int:
    """Most sequences of one plan that fit.

    Whether they fit is told by sizes where an execution can; the largest found is mapped, and where no layout holds it
    the largest below that one has.

    Raises:
        CapacityError: Not one per replica does.
    """
    dp: int = job.plan.dp
    check_fit(_with_batch(job, dp))
    low, high = 1, 2
    while high * dp <= MOST_SEQUENCES and fits(_with_batch(job, high * dp)):
        low, high = high, 2 * high
    low = _bisected(low, high, lambda number: fits(_with_batch(job, number * dp)))
    if not _is_mapped(_with_batch(job, low * dp)):
        _map(_with_batch(job, dp))
        low = _bisected(1, low, lambda number: _is_mapped(_with_batch(job, number * dp)))
    return low * dp


def _bisected(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The largest number from ``low``, which holds, to below ``high``, which does not, that holds."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _is_mapped(job: Job) -> bool:
    try:
        _map(job)
    except REFUSALS:
        return False
    return True


def _map(job: Job) -> None:
    """Map a job, and run nothing."""
    EXECUTIONS.get(job.plan.execution)().map(job, job.passes)


def _with_batch(job: Job, batch: int) -> Job:
    return replace(job, phase=phase_of({**job.phase.plain(), _BATCH: batch}))
