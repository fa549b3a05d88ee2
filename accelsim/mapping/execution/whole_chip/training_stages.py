"""Training on the stages of a pipeline: cells of both directions in the order of a schedule, the optimizer behind them.

Not modelled: the sum of the gradients of tied tables over the first and the last stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from accelsim.hardware.profile import launches_kernels
from accelsim.mapping.execution.whole_chip.cells import StageProgram, lower_pipelined
from accelsim.mapping.execution.whole_chip.host import with_host
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.execution.whole_chip.training import Iteration, check_training, share_of_iteration
from accelsim.mapping.job import Job
from accelsim.mapping.lower import LoweredProgram, lower
from accelsim.mapping.mapped import Mapped
from accelsim.mapping.parallel.data import Parameters, optimizer_pass
from accelsim.mapping.parallel.stages import sends_both_ways, stages_of_step
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.schedule.base import BACKWARD, REDUCE, SCHEDULES, STEP, TRAINING, Cell
from accelsim.mapping.seating import seats_of
from accelsim.workload.graph import Workload
from accelsim.workload.training import TrainingStep


def map_training_stages(job: Job) -> Mapped:
    """Every stage priced in both directions, and all cells lowered.

    Args:
        job: What is run; its phase trains and its plan has stages.

    Raises:
        PlanError: As :func:`~accelsim.mapping.execution.whole_chip.training.map_training`, or more stages than layers.
        CapacityError: A stage does not fit and ``ignore_capacity`` is off.
    """
    iteration = share_of_iteration(job)
    need, warnings = check_training(job, iteration)
    plan = job.plan.replace(microbatches=iteration.num_microbatches)
    stages = price_stages(job, iteration)
    orders = orders_of(plan, iteration.num_microbatches)
    program, ran, cells = lower_pipelined(stages, orders, job.system, plan.num_ranks // plan.pp)
    return Mapped(
        plan=plan,
        program=program,
        num_chips=plan.num_ranks,
        footprint=need,
        overlapped=ran,
        warnings=warnings,
        cells=cells,
    )


def orders_of(plan: Plan, num_microbatches: int) -> list[tuple[Cell, ...]]:
    """Cells of each stage in the order in which it plays them, and what follows the last.

    Args:
        plan: Its stages and schedule.
        num_microbatches: Of a replica.
    """
    schedule = SCHEDULES.get(plan.schedule)
    return [
        (*schedule.cells(stage, plan.pp, num_microbatches, TRAINING), Cell(stage, 0, REDUCE), Cell(stage, 0, STEP))
        for stage in range(plan.pp)
    ]


def price_stages(job: Job, iteration: Iteration) -> list[StageProgram]:
    """What each stage does and sends, priced.

    Args:
        job: Its plan has stages.
        iteration: One rank's share.
    """
    plan, system = job.plan, job.system
    pricer = Pricer(system, region_of(plan, system.chip), seats_of(plan, None), job.known)
    parts = stages_of_step(iteration.step, plan.pp)
    onward, back = sends_both_ways(iteration.step, parts, plan)
    found = []
    for at, part in enumerate(parts):
        ways = {way: _lowered(job, pricer, one) for way, one in _workloads(job, iteration, part).items()}
        sent = pricer.priced(onward[at]) if at < len(onward) else None
        returned = pricer.priced(back[at - 1]) if at else None
        further = {way: StageProgram(one, None) for way, one in ways.items()}
        further[BACKWARD] = StageProgram(ways[BACKWARD], returned)
        forward = _lowered(job, pricer, part.forward)
        found.append(StageProgram(forward, sent, further))
    return found


def _workloads(job: Job, iteration: Iteration, part: TrainingStep) -> Mapping[str, Workload]:
    """What a stage does besides forward, by direction."""
    parameters = Parameters.of(part.forward, job.plan)
    after = optimizer_pass(parameters, iteration.optimizer, job.plan, job.model.name)
    summed, stepped = (replace(after, segments=(segment,)) for segment in after.segments)
    return {BACKWARD: part.backward, REDUCE: summed, STEP: stepped}


def _lowered(job: Job, pricer: Pricer, workload: Workload) -> LoweredProgram:
    blocks = pricer.price(workload)
    lowered = lower([blocks], job.system)
    if job.profile.dispatch_s and launches_kernels(job.system.chip):
        return with_host(lowered, job.profile, len(lowered.blocks), job.engine)
    return lowered
