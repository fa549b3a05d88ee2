"""A job taken through the stages: operator graphs, one rank's share, prices, task graphs, timeline."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from accelsim.engine.program import ProgramTimeline, run_program
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.profile import launches_kernels
from accelsim.hardware.system import System
from accelsim.mapping.candidates import candidate_plans
from accelsim.mapping.capacity import check_capacity
from accelsim.mapping.footprint import Footprint, footprint
from accelsim.mapping.fuse import fuse_all
from accelsim.mapping.host import with_host
from accelsim.mapping.job import Job
from accelsim.mapping.lower import LoweredProgram, lower
from accelsim.mapping.placement.constraints import PlacementConstraints
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.regions import region_of
from accelsim.mapping.seating import Seating, seat, seats_of, unfolded_seats
from accelsim.mapping.shard import shard_all
from accelsim.mapping.spatial.groups import GRANULARITIES
from accelsim.mapping.spatial.run import PLACER_BUDGET, SpatialMapper, SpatialRun
from accelsim.mapping.streaming import lower_streaming, streaming_footprint
from accelsim.mapping.symmetry import symmetry_broken_by
from accelsim.warning import warn
from accelsim.workload.build import build_steps, build_traversal
from accelsim.workload.graph import Workload
from accelsim.workload.phase import Phase
from accelsim.workload.routing import RANDOM


@dataclass(frozen=True)
class Played:
    """The values of the stages of one run, from the operator graphs to the timeline.

    Attributes:
        passes: The whole model's operators of each pass.
        footprint: Memory of the fullest chip.
        warnings: About memory.
        lowered: The task graphs.
        timeline: What the engine returned.
        plan: The plan with everything filled in that it left open.
        num_chips: Chips at work.
        spatial: Groups on their tiles, in spatial execution.
        seating: Chips of the ranks, where a placer seated them.
    """

    passes: tuple[Workload, ...]
    footprint: Footprint
    warnings: tuple[str, ...]
    lowered: LoweredProgram
    timeline: ProgramTimeline
    plan: Plan
    num_chips: int
    spatial: SpatialRun | None = None
    seating: Seating | None = None


def play(job: Job) -> Played:
    """Take a job through the stages: operator graphs, one rank's share, prices, task graphs, timeline."""
    _check_plan(job.plan, job.system, job.phase, job.constraints)
    passes = build_steps(job.model, job.phase.replica(job.plan.dp), job.recipe)
    if job.plan.execution == "spatial":
        return _play_spatial(job, passes)
    if job.plan.execution == "weight_streaming":
        return _play_streaming(job, passes)

    shares = shard_all(passes, job.plan)
    shares = fuse_all(shares) if job.profile.fuses_rows and has_kernels(job) else shares
    warnings = check_capacity(job.model, job.phase, job.plan, job.system, job.recipe, shares[-1], job.ignore_capacity)
    seating = seat(shares[-1], job.plan, job.system, job.seed)
    seats = seats_of(job.plan, seating)
    warnings += () if seating is None else seating.warnings
    pricer = Pricer(job.system, region_of(job.plan, job.system.chip), seats)
    unfolded = symmetry_broken_by(job.system, max(job.plan.tp, job.plan.ep))
    if unfolded and job.plan.ep > job.plan.tp:
        raise PlanError(f"plan: ep={job.plan.ep} > tp={job.plan.tp} cannot be simulated rank by rank: {unfolded[0]}.")
    lowered = lower(pricer.price_all(shares), job.system, unfolded_seats(job.plan, seats) if unfolded else None)
    if job.profile.dispatch_s and has_kernels(job):
        lowered = with_host(lowered, job.profile, len(lowered.blocks) // len(shares), job.engine)
    timeline = run_program(lowered.program, job.engine)
    warnings += tuple(warn("folding-off", reason) for reason in unfolded)
    need = footprint(shares[-1], job.system.chip)
    return Played(tuple(passes), need, warnings, lowered, timeline, job.plan, job.plan.num_ranks, seating=seating)


def has_kernels(job: Job) -> bool:
    """Whether a host launches kernels one by one; other machines run a compiled program as a whole."""
    return launches_kernels(job.system.chip) and job.plan.execution == "whole_chip"


def _play_spatial(job: Job, passes: Sequence[Workload]) -> Played:
    """Cut into groups, share out tiles, place, price, one task graph in which everything overlaps, timeline."""
    run = map_spatial(job, passes[-1])
    timeline = run_program(run.lowered.program, job.engine)
    chips = run.lowered.num_chips
    return Played(tuple(passes), run.footprint, run.warnings, run.lowered, timeline, run.plan, chips, run)


def _play_streaming(job: Job, passes: Sequence[Workload]) -> Played:
    """Price on the whole grid, one task graph in which weights come in ahead of the operators, timeline."""
    need, warnings = streaming_footprint(passes[-1], job.system, job.ignore_capacity)
    pricer = Pricer(job.system, region_of(job.plan, job.system.chip))
    lowered = lower_streaming(pricer.price_all(passes), job.system)
    timeline = run_program(lowered.program, job.engine)
    return Played(tuple(passes), need, warnings, lowered, timeline, job.plan, 1)


def map_spatial(job: Job, fullest: Workload, budget: int = PLACER_BUDGET) -> SpatialRun:
    """Groups of the job's operators on tiles; ``fullest`` is the pass that holds most."""
    mapper = SpatialMapper(job.model, job.system, job.phase, job.recipe, fullest.segments, job.constraints)
    try:
        return mapper.run(job.plan, job.seed, budget)
    except CapacityError as error:
        change = next(_spatial_changes(job), None)
        fix = f"Of the job: {change} fits." if change else "No half, quarter ... of the batch or length fits."
        raise CapacityError(f"{error} {fix}") from error


def _spatial_changes(job: Job) -> Iterator[str]:
    """Changes of one thing with which the groups fit by their sizes: chunk, granularity, batch, length."""

    def fits(plan: Plan, phase: Phase) -> bool:
        largest = build_traversal(job.model, phase.fullest(), replace(job.recipe, routing=RANDOM)).segments
        return SpatialMapper(job.model, job.system, phase, job.recipe, largest, job.constraints).fits(plan)

    if job.plan.chunk not in (None, 1) and fits(job.plan.replace(chunk=1), job.phase):
        yield "chunk=1"
    for finer in GRANULARITIES[GRANULARITIES.index(job.plan.granularity) + 1 :]:
        if fits(job.plan.replace(granularity=finer), job.phase):
            yield f"granularity={finer}"
    for halves in job.phase.smaller():
        yield from itertools.islice((change for change, smaller in halves if fits(job.plan, smaller)), 1)


def choose_plan(job: Job, plan: Plan | str) -> Plan:
    """The plan given, or the candidate with the smallest simulated latency among those that fit.

    A long decode is judged by its first step, which ranks the plans at a fraction of the time.
    """
    if isinstance(plan, Plan):
        return plan
    if plan != "auto":
        return Plan.parse(plan)
    phase = job.phase.first()
    best: tuple[float, Plan] | None = None
    refused: CapacityError | PlanError | None = None
    for candidate in candidate_plans(job.model, job.system, job.phase.alike):
        try:
            latency_s = play(replace(job, phase=phase, plan=candidate)).timeline.makespan_s
        except (CapacityError, PlanError) as error:
            if refused is None or isinstance(error, CapacityError):
                refused = error
            continue
        if best is None or latency_s < best[0]:
            best = latency_s, candidate
    if best is None:
        raise refused or PlanError(f"no plan of {job.model.name} uses {job.system.name}: give one with --plan.")
    return best[1]


def _check_plan(plan: Plan, system: System, phase: Phase, constraints: PlacementConstraints | None = None) -> None:
    if plan.num_ranks > system.num_chips:
        raise PlanError(
            f"plan: tp={plan.tp} x dp={plan.dp} needs {plan.num_ranks} chips, {system.name} has {system.num_chips}. "
            f"Ask for more with SYSTEM:{plan.num_ranks}, or lower tp or dp."
        )
    if constraints is not None and plan.execution != "spatial":
        raise PlanError(f"constraints: execution={plan.execution} places no groups. Use execution=spatial.")
    phase.replica(plan.dp)  # raises where replicas cannot get equal shares
