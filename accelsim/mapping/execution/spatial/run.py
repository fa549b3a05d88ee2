"""Spatial execution as passes: cut, sized, settled, filled, lowered, booked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from accelsim.engine.program import Program
from accelsim.errors import PlanError
from accelsim.mapping.booking import OnDemand, Overlapped
from accelsim.mapping.execution.spatial.booking import book_run
from accelsim.mapping.execution.spatial.chunk import with_least_chunk
from accelsim.mapping.execution.spatial.divide import divide
from accelsim.mapping.execution.spatial.faults import check_reachable, fault_warnings
from accelsim.mapping.execution.spatial.fill import fill_sram, fullest_chip
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.groups import Pipeline
from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.lowering import lower_pipeline
from accelsim.mapping.execution.spatial.occupancy import Occupancy
from accelsim.mapping.execution.spatial.placing import ChipProblem
from accelsim.mapping.execution.spatial.prices import PriceBook
from accelsim.mapping.execution.spatial.settle import Searching, Settled, settle
from accelsim.mapping.execution.spatial.sharing import shares_chips
from accelsim.mapping.execution.spatial.sizing import Sizes
from accelsim.mapping.execution.spatial.stream import Stream
from accelsim.mapping.execution.spatial.walk import walk_through
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.job import Job
from accelsim.mapping.placement.base import PLACEMENT_SUFFIXES
from accelsim.mapping.placement.placement import load_placement
from accelsim.mapping.plan import Plan
from accelsim.workload.graph import Segment, Workload

DEFAULT_PLACER = "stacks"
#: Evaluations of the cost a placer may spend inside a run.
PLACER_BUDGET = 10_000
_DEFAULT_SEARCH = Searching(PLACER_BUDGET)


@dataclass(frozen=True, repr=False)
class SpatialRun:
    """The values of the passes of a spatial run.

    Attributes:
        plan: The plan with chunk and placer filled in.
        settled: Groups on rectangles, what walks through them, and what that costs.
        occupancy: SRAM of every group.
        footprint: SRAM of the fullest chip.
        warnings: What faults of the chip cost.
        program: The task graph.
        overlapped: What it stands for.
    """

    plan: Plan
    settled: Settled
    occupancy: Occupancy
    footprint: Footprint
    warnings: tuple[str, ...]
    program: Program
    overlapped: Overlapped

    def __repr__(self) -> str:
        tiles = sum(fill.num_tiles for fill in self.occupancy.fills)
        return f"SpatialRun(plan {self.plan}: {len(self.occupancy.fills)} groups on {tiles:,} tiles)"

    @property
    def pipeline(self) -> Pipeline:
        """Groups and flows."""
        return self.settled.walk.pipeline

    @property
    def stream(self) -> Stream:
        """Units."""
        return self.settled.walk.stream

    @property
    def floor(self) -> Floor:
        """Where each group is."""
        return self.settled.floor

    @property
    def sizes(self) -> Sizes:
        """Tiles of each part."""
        return self.settled.sizes

    @property
    def problems(self) -> tuple[ChipProblem, ...]:
        """The placement problem of each chip, with the groups it holds."""
        return self.settled.problems

    @property
    def flow_total_bytes(self) -> np.ndarray:
        """Bytes of each flow in the whole run. int64[F]."""
        return self.settled.walk.flow_total_bytes

    @cached_property
    def light_w(self) -> float:
        """Power of lasers and rings over all chips: of each rectangle for its hungriest operator, and of the paths."""
        hungriest: dict[Spot, float] = defaultdict(float)
        for spot, prices in zip(self.floor.spots, self.settled.prices, strict=True):
            of_group = (cost.light_w for price in prices if price is not None for cost in price.costs)
            hungriest[spot] = max(hungriest[spot], *of_group, 0.0)
        return sum(hungriest.values()) + self.floor.light_w

    @cached_property
    def link_byte_hops(self) -> float:
        """Bytes times core hops over all links of the on-chip networks, whole run; detours around faults included."""
        return sum(
            float(lanes.lane_bytes(int(n)) @ lanes.hops) * int(times)
            for cast in self.settled.casts
            for lanes in [self.settled.lanes(cast)]
            for n, times in zip(self.settled.cast_bytes(cast), self.stream.counts, strict=True)
        )


def price_book(job: Job) -> PriceBook:
    """What the job's model costs on its chip; jobs made from one job share it and price nothing twice.

    Raises:
        PlanError: The chip has no on-chip network, and more cores than one that would own rectangles.
        RoutingError: Dead links cut a tile off.
    """
    chip = job.system.chip
    if chip.noc is None and not shares_chips(job):
        raise PlanError(
            f"plan: execution=spatial needs an on-chip network, {chip.name} has none. "
            "Use execution=whole_chip, or add noc to the chip's file."
        )
    check_reachable(chip)
    return job.known.made(PriceBook, job.model, job.recipe, chip, job.plan.kernels or "best")


def run_on_tiles(job: Job, largest: Sequence[Segment], book: PriceBook, how: Searching = _DEFAULT_SEARCH) -> SpatialRun:
    """Every pass, from the cut into groups to the task graph.

    Args:
        job: What is mapped; its plan's placer may be the name of a placement file.
        largest: Segments of the traversal that holds most, all sequences.
        book: Of the job's model and chip.
        how: Where the groups are, or how their places are searched.

    Raises:
        CapacityError: Weights, KV cache and buffers exceed the SRAM.
        PlanError: Unknown granularity.
        PlacementError: No layout on the grid.
    """
    job = replace(job, plan=job.plan.replace(placer=job.plan.placer or DEFAULT_PLACER))
    if how.placement is None and job.plan.placer.endswith(PLACEMENT_SUFFIXES):
        how = replace(how, placement=load_placement(job.plan.placer))

    divided = divide(job, largest, book)
    book, stream = divided.book, divided.stream
    walk = walk_through(divided.pipeline, stream, book)
    settled = settle(job, walk, divided.sizes, divided.constraints, how)
    occupancy = fill_sram(settled, job.phase.fullest())
    program, alone_s, kinds = lower_pipeline(settled)
    return SpatialRun(
        plan=job.plan.replace(chunk=max(shape.tokens for shape in stream.shapes)),
        settled=settled,
        occupancy=occupancy,
        footprint=fullest_chip(settled, occupancy),
        warnings=fault_warnings(job.system.chip, sum(settled.tiles)),
        program=program,
        overlapped=Overlapped(OnDemand(partial(book_run, settled, book)), alone_s, kinds),
    )


def one_replica(job: Job) -> Job:
    """The job of one of ``dp`` replicas, each on an equal share of the chips, one behind another on the walk.

    Replicas are alike and send nothing to each other. Not modelled: links that the ways of several replicas share.

    Args:
        job: The whole job.

    Raises:
        PlanError: Replicas cannot get equal shares of the batch.
    """
    replicas = job.plan.dp
    if replicas == 1:
        return job
    chips = job.system.num_chips // replicas
    plan = job.plan.replace(dp=1, chips=min(job.plan.chips or chips, chips))
    return replace(job, phase=job.phase.replica(replicas), plan=plan)


def map_groups(job: Job, fullest: Workload, budget: int = PLACER_BUDGET) -> SpatialRun:
    """Groups of the operators of one replica on tiles.

    Args:
        job: What is mapped.
        fullest: The pass of a replica that holds most.
        budget: Evaluations that the placer may make.

    Raises:
        CapacityError: They do not fit.
        PlacementError: No layout on the grid.
    """
    run = run_on_tiles(one_replica(job), fullest.segments, price_book(job), Searching(budget))
    return replace(run, plan=run.plan.replace(dp=job.plan.dp, chips=job.plan.chips))


def check_sizes(job: Job) -> None:
    """Refuse groups whose sizes do not fit the chips; their rectangles, which take a search, are not looked for.

    Args:
        job: What would be mapped.

    Raises:
        CapacityError: They do not fit.
        PlanError: The chip has no on-chip network.
    """
    job = one_replica(job)
    largest = job.model.build(job.phase.fullest(), job.recipe).segments
    divide(with_least_chunk(job), largest, price_book(job))
