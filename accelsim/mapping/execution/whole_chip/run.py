"""From a job to blocks of tasks: shard, fuse, check memory, price, lower, put the host in front."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.circuits import with_circuits
from accelsim.mapping.execution.base import check_job
from accelsim.mapping.execution.whole_chip.capacity import check_capacity, placed
from accelsim.mapping.execution.whole_chip.host import with_host
from accelsim.mapping.execution.whole_chip.regions import lay_out, region_of
from accelsim.mapping.execution.whole_chip.symmetry import symmetry_broken_by
from accelsim.mapping.footprint import Footprint, Regions, footprint
from accelsim.mapping.framework import with_framework
from accelsim.mapping.fuse import fuse_all
from accelsim.mapping.job import Job
from accelsim.mapping.lower import lower
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.price import Pricer
from accelsim.mapping.seating import seat, seats_of, unfolded_seats
from accelsim.mapping.servers import COMM, HOST, STREAM
from accelsim.mapping.shard import shard
from accelsim.mapping.tiers.fit import tier_footprint
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.steps import StepSeries


def price_together(jobs: Iterable[Job]) -> None:
    """Price the operators on cores of several jobs in one call; those that do not suit or fit are left out.

    Args:
        jobs: On equal systems.
    """
    found: dict[Region, list[Workload]] = defaultdict(list)
    pricers: dict[Region, Pricer] = {}
    for job in jobs:
        try:
            check_job(job)
            shares, region = _shares(job, job.passes), region_of(job.plan, job.system.chip)
            check_capacity(job, shares[-1].last)
        except (CapacityError, PlanError):
            continue
        found[region] += [share.first for share in shares]
        pricers[region] = Pricer(job.system, region, known=job.known)
    for region, workloads in found.items():
        pricers[region].learn(workloads)


def _shares(job: Job, passes: Sequence[StepSeries]) -> tuple[StepSeries, ...]:
    """One rank's share of each pass, as its chip runs it."""
    return job.known.shares(tuple(passes), job.plan, _is_fused(job))


def check_blocks(job: Job) -> None:
    """Refuse what :func:`map_blocks` refuses, from the fullest pass alone.

    Args:
        job: The job.

    Raises:
        CapacityError: It does not fit.
        PlanError: The degrees do not divide the model, or the ranks are not alike and cannot be told apart.
    """
    fullest = shard(job.model.build(job.phase.replica(job.plan.dp).fullest(), job.recipe), job.plan)
    check_capacity(job, fuse_all([fullest])[0] if _is_fused(job) else fullest)
    region_of(job.plan, job.system.chip)
    _broken_symmetry(job)


def map_blocks(job: Job, passes: Sequence[StepSeries]) -> Mapped:
    """One representative chip whose stream runs operators one after another.

    Args:
        job: The job.
        passes: One replica's operators of each traversal, in series.

    Raises:
        CapacityError: It does not fit.
        PlanError: The degrees do not divide the model, or the ranks are not alike and cannot be told apart.
    """
    system, plan = job.system, job.plan
    shares = _shares(job, passes)
    fullest = shares[-1].last
    warnings = check_capacity(job, fullest)
    seating = seat(fullest, plan, system, job.seed)
    seats = seats_of(plan, seating)
    tiers = placed(fullest, plan, system.chip)
    pricer = Pricer(system, region_of(plan, system.chip), seats, job.known, tiers)
    unfolded = _broken_symmetry(job)
    priced = with_circuits([pricer.price_series(share) for share in shares], system)
    if launches_kernels(system.chip):
        priced = with_framework(priced, job.profile, job.phase.replica(plan.dp).sequences)
    lowered = lower(priced, system, unfolded_seats(plan, seats) if unfolded else None)
    dispatches = bool(job.profile.dispatch_s) and launches_kernels(system.chip)
    if dispatches:
        lowered = with_host(lowered.unrolled(), job.profile, len(priced[0]), job.engine)
    return Mapped(
        plan=plan,
        program=lowered.program,
        num_chips=plan.num_ranks,
        footprint=_footprint(job, fullest) if tiers is None else tier_footprint(tiers, system.chip),
        blocks=lowered.blocks,
        servers=ServerRoles(STREAM, COMM, HOST if dispatches else None),
        warnings=(
            *warnings,
            *(() if seating is None else seating.warnings),
            *(warn("folding-off", reason) for reason in unfolded),
        ),
        seating=seating,
    )


def _footprint(job: Job, fullest: Workload) -> Footprint:
    """What a chip holds, and in how many regions where the plan has such and SRAM holds it."""
    chip, found = job.system.chip, footprint(fullest, job.system.chip)
    if job.plan.region is None or chip.memories:
        return found
    layout = lay_out(fullest, chip, job.plan)
    regions = Regions(str(layout.region), layout.num_regions, layout.available, layout.region_bytes)
    return replace(found, regions=regions)


def _is_fused(job: Job) -> bool:
    """Whether chains of row operators are one kernel each."""
    return job.profile.fuses_rows and launches_kernels(job.system.chip)


def _broken_symmetry(job: Job) -> tuple[str, ...]:
    """Why ranks are simulated one by one.

    Raises:
        PlanError: They cannot be told apart.
    """
    plan = job.plan
    unfolded = symmetry_broken_by(job.system, max(plan.tp, plan.ep))
    if unfolded and plan.ep > plan.tp:
        raise PlanError(f"plan: ep={plan.ep} > tp={plan.tp} cannot be simulated rank by rank: {unfolded[0]}.")
    return unfolded
