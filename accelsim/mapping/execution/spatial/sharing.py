"""Chips that are shared: their groups run one after another on all of the tiles, and all that is theirs is resident.

A chip of one core is one rectangle, and on a chip of few cores all of them on one operator after another are faster
than a few on each.  Chips work in teams of as many as groups have pieces: piece ``p`` of every group lies on chip ``p``
of a team, which therefore has all pieces of consecutive groups.  A group in more pieces goes over several teams, groups
in fewer pieces take turns with the chips of theirs.  A chip has time and SRAM for all of its groups.

Groups are dealt to teams in the order of the model, as many to each as it holds.  Where several units are under way the
slowest team sets the pace, so the most time that a team has is made least.

Around dead tiles it is the largest rectangle of tiles that work.  A tensor that stays on the tiles is rearranged
between two groups (:class:`~accelsim.mapping.execution.spatial.floor.Floor`).

Not modelled: tiles beside the largest rectangle.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.faults import WorkingTiles, uncovered_tiles
from accelsim.mapping.execution.spatial.floor import Floor
from accelsim.mapping.execution.spatial.groups import Pipeline
from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.pieces import piece_number, whole_name
from accelsim.mapping.execution.spatial.prices import PriceOf, StreamPrices
from accelsim.mapping.execution.spatial.sizing import PartTooLarge, Sizes, part_too_large
from accelsim.mapping.job import Job
from accelsim.network.noc import Rectangle, largest_rectangle
from accelsim.units import format_quantity

FloatArray = npt.NDArray[np.float64]

#: Halvings of the interval in which the least time of the slowest team is looked for.
_HALVINGS = 40


def shares_chips(job: Job) -> bool:
    """Whether the groups of a chip share its tiles: as the plan says, else where there is one core to share."""
    if job.plan.rectangles is not None:
        return bool(job.plan.rectangles == "shared")
    return job.system.chip.num_cores == 1


def whole_grid(chip: Chip) -> Rectangle:
    """The tiles of a chip that programs see; around dead ones, the largest rectangle without any.

    Raises:
        CapacityError: All tiles are dead.
    """
    rows, cols = chip.core_grid
    works = np.ones((rows - chip.spare_rows, cols - chip.spare_cols), dtype=bool)
    if chip.bypass or not (dead := uncovered_tiles(chip)):
        return Rectangle(0, 0, *works.shape)
    works[tuple(np.array(dead).T)] = False
    if not works.any():
        raise CapacityError(f"chip {chip.name}: every tile is dead.")
    return largest_rectangle(works)


@dataclass(frozen=True, eq=False)
class _Bundle:
    """Consecutive groups that go to one team together: the pieces of one group and what adds them up.

    Attributes:
        groups: Their numbers.
        places: Chip of each of them, counted from the first chip of their first team.
        held_bytes: What they keep on each chip of their teams. float64[teams, size].
        scratch_bytes: What the hungriest of them needs beside that on any chip.
        work_s: Time that one unit takes.
    """

    groups: tuple[int, ...]
    places: tuple[int, ...]
    held_bytes: FloatArray
    scratch_bytes: float
    work_s: float


@dataclass(frozen=True, slots=True)
class Teams:
    """Chips that groups are dealt to.

    Attributes:
        chip: All are alike.
        num_chips: How many there are.
        size: Chips of a team.
    """

    chip: Chip
    num_chips: int
    size: int

    @property
    def capacity_bytes(self) -> float:
        """SRAM of the tiles of one chip that programs see."""
        return WorkingTiles(self.chip).region(whole_grid(self.chip)).num_cores * self.chip.sram_per_core_bytes


def share_chips(pipeline: Pipeline, teams: Teams, units: int, prices: StreamPrices, price_of: PriceOf) -> Sizes:
    """Every group on all tiles of a chip that it shares with others.

    Args:
        pipeline: Parts and groups.
        teams: The chips.
        units: Units under way at once; one only fills the fewest teams.
        prices: Knows the buffers of groups.
        price_of: Price of part ``i`` alone on a region.

    Raises:
        PartTooLarge: A group is too large for a chip.
        CapacityError: All together are too large for the chips.
    """
    region = WorkingTiles(teams.chip).region(whole_grid(teams.chip))
    bundles = list(_bundles(pipeline, teams, region, prices, price_of))
    dealt = _dealt(bundles, teams, units)
    chip_of = np.zeros(len(pipeline.groups), dtype=np.int64)
    busy_s = np.zeros(dealt[-1] + 1)
    for bundle, team in zip(bundles, dealt, strict=True):
        chip_of[list(bundle.groups)] = team * teams.size + np.array(bundle.places)
        busy_s[team] += bundle.work_s
    tiles = (region.num_cores,) * len(pipeline.parts)
    return Sizes(tiles, tiles, tuple(chip_of.tolist()), float(busy_s.max()), float(busy_s.sum()), are_shared=True)


def shared_floor(job: Job, sizes: Sizes) -> Floor:
    """Every group on all tiles of its chip.

    Args:
        job: Has the system.
        sizes: Chips of the groups.

    Raises:
        PlanError: Constraints or a placement are given: there is nothing to place.
    """
    if job.constraints is not None:
        raise PlanError(
            "constraints: with rectangles=shared every group has all tiles of its chip. Use rectangles=own."
        )
    grid = whole_grid(job.system.chip)
    return Floor(job.system, tuple(Spot(chip, grid) for chip in sizes.chip_of))


def _bundles(
    pipeline: Pipeline, teams: Teams, region: Region, prices: StreamPrices, price_of: PriceOf
) -> Iterator[_Bundle]:
    scratch_bytes = [_scratch_bytes(pipeline, part, teams, region, prices) for part in range(len(pipeline.parts))]
    work = [price_of(part, region).work_s for part in range(len(pipeline.parts))]
    turn: Counter[int] = Counter()
    whole_of = itertools.groupby(enumerate(pipeline.groups), key=lambda pair: whole_name(pair[1].name))
    for count, (_, members) in enumerate(whole_of):
        groups = list(members)
        numbers = [piece_number(group.name) for _, group in groups]
        pieces = 1 + max(number or 0 for number in numbers)
        places = tuple(_place(number, pieces, teams.size, turn[pieces], count) for number in numbers)
        turn[pieces] += 1
        held = np.zeros((-(-pieces // teams.size), teams.size))
        work_s = {True: 0.0, False: 0.0}  # pieces work side by side, then what adds them up
        for place, (at, group) in zip(places, groups, strict=True):
            part = pipeline.parts[group.part]
            held.flat[place] += part.resident_bytes + prices.group_buffer_bytes(at)
            work_s[part.is_piece] = max(work_s[part.is_piece], work[group.part])
        scratch = max(scratch_bytes[group.part] for _, group in groups)
        yield _Bundle(tuple(at for at, _ in groups), places, held, scratch, sum(work_s.values()))


def _scratch_bytes(pipeline: Pipeline, part: int, teams: Teams, region: Region, prices: StreamPrices) -> float:
    """What the hungriest unit of a part needs on a chip while it runs, if the part fits a chip alone."""
    fullest = prices.hungriest(part, region)
    if fullest.short_bytes > 0:
        one = pipeline.parts[part]
        raise PartTooLarge(part_too_large(one, teams.chip, region, fullest), one)
    return fullest.scratch_bytes * region.num_cores


def _place(number: int | None, pieces: int, size: int, turn: int, count: int) -> int:
    """Chip of a piece, or of what is no piece, counted from the first of its team.

    Pieces fewer than chips are spread over the team, from another chip on each time; what adds them up takes turns.
    """
    if number is None:
        return count % size
    return turn % (size // pieces) + number * size // pieces if pieces < size else number


def _dealt(bundles: Sequence[_Bundle], teams: Teams, units: int) -> list[int]:
    """Team of each bundle."""
    most = max(1, teams.num_chips // teams.size)
    found, used = _filled(bundles, teams.capacity_bytes, np.inf)
    if used > most:
        raise CapacityError(*_too_many(bundles, teams))
    if units == 1:
        return found
    low, high = 0.0, sum(bundle.work_s for bundle in bundles)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        trial, used = _filled(bundles, teams.capacity_bytes, middle)
        if used <= most:
            found, high = trial, middle
        else:
            low = middle
    return found


def _filled(bundles: Sequence[_Bundle], capacity_bytes: float, most_s: float) -> tuple[list[int], int]:
    """First team of each bundle, and how many there are.

    Each team takes what it has SRAM for and at most ``most_s`` of time, but one bundle always.
    """
    found: list[int] = []
    held, scratch, busy_s, team = bundles[0].held_bytes[0] * 0.0, 0.0, 0.0, 0
    for bundle in bundles:
        then, needed = held + bundle.held_bytes[-1], max(scratch, bundle.scratch_bytes)
        is_full = len(bundle.held_bytes) > 1 or then.max() + needed > capacity_bytes
        if found and (is_full or busy_s + bundle.work_s > most_s):
            team, then, needed, busy_s = team + 1, bundle.held_bytes[-1], bundle.scratch_bytes, 0.0
        found.append(team)
        team += len(bundle.held_bytes) - 1
        held, scratch, busy_s = then, needed, busy_s + bundle.work_s
    return found, team + 1


def _too_many(bundles: Sequence[_Bundle], teams: Teams) -> tuple[str, float]:
    """What does not fit, and by how many bytes."""
    needed, capacity = sum(float(bundle.held_bytes.sum()) for bundle in bundles), teams.capacity_bytes * teams.num_chips
    short = max(needed - capacity, 0.0)
    left = f"the {format_quantity(capacity - needed, 'bytes')} left are too little on each chip. Use more pieces"
    what = format_quantity(short, "bytes") + " of SRAM short" if short else left
    text = (
        f"spatial on {teams.num_chips} x {teams.chip.name}, shared: weights, KV cache and buffers of all groups in "
        f"{teams.size} pieces are {format_quantity(needed, 'bytes')}, all chips have "
        f"{format_quantity(capacity, 'bytes')}: {what}."
    )
    return text, short if short else 1.0
