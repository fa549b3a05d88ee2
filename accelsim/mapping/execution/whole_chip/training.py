"""Training on whole chips: both ways of every microbatch one after another, then the optimizer."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import CapacityError, ConfigError, PlanError
from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.execution.whole_chip.host import with_host
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.execution.whole_chip.symmetry import symmetry_broken_by
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.fuse import fuse_all
from accelsim.mapping.job import Job
from accelsim.mapping.lower import lower
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.parallel.data import Parameters, optimizer_pass
from accelsim.mapping.parallel.sequence import share_sequence
from accelsim.mapping.parallel.stages import stages_of_step
from accelsim.mapping.price import Pricer
from accelsim.mapping.schedule.base import SCHEDULES
from accelsim.mapping.seating import seats_of
from accelsim.mapping.servers import COMM, HOST, STREAM
from accelsim.mapping.shard import shard_all
from accelsim.mapping.training_footprint import training_footprint
from accelsim.units import format_quantity
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.optimizer import Optimizer, optimizer_of
from accelsim.workload.steps import StepSeries
from accelsim.workload.training import TrainingStep, training_step


@dataclass(frozen=True)
class Iteration:
    """One rank's share of an iteration.

    Attributes:
        step: Both ways of a microbatch.
        parameters: Of the rank.
        optimizer: What steps.
        num_microbatches: Of a replica.
    """

    step: TrainingStep
    parameters: Parameters
    optimizer: Optimizer
    num_microbatches: int


def map_training(job: Job) -> Mapped:
    """Microbatches in series, each forward and backward, and the optimizer behind them.

    Args:
        job: What is run; its phase trains.

    Raises:
        PlanError: What is not modelled, or degrees that do not divide the model.
        CapacityError: It does not fit and ``ignore_capacity`` is off.
    """
    iteration = share_of_iteration(job)
    footprint, warnings = check_training(job, iteration)
    system, plan = job.system, job.plan
    pricer = Pricer(system, region_of(plan, system.chip), seats_of(plan, None), job.known)
    both = _one_after_another(iteration.step)
    count = iteration.num_microbatches
    after = optimizer_pass(iteration.parameters, iteration.optimizer, plan, job.model.name)
    passes = (StepSeries(both, both, both, count), StepSeries.one(after, count))
    priced = [pricer.price_series(series) for series in passes]
    lowered = lower(priced, system)
    dispatches = bool(job.profile.dispatch_s) and launches_kernels(system.chip)
    if dispatches:
        lowered = with_host(lowered.unrolled(), job.profile, len(priced[0]), job.engine)
    return Mapped(
        plan=plan,
        program=lowered.program,
        num_chips=plan.num_ranks,
        footprint=footprint,
        blocks=lowered.blocks,
        servers=ServerRoles(STREAM, COMM, HOST if dispatches else None),
        warnings=warnings,
    )


def share_of_iteration(job: Job) -> Iteration:
    """One rank's share of what the phase asks for.

    Args:
        job: Its phase trains.

    Raises:
        PlanError: What is not modelled, or degrees that do not divide the model.
    """
    _check_plan(job)
    phase, plan = job.phase.replica(job.plan.dp), job.plan
    forward = job.model.build(phase.fullest(), job.recipe)
    dropout = bool(phase.plain()["dropout"])
    try:
        whole = training_step(forward, plan.recompute, dropout)
    except ConfigError as error:
        raise PlanError(str(error)) from error
    step = whole.map(lambda both: shard_all(both, plan))
    if plan.sp == "on" and plan.tp > 1:
        step = step.map(lambda both: share_sequence(both, plan))
    if job.profile.fuses_rows:
        step = step.map(fuse_all)
    optimizer = optimizer_of(phase.plain()["optimizer"])
    return Iteration(step, Parameters.of(step.forward, plan), optimizer, len(phase.traversals()))


def check_training(job: Job, iteration: Iteration) -> tuple[Footprint, tuple[str, ...]]:
    """Memory of a chip of the fullest stage, and a warning where it does not fit and may go on.

    Args:
        job: Whose plan and system are checked.
        iteration: One rank's share.

    Raises:
        CapacityError: It does not fit.
        PlanError: More stages than layers.
    """
    plan = job.plan
    parts, held = stages_of_step(iteration.step, plan.pp), [1]
    if plan.pp > 1:
        schedule = SCHEDULES.get(plan.schedule)
        held = [schedule.most_in_flight(at, plan.pp, iteration.num_microbatches) for at in range(plan.pp)]
    needs = [
        training_footprint(part, Parameters.of(part.forward, plan), iteration.optimizer, job.system.chip, in_flight)
        for part, in_flight in zip(parts, held, strict=True)
    ]
    fullest = max(range(len(needs)), key=lambda stage: needs[stage].total_bytes)
    need = needs[fullest]
    if not need.short_bytes:
        return need, ()
    where = f"{job.model.name} on {job.system.name}:{job.system.num_chips}, plan {plan}"
    stage = f"stage {fullest} of 0 to {plan.pp - 1} needs" if plan.pp > 1 else "needs"
    problem = f"{where}: {stage} {need} per chip: {format_quantity(need.short_bytes, 'bytes')} short."
    if job.ignore_capacity:
        return need, (warn("capacity-ignored", problem),)
    raise CapacityError(problem, need.short_bytes)


def _check_plan(job: Job) -> None:
    """Refuse what no training step is modelled for."""
    plan, system = job.plan, job.system
    if not launches_kernels(system.chip):
        raise PlanError(
            f"plan: training is modelled on GPUs, {system.chip.name} has cost model {system.chip.cost_model}."
        )
    count = len(job.phase.replica(plan.dp).traversals())
    if plan.microbatches not in (1, count):
        raise PlanError(
            f"plan: microbatches={plan.microbatches}, but global_batch over dp and micro_batch makes {count}. "
            "Leave the key out."
        )
    if plan.ep > 1:
        raise PlanError(f"plan: ep={plan.ep} plays training not yet. Use ep=1.")
    if plan.ranks is not None:
        raise PlanError("plan: ranks= seats training not yet. Leave it out.")
    broken = symmetry_broken_by(system, plan.num_ranks)
    if broken:
        raise PlanError(f"plan: training cannot be simulated rank by rank: {broken[0]}.")


def _one_after_another(step: TrainingStep) -> Workload:
    """Both ways of a microbatch as one pass."""
    forward, back = step.forward, step.backward
    return Workload(forward.name, (*forward.segments, *back.segments), forward.tokens, forward.tied_weights)
