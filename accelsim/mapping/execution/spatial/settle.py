"""Groups onto rectangles that hold them: placed, priced on the very rectangles, given more tiles, placed again."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.casts import Cast, casts_of
from accelsim.mapping.execution.spatial.faults import WorkingTiles
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.judge import LatencyJudge
from accelsim.mapping.execution.spatial.lanes import Lanes, Spot
from accelsim.mapping.execution.spatial.light import lit
from accelsim.mapping.execution.spatial.placing import ChipProblem, chip_problems, place_groups, use_placement
from accelsim.mapping.execution.spatial.prices import Prices, short_bytes
from accelsim.mapping.execution.spatial.sharing import shared_floor
from accelsim.mapping.execution.spatial.sizing import Sizes
from accelsim.mapping.execution.spatial.walk import Walk
from accelsim.mapping.job import Job
from accelsim.mapping.placement.constraints import ResolvedConstraints
from accelsim.mapping.placement.placement import Placement
from accelsim.units import format_quantity

#: Times the groups are placed again with more tiles for those that do not fit the sides they were given.
PLACEMENT_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Settled:
    """Groups on rectangles that hold them.

    Attributes:
        walk: What walks through them.
        sizes: Tiles of each part.
        problems: The placement problem of each chip, with the groups it holds.
        floor: Where each group is.
        tiles: Tiles of each group's rectangle that work.
        prices: Price of each group for each shape.
    """

    walk: Walk
    sizes: Sizes
    problems: tuple[ChipProblem, ...]
    floor: Floor
    tiles: tuple[int, ...]
    prices: tuple[Prices, ...]

    @cached_property
    def casts(self) -> tuple[Cast, ...]:
        """What the networks carry: flows of one tensor from one group to one chip are one cast."""
        return casts_of(self.walk.pipeline.flows, [spot.chip for spot in self.floor.spots])

    def cast_bytes(self, cast: Cast) -> npt.NDArray[np.int64]:
        """Bytes of a cast for each shape. int64[shapes]."""
        return np.asarray(self.walk.flow_bytes[cast.flows[0]], dtype=np.int64)

    def lanes(self, cast: Cast) -> Lanes:
        """The way of a cast."""
        return self.floor.lanes(cast.producers, cast.consumers)


@dataclass(frozen=True)
class Searching:
    """How the placer of a run searches.

    Attributes:
        placement: Where the groups are; None asks the placer of the plan.
        budget: Evaluations the placer may make.
    """

    budget: int
    placement: Placement | None = None


def settle(job: Job, walk: Walk, sizes: Sizes, constraints: ResolvedConstraints, how: Searching) -> Settled:
    """Every group on a rectangle that holds it.

    Args:
        job: Its plan names the placer and what to place by.
        walk: Groups with their prices, and what flows.
        sizes: Tiles of each group to start with.
        constraints: Pins, forbidden tiles and sets.
        how: A given placement, or the budget of the search for one.

    Raises:
        CapacityError: Weights, KV cache and buffers exceed the SRAM of a rectangle.
        PlacementError: No layout on the grid.
    """
    chip = job.system.chip
    if sizes.are_shared:
        if how.placement is not None:
            raise PlanError("placer: with rectangles=shared there is nothing to place. Use rectangles=own.")
        floor = shared_floor(job, sizes)
        settled = _priced(walk, sizes, chip_problems(walk, sizes, job.system, constraints), floor)
        _check_fit(settled, chip)
        return settled
    judge = LatencyJudge(walk, chip) if job.plan.objective == "latency" else None
    for _ in range(1 if how.placement is not None else PLACEMENT_ROUNDS):
        problems = chip_problems(walk, sizes, job.system, constraints, judge)
        if how.placement is not None:
            floor = use_placement(problems, job.system, how.placement)
        else:
            floor = place_groups(problems, job.system, job.plan.placer, job.seed, how.budget)
        settled = _priced(walk, sizes, problems, floor)
        groups = walk.pipeline.groups
        tight = {group.part for group, row in zip(groups, settled.prices, strict=True) if short_bytes(row) > 0}
        if not tight:
            return settled
        _check_fit(settled, chip, constraints.pinned)
        sizes = sizes.enlarged(tight)
    _check_fit(settled, chip)
    return settled


def _priced(walk: Walk, sizes: Sizes, problems: tuple[ChipProblem, ...], floor: Floor) -> Settled:
    """Price of each group on its rectangle."""
    working = WorkingTiles(floor.system.chip)
    regions = [working.region(spot.rectangle) for spot in floor.spots]
    beside = _beside_bytes(walk, floor)
    prices = tuple(
        walk.prices.on(group.part, region, beside[group.part])
        for group, region in zip(walk.pipeline.groups, regions, strict=True)
    )
    floor = lit(floor, casts_of(walk.pipeline.flows, [spot.chip for spot in floor.spots]))
    return Settled(walk, sizes, problems, floor, tuple(region.num_cores for region in regions), prices)


def _beside_bytes(walk: Walk, floor: Floor) -> list[int]:
    """What other groups keep on the tiles of each part's groups, where that is most."""
    held = [
        walk.pipeline.part_of(group).resident_bytes + walk.prices.group_buffer_bytes(group)
        for group in range(len(floor.spots))
    ]
    on_spot: dict[Spot, int] = {}
    for spot, nbytes in zip(floor.spots, held, strict=True):
        on_spot[spot] = on_spot.get(spot, 0) + nbytes
    found = [0] * len(walk.pipeline.parts)
    for group, spot, nbytes in zip(walk.pipeline.groups, floor.spots, held, strict=True):
        found[group.part] = max(found[group.part], on_spot[spot] - nbytes)
    return found


def _check_fit(settled: Settled, chip: Chip, among: Container[int] | None = None) -> None:
    """The rectangles of all groups, or those ``among`` some, must hold what the squares of the sizing did."""
    for index, prices in enumerate(settled.prices):
        short = short_bytes(prices)
        if short > 0 and (among is None or index in among):
            raise CapacityError(_too_small(settled, chip, index, short))


def _too_small(settled: Settled, chip: Chip, group: int, short: float) -> str:
    walk, spot, tiles = settled.walk, settled.floor.spots[group], settled.tiles[group]
    part = walk.pipeline.part_of(group)
    scratch = max(price.scratch_bytes for price in settled.prices[group] if price is not None)
    held = {"weights": part.weight_bytes / tiles, "KV cache": part.kv_bytes / tiles}
    held |= {"buffers": walk.prices.group_buffer_bytes(group) / tiles, "operator scratch": scratch}
    return (
        f"{walk.pipeline.groups[group].name} on {spot.rectangle} of chip {spot.chip}: when the last token is cached, "
        f"each of {tiles} tiles lacks {_size(short)} of {_size(chip.sram_per_core_bytes)} SRAM "
        f"({', '.join(f'{what} {_size(nbytes)}' for what, nbytes in held.items())}). "
        f"Smallest change that fits: {math.ceil(tiles * short / chip.sram_per_core_bytes)} "
        "tiles more; or a smaller chunk, or another placer."
    )


def _size(nbytes: float) -> str:
    return format_quantity(nbytes, "bytes")
