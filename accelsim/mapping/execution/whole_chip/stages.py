"""A phase in microbatches on the stages of a pipeline: dealt, priced, checked against memory, and lowered."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.chip import Chip
from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.execution.whole_chip.cells import StageProgram, lower_pipelined
from accelsim.mapping.execution.whole_chip.host import with_host
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.execution.whole_chip.symmetry import symmetry_broken_by
from accelsim.mapping.footprint import Footprint, footprint
from accelsim.mapping.framework import with_framework
from accelsim.mapping.fuse import fuse_all
from accelsim.mapping.job import Job
from accelsim.mapping.lower import lower
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.pipeline import deal, sends
from accelsim.mapping.price import Pricer
from accelsim.mapping.schedule.base import INFERENCE, SCHEDULES
from accelsim.mapping.seating import seat, seats_of
from accelsim.mapping.shard import shard
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.phase import Phase
from accelsim.workload.tensor import Role


def map_stages(job: Job) -> Mapped:
    """One microbatch dealt to stages, every stage priced, and all cells lowered.

    Args:
        job: What is run; its phase is that of all replicas.

    Raises:
        PlanError: A phase whose traversals follow from one another, microbatches that do not divide the batch, more
            stages than layers, or dead and slow links.
        CapacityError: A stage does not fit and ``ignore_capacity`` is off.
    """
    plan, system = job.plan, job.system
    share, parts = _dealt(job)
    need, warnings = _check_stages(job, parts)
    seating = None
    if plan.ranks is not None:
        whole = shard(job.model.build(job.phase.replica(plan.dp).fullest(), job.recipe), plan)
        seating = seat(whole, plan, system, job.seed, share)
    pricer = Pricer(system, region_of(plan, system.chip), seats_of(plan, seating), job.known)
    priced = [pricer.price(part) for part in parts]
    if launches_kernels(system.chip):
        sequences = _microbatch(job).sequences
        inside = with_framework(priced[:-1], job.profile.inside_pass, sequences)
        priced = [*inside, *with_framework(priced[-1:], job.profile, sequences)]
    lowered = [lower([blocks], system) for blocks in priced]
    if job.profile.dispatch_s and launches_kernels(system.chip):
        lowered = [with_host(one, job.profile, len(one.blocks), job.engine) for one in lowered]
    links = [*(pricer.priced(operator) for operator in sends(share, parts, plan.mesh)), None]
    stages = [StageProgram(one, send) for one, send in zip(lowered, links, strict=True)]
    schedule = SCHEDULES.get(plan.schedule)
    orders = [tuple(schedule.cells(stage, plan.pp, plan.microbatches, INFERENCE)) for stage in range(plan.pp)]
    program, ran, cells = lower_pipelined(stages, orders, system, plan.num_ranks // plan.pp)
    return Mapped(
        plan=plan,
        program=program,
        num_chips=plan.num_ranks,
        footprint=need,
        overlapped=ran,
        warnings=(*warnings, *_one_microbatch(job), *(() if seating is None else seating.warnings)),
        seating=seating,
        cells=cells,
    )


def check_stages(job: Job) -> None:
    """Refuse what :func:`map_stages` refuses.

    Raises:
        PlanError: As :func:`map_stages`.
        CapacityError: A stage does not fit and ``ignore_capacity`` is off.
    """
    _check_stages(job, _dealt(job)[1])


def _dealt(job: Job) -> tuple[Workload, tuple[Workload, ...]]:
    """A rank's share of one microbatch, and what each stage has of it.

    Raises:
        PlanError: As :func:`map_stages`.
    """
    _check(job)
    share = shard(job.model.build(_microbatch(job).fullest(), job.recipe), job.plan)
    share = fuse_all([share])[0] if job.profile.fuses_rows and launches_kernels(job.system.chip) else share
    return share, tuple(deal(share, job.plan.pp))


def _microbatch(job: Job) -> Phase:
    """What a stage works on at a time.

    Raises:
        PlanError: Microbatches that do not divide a replica's batch.
    """
    replica, pieces = job.phase.replica(job.plan.dp), job.plan.microbatches
    try:
        return replica.replica(pieces)
    except PlanError:
        raise PlanError(
            f"plan: microbatches={pieces} does not divide the sequences of a replica. "
            f"Use a divisor of the batch over dp={job.plan.dp}."
        ) from None


def _check(job: Job) -> None:
    """Refuse what no pipeline plays yet."""
    if job.phase.feeds_back:
        raise PlanError(
            f"plan: pp={job.plan.pp} plays {job.phase.kind} not yet: each token would wait for the last stage of the "
            "one before. Use pp=1, or a prefill."
        )
    broken = symmetry_broken_by(job.system, job.plan.num_ranks)
    if broken:
        raise PlanError(f"plan: pp={job.plan.pp} cannot be simulated rank by rank: {broken[0]}.")


def stage_footprint(part: Workload, chip: Chip, microbatches: int) -> Footprint:
    """Bytes of one rank of a stage: its weights, the KV cache of all microbatches, activations of one.

    Args:
        part: One rank's share of the layers of a stage, for one microbatch.
        chip: The chip that holds it.
        microbatches: All of them; each keeps a KV cache of its own.
    """
    need = footprint(part, chip)
    roles = dict(need.role_bytes)
    roles[Role.KV_CACHE.value] *= microbatches
    return Footprint(need.memory, need.capacity_bytes, roles)


def _one_microbatch(job: Job) -> tuple[str, ...]:
    """A warning where a batch that could be cut goes through the stages as a whole."""
    alike = job.phase.replica(job.plan.dp).alike
    if job.plan.microbatches > 1 or alike == 1:
        return ()
    text = f"pp={job.plan.pp} with one microbatch: one stage works at a time"
    return (warn("one-microbatch", f"{text}; cut the batch with microbatches=2 to {alike}, a divisor of it"),)


def _check_stages(job: Job, parts: Sequence[Workload]) -> tuple[Footprint, tuple[str, ...]]:
    """The footprint of the fullest stage, and a warning where it does not fit and may go on.

    Raises:
        CapacityError: It does not fit.
    """
    plan, system = job.plan, job.system
    needs = [stage_footprint(part, system.chip, plan.microbatches) for part in parts]
    fullest = max(range(len(needs)), key=lambda stage: needs[stage].total_bytes)
    need = needs[fullest]
    if not need.short_bytes:
        return need, ()
    problem = (
        f"{job.model.name} on {system.name}:{system.num_chips}, plan {plan}: stage {fullest} of 0 to {plan.pp - 1} "
        f"needs {need} per chip: {format_quantity(need.short_bytes, 'bytes')} short."
    )
    if job.ignore_capacity:
        return need, (warn("capacity-ignored", problem),)
    raise CapacityError(problem, need.short_bytes)
