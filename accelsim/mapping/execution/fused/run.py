"""From a job to sections: memories checked, operators priced, the chain cut, lowered."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.cost.base import KERNELS, Region
from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.fused.chain import Flow
from accelsim.mapping.execution.fused.sections import find_sections
from accelsim.mapping.execution.fused.tasks import Pass, lower_sections
from accelsim.mapping.job import Job
from accelsim.mapping.mapped import Mapped, ServerRoles
from accelsim.mapping.price import Pricer
from accelsim.mapping.seating import seats_of
from accelsim.mapping.servers import COMM, STREAM
from accelsim.mapping.shard import shard
from accelsim.mapping.tiers.fit import shortage, tier_footprint
from accelsim.mapping.tiers.placing import TierPlacement, place_tensors
from accelsim.mapping.tiers.streaming import Streaming
from accelsim.warning import warn
from accelsim.workload.graph import Workload
from accelsim.workload.steps import StepSeries


def map_sections(job: Job, passes: Sequence[StepSeries]) -> Mapped:
    """One representative chip through whose sections the tokens of every pass stream.

    Args:
        job: The job.
        passes: One replica's operators of each traversal, in series.

    Raises:
        CapacityError: Its memories do not hold the model.
        PlanError: The chip cannot lay operators side by side, or the degrees do not divide the model.
    """
    system, plan = job.system, job.plan
    shares = job.known.shares(tuple(passes), plan, False)
    placement, warnings = _checked(job, shares[-1].last)
    region = Region(*system.chip.core_grid, KERNELS[0])
    pricer = Pricer(system, region, seats_of(plan, None), job.known)
    flow = Flow(system.chip, placement, Streaming(system.chip, region, placement, lambda op: pricer.priced(op).cost))
    steps = [step for series in shares for step in series]
    last = list(flow.links(pricer.price(steps[-1])))
    through: list[Pass] = []
    for step in steps:
        links = last if step is steps[-1] else list(flow.links(pricer.price(step)))
        budget = flow.budget(step.tokens)
        through.append(Pass(links, find_sections([flow.station(link) for link in links], budget), budget.units))
    program, overlapped = lower_sections(through, flow, system, plan.num_ranks)
    return Mapped(
        plan=plan,
        program=program,
        num_chips=plan.num_ranks,
        footprint=tier_footprint(placement, system.chip),
        overlapped=overlapped,
        servers=ServerRoles(stream=STREAM, comm=COMM),
        warnings=warnings,
    )


def fullest_tiers(job: Job) -> TierPlacement:
    """Where the tensors of the fullest pass lie.

    Args:
        job: The job.

    Raises:
        CapacityError: Its memories do not hold the model.
        PlanError: As :func:`map_sections`.
    """
    fullest = job.model.build(job.phase.replica(job.plan.dp).fullest(), job.recipe)
    return _checked(job, shard(fullest, job.plan))[0]


def _checked(job: Job, fullest: Workload) -> tuple[TierPlacement, tuple[str, ...]]:
    chip = job.system.chip
    if chip.noc is None and chip.dataflow is None:
        raise PlanError(
            f"plan: execution=fused lays operators side by side on the cores of a chip, {chip.name} does not: it has "
            "neither noc nor dataflow. Use execution=whole_chip, or add one to the chip's file."
        )
    placement = place_tensors(fullest, chip, job.plan)
    lacking = shortage(placement, chip)
    if lacking is None:
        return placement, ()
    where = f"{job.model.name} on {job.system.name}:{job.system.num_chips}, plan {job.plan}: {lacking}"
    if job.ignore_capacity:
        return placement, (warn("capacity-ignored", where),)
    raise CapacityError(where, placement.short_bytes)
