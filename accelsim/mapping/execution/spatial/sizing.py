"""How many tiles each group gets: first what its SRAM needs, the rest where it saves most time.

A unit passes the groups one after another and ``units`` of them overlap, so the time is about::

    sum of all groups + (units - 1) x slowest group

Tiles are shared out on that estimate (:mod:`.menus`).  Every part is priced on rectangles as square as the grid allows,
whose sides are those of one fixed grid, so that more SRAM only adds sizes to choose from; where these do not fit, the
least side that holds a part joins them.  Groups of one part are alike and get the same number, and so do the pieces of
a group, which work side by side and count once in the sum.  A part stops growing where a larger rectangle is slower
(more hops than arithmetic saved).

Not modelled here: transfers between groups (they overlap), longer shapes (the placement gives the real rectangle, on
which the group is priced again).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, PlacementError
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.block import BlockPart
from accelsim.mapping.execution.spatial.faults import forbidden_tiles
from accelsim.mapping.execution.spatial.groups import Pipeline
from accelsim.mapping.execution.spatial.menus import Step, bought, cheapest_that_fits, estimate_s
from accelsim.mapping.execution.spatial.pieces import whole_name
from accelsim.mapping.execution.spatial.prices import PriceOf
from accelsim.mapping.execution.spatial.pricing import GroupPrice
from accelsim.mapping.placement.constraints import ResolvedConstraints
from accelsim.units import format_quantity

#: Sides tried grow by this factor from one to the next: where one unit is under way, and where many are, whose pace
#: the slowest group sets and which are sized for every length of units.
SIDE_STEP, COARSE_STEP = 1.05, 1.08
#: A rectangle that takes so much longer than a smaller one ends the search: those beyond are slower still.
TOO_WIDE = 1.1
#: Share of the tiles that rectangles may claim: cutting a grid into rectangles rounds sides.
PACKED_SHARE = 0.97

#: Growth of a group that did not fit the rectangle it was given.
ENLARGED = 1.5


class PartTooLarge(CapacityError):
    """A part fits no rectangle of a chip.

    Attributes:
        part: The part.
    """

    def __init__(self, text: str, part: BlockPart) -> None:
        super().__init__(text)
        self.part = part


@dataclass(frozen=True, slots=True)
class Sizes:
    """Tiles of each part and of which chip its groups live on.

    Attributes:
        tiles: Tiles of one group of each part.
        least: Fewest tiles with which it fits.
        chip_of: Chip of each group.
        slowest_s: Time of the slowest group.
        total_s: Sum over all groups.
        are_shared: Whether the groups of a chip have all of its tiles, one after another.
    """

    tiles: tuple[int, ...]
    least: tuple[int, ...]
    chip_of: tuple[int, ...]
    slowest_s: float
    total_s: float
    are_shared: bool = False

    def of_part(self, part: int) -> tuple[int, int]:
        """Tiles of one group of a part, and the fewest it can live with."""
        return self.tiles[part], self.least[part]

    def pipelined_s(self, units: int, steps: int = 1) -> float:
        """Estimated time of ``steps`` rounds of ``units`` units; a unit of a round waits for its own one before.

        Args:
            units: Units under way at once.
            steps: Rounds in which each of them passes all groups.
        """
        once_s = self.total_s + (units - 1) * self.slowest_s
        return once_s + (steps - 1) * max(self.total_s, units * self.slowest_s)

    def enlarged(self, parts: Collection[int]) -> Sizes:
        """These sizes with more tiles for the groups of some parts, which got sides too long or too short."""

        def grown(counts: Sequence[int]) -> tuple[int, ...]:
            return tuple(math.ceil(n * ENLARGED) if part in parts else n for part, n in enumerate(counts))

        return replace(self, tiles=grown(self.tiles), least=grown(self.least))


@dataclass(frozen=True)
class Space:
    """Where groups may go.

    Attributes:
        chip: One chip; all are alike.
        budgets: Tiles of each chip that rectangles may claim, pins and forbidden tiles taken off.
        chip_of: Chip of the groups whose tiles the user gives.
    """

    chip: Chip
    budgets: tuple[int, ...]
    chip_of: Mapping[int, int] = field(default_factory=dict)


def free_space(chip: Chip, num_chips: int, constraints: ResolvedConstraints, names: Sequence[str]) -> Space:
    """The tiles of ``num_chips`` chips that are left beside faults, spares, forbidden tiles and pins.

    Args:
        chip: The chip with its faults and spares.
        num_chips: How many there are, all alike.
        constraints: Pins and forbidden tiles by chip.
        names: Of all groups, for the error.

    Raises:
        PlacementError: A group is pinned to a chip that does not exist.
    """
    for group, at in constraints.chip_of.items():
        if at >= num_chips:
            raise PlacementError(
                f"constraints: pin: {names[group]} is pinned to chip {at} of {num_chips}; the first one is 0."
            )
    budgets = []
    for at in range(num_chips):
        taken = np.zeros(chip.core_grid, dtype=bool)
        for r in (*forbidden_tiles(chip), *constraints.forbidden(at)):
            taken[r.row : r.row + r.rows, r.col : r.col + r.cols] = True
        free = chip.num_cores - int(taken.sum()) - constraints.taken_tiles(at)
        budgets.append(max(1, int(free * PACKED_SHARE)))
    return Space(chip, tuple(budgets), constraints.chip_of)


def size_groups(pipeline: Pipeline, space: Space, units: int, price_of: PriceOf) -> Sizes:
    """Tiles of each group.

    Args:
        pipeline: Parts and groups.
        space: Chips that the groups may fill, in order.
        units: Units in flight: 1 shares the tiles out for latency, many for balance.
        price_of: Price of part ``i`` on a region.

    Raises:
        CapacityError: A group, or all together, need more SRAM than there is.
    """
    families = pipeline.families
    grid = tuple(_sides(_largest_side(space), SIDE_STEP if units == 1 else COARSE_STEP))
    menus = [_menu(pipeline.parts[family.part], partial(price_of, family.part), space, grid) for family in families]
    family_of = {part: at for at, family in enumerate(families) for part in family.parts}
    members = [family_of[group.part] for group in pipeline.groups]
    sequence = [None if i in space.chip_of else family for i, family in enumerate(members)]

    def tiles_of(chosen: Sequence[int]) -> list[int]:
        return [menu[at].tiles for menu, at in zip(menus, chosen, strict=True)]

    def fits(chosen: Sequence[int]) -> bool:
        return _fits(tiles_of(chosen), sequence, space)

    least = [menu[0].tiles for menu in menus]
    if units == 1 and all(menu[1:] for menu in menus) and fits([1] * len(menus)):
        menus = [menu[1:] for menu in menus]  # sizes of the fixed grid alone: more SRAM then only adds to them
    else:
        menus = [_with_least(menu) for menu in menus]
    if not fits([0] * len(menus)):
        raise CapacityError(_too_many(pipeline, menus, sequence, space))
    found = [bought(menus, families, units, fits), cheapest_that_fits(menus, families, sum(space.budgets), fits)]
    chosen = min(filter(None, found), key=lambda one: estimate_s(menus, one, families, units))
    tiles = tiles_of(chosen)
    times = [menu[at].work_s for menu, at in zip(menus, chosen, strict=True)]
    parts = [family_of[part] for part in range(len(pipeline.parts))]
    return Sizes(
        tiles=tuple(tiles[family] for family in parts),
        least=tuple(least[family] for family in parts),
        chip_of=tuple(space.chip_of.get(i, at) for i, at in enumerate(_chips(tiles, sequence, space))),
        slowest_s=max(times),
        total_s=sum(time_s * family.passes for time_s, family in zip(times, families, strict=True)),
    )


def _menu(part: BlockPart, price_on: Callable[[Region], GroupPrice], space: Space, grid: Sequence[int]) -> list[Step]:
    """The least area that fits a part, then those of a fixed grid, rising, each faster than the one before."""

    def price(side: int) -> GroupPrice:
        return price_on(_region(space.chip, side))

    largest = _largest_side(space)
    if price(largest).short_bytes > 0:
        raise PartTooLarge(part_too_large(part, space.chip, _region(space.chip, largest), price(largest)), part)
    low, high = 1, largest
    low = max(low, min(largest, math.isqrt(int(part.resident_bytes / space.chip.sram_per_core_bytes))))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if price(middle).short_bytes <= 0 else (middle + 1, high)
    steps = [Step(_region(space.chip, low).num_cores, price(low).work_s)]
    for side in (side for side in grid if side >= low):
        found = price(side)
        if found.short_bytes > 0:
            continue
        if len(steps) == 1 or found.work_s < steps[-1].work_s:
            steps.append(Step(_region(space.chip, side).num_cores, found.work_s))
        elif found.work_s > TOO_WIDE * steps[-1].work_s:
            break
    return steps


def _with_least(menu: Sequence[Step]) -> list[Step]:
    """A menu in which every entry is larger and faster than the one before, the least size among them."""
    least, *others = menu
    return [least, *(step for step in others if step.tiles > least.tiles and step.work_s < least.work_s)]


def _sides(largest: int, step: float) -> Iterator[int]:
    """The sides tried up to a largest one, the same whatever the SRAM."""
    side = 1
    while side <= largest:
        yield side
        side = max(side + 1, round(side * step))


def _region(chip: Chip, side: int) -> Region:
    """About ``side`` x ``side`` tiles: a square, or as near to one as the grid allows."""
    rows, cols = chip.core_grid
    if side <= min(rows, cols):
        return Region(side, side)
    if cols < rows:
        return Region(min(rows, side * side // cols), cols)
    return Region(rows, min(cols, side * side // rows))


def _largest_side(space: Space) -> int:
    """The largest side whose rectangle some chip has the tiles for."""
    side = math.isqrt(max(space.budgets))
    while side > 1 and _region(space.chip, side).num_cores > max(space.budgets):
        side -= 1
    return side


def _chips(tiles: Sequence[int], sequence: Sequence[int | None], space: Space) -> list[int]:
    """Chip of each group when each chip is filled before the next; chips beyond the last are like it."""
    chip, used, found = 0, 0, []
    for part in sequence:
        if part is not None:
            while used + tiles[part] > space.budgets[min(chip, len(space.budgets) - 1)] and (
                used or chip < len(space.budgets) - 1
            ):
                chip, used = chip + 1, 0
            used += tiles[part]
        found.append(chip)
    return found


def _fits(tiles: Sequence[int], sequence: Sequence[int | None], space: Space) -> bool:
    return _chips(tiles, sequence, space)[-1] < len(space.budgets)


def part_too_large(part: BlockPart, chip: Chip, region: Region, price: GroupPrice) -> str:
    """What does not fit of a part.

    Args:
        part: The part.
        chip: Where it shall go.
        region: The largest rectangle there.
        price: Its price on it.
    """
    short = format_quantity(price.short_bytes * region.num_cores, "bytes")
    weights, kv = format_quantity(part.weight_bytes, "bytes"), format_quantity(part.kv_bytes, "bytes")
    scratch = format_quantity(price.scratch_bytes, "bytes")
    return (
        f"chip {chip.name}: {part.name} does not fit the largest rectangle of tiles, {region}: {short} short "
        f"(weights {weights}, KV cache {kv}, operator scratch {scratch} per tile)."
    )


def _too_many(pipeline: Pipeline, menus: Sequence[Sequence[Step]], sequence: Sequence[int | None], space: Space) -> str:
    chip, num_chips, budget = space.chip, len(space.budgets), sum(space.budgets)
    tiles = [menu[0].tiles for menu in menus]
    needed = sum(tiles[family] for family in sequence if family is not None)
    short = format_quantity(max(1, needed - budget) * chip.sram_per_core_bytes, "bytes")
    rows = sorted(
        (
            (count * family.groups, pipeline.parts[family.part])
            for count, family in zip(tiles, pipeline.families, strict=True)
        ),
        key=lambda row: -row[0],
    )
    most = ", ".join(
        f"{whole_name(part.name)} {count} tiles (weights {format_quantity(part.weight_bytes, 'bytes')}, "
        f"KV cache {format_quantity(part.kv_bytes, 'bytes')} each)"
        for count, part in rows[:2]
    )
    return (
        f"spatial on {num_chips} x {chip.name}: the groups need {needed} tiles, {budget} of "
        f"{chip.num_cores * num_chips} can be given to rectangles: {short} of SRAM short. Most go to {most}."
    )
