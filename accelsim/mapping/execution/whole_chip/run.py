"""From a job to blocks of tasks: shard, fuse, check memory, price, lower, put the host in front."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.errors import PlanError
from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.execution.whole_chip.capacity import check_capacity
from accelsim.mapping.execution.whole_chip.host import with_host
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.execution.whole_chip.symmetry import symmetry_broken_by
from accelsim.mapping.footprint import footprint
from accelsim.mapping.fuse import fuse_all
from accelsim.mapping.job import Job
from accelsim.mapping.lower import lower
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.price import Pricer
from accelsim.mapping.seating import seat, seats_of, unfolded_seats
from accelsim.mapping.servers import COMM, HOST, STREAM
from accelsim.mapping.shard import shard_all
from accelsim.warning import warn
from accelsim.workload.graph import Workload


def map_blocks(job: Job, passes: Sequence[Workload]) -> Mapped:
    """One representative chip whose stream runs operators one after another.

    Args:
        job: The job.
        passes: One replica's operators of each traversal.

    Raises:
        CapacityError: It does not fit.
        PlanError: The degrees do not divide the model, or the ranks are not alike and cannot be told apart.
    """
    system, plan = job.system, job.plan
    has_kernels = launches_kernels(system.chip)
    shares = shard_all(passes, plan)
    shares = fuse_all(shares) if job.profile.fuses_rows and has_kernels else shares
    warnings = check_capacity(job, shares[-1])
    seating = seat(shares[-1], plan, system, job.seed)
    seats = seats_of(plan, seating)
    pricer = Pricer(system, region_of(plan, system.chip), seats)
    unfolded = symmetry_broken_by(system, max(plan.tp, plan.ep))
    if unfolded and plan.ep > plan.tp:
        raise PlanError(f"plan: ep={plan.ep} > tp={plan.tp} cannot be simulated rank by rank: {unfolded[0]}.")
    lowered = lower(pricer.price_all(shares), system, unfolded_seats(plan, seats) if unfolded else None)
    dispatches = bool(job.profile.dispatch_s) and has_kernels
    if dispatches:
        lowered = with_host(lowered, job.profile, len(lowered.blocks) // len(shares), job.engine)
    return Mapped(
        plan=plan,
        program=lowered.program,
        num_chips=plan.num_ranks,
        footprint=footprint(shares[-1], system.chip),
        blocks=lowered.blocks,
        servers=ServerRoles(STREAM, COMM, HOST if dispatches else None),
        warnings=(
            *warnings,
            *(() if seating is None else seating.warnings),
            *(warn("folding-off", reason) for reason in unfolded),
        ),
        seating=seating,
    )
