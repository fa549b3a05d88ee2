"""How many tiles each group gets: first what its SRAM needs, the rest where it saves most time.

A unit passes the groups one after another and ``units`` of them overlap, so the time is about::

    sum of all groups + (units - 1) x slowest group

Tiles are shared out on that estimate.  Every part is priced on a few rectangles, as square as the grid allows (coarse
steps of area); groups of one part are alike and get the same number, and so do the pieces of a group, which work side
by side and count once in the sum.  The steps bought first are those that lower the slowest group, then those that
save most time per tile; a part stops growing where a larger rectangle is slower (more hops than arithmetic saved).

Not modelled here: transfers between groups (they overlap), longer shapes (the placement gives the real rectangle, on
which the group is priced again).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, PlacementError
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.block import BlockPart
from accelsim.mapping.execution.spatial.faults import forbidden_tiles
from accelsim.mapping.execution.spatial.groups import Family, Pipeline
from accelsim.mapping.execution.spatial.pieces import whole_name
from accelsim.mapping.execution.spatial.prices import PriceOf
from accelsim.mapping.execution.spatial.pricing import GroupPrice
from accelsim.mapping.placement.constraints import ResolvedConstraints
from accelsim.units import format_quantity

#: Areas tried grow by this factor from one to the next.
AREA_STEP = 1.3
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


@dataclass(frozen=True, slots=True)
class _Step:
    tiles: int
    work_s: float


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


def free_space(chip: Chip, num_chips: int, constraints: ResolvedConstraints) -> Space:
    """The tiles of ``num_chips`` chips that are left beside faults, spares, forbidden tiles and pins.

    Args:
        chip: The chip with its faults and spares.
        num_chips: How many there are, all alike.
        constraints: Pins and forbidden tiles by chip.

    Raises:
        PlacementError: A group is pinned to a chip that does not exist.
    """
    for group, at in constraints.chip_of.items():
        if at >= num_chips:
            raise PlacementError(
                f"constraints: group {group} is pinned to chip {at} of {num_chips}; the first one is 0."
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
    menus = [_menu(pipeline.parts[family.part], family.part, space, price_of) for family in families]
    chosen = [0] * len(menus)
    family_of = {part: at for at, family in enumerate(families) for part in family.parts}
    members = [family_of[group.part] for group in pipeline.groups]
    sequence = [None if i in space.chip_of else family for i, family in enumerate(members)]
    if not _fits([menu[0].tiles for menu in menus], sequence, space):
        raise CapacityError(_too_many(pipeline, menus, sequence, space))
    _buy(menus, chosen, families, sequence, space, units)
    tiles = [menu[at].tiles for menu, at in zip(menus, chosen, strict=True)]
    times = [menu[at].work_s for menu, at in zip(menus, chosen, strict=True)]
    parts = [family_of[part] for part in range(len(pipeline.parts))]
    return Sizes(
        tiles=tuple(tiles[family] for family in parts),
        least=tuple(menus[family][0].tiles for family in parts),
        chip_of=tuple(space.chip_of.get(i, at) for i, at in enumerate(_chips(tiles, sequence, space))),
        slowest_s=max(times),
        total_s=sum(time_s * family.passes for time_s, family in zip(times, families, strict=True)),
    )


def _menu(part: BlockPart, index: int, space: Space, price_of: PriceOf) -> list[_Step]:
    """Areas worth having for one part, rising, each faster than the one before; the first is the least that fits."""

    def price(side: int) -> GroupPrice:
        return price_of(index, _region(space.chip, side))

    def step(side: int) -> _Step:
        return _Step(_region(space.chip, side).num_cores, price(side).work_s)

    largest = _largest_side(space)
    if price(largest).short_bytes > 0:
        raise PartTooLarge(part_too_large(part, space.chip, _region(space.chip, largest), price(largest)), part)
    low, high = 1, largest
    low = max(low, min(largest, math.isqrt(int(part.resident_bytes / space.chip.sram_per_core_bytes))))
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if price(middle).short_bytes <= 0 else (middle + 1, high)
    steps = [step(low)]
    side = low
    while side < largest:
        side = min(largest, max(side + 1, round(side * math.sqrt(AREA_STEP))))
        candidate = step(side)
        if price(side).short_bytes <= 0 and candidate.work_s < steps[-1].work_s:
            steps.append(candidate)
    return steps


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


def _buy(
    menus: Sequence[Sequence[_Step]],
    chosen: list[int],
    families: Sequence[Family],
    sequence: Sequence[int | None],
    space: Space,
    units: int,
) -> None:
    """Take the steps that lower the estimate most per tile until none helps or fits; ``chosen`` is changed."""
    refused: set[int] = set()
    while True:
        best: tuple[float, int, int] | None = None
        slowest_s = max(menu[at].work_s for menu, at in zip(menus, chosen, strict=True))
        for part, menu in enumerate(menus):
            if part in refused:
                continue
            now = menu[chosen[part]]
            is_slowest = units > 1 and now.work_s >= slowest_s
            for target in range(chosen[part] + 1, len(menu)):
                saved = families[part].passes * (now.work_s - menu[target].work_s)
                if is_slowest:
                    others = max(
                        (m[a].work_s for i, (m, a) in enumerate(zip(menus, chosen, strict=True)) if i != part),
                        default=0.0,
                    )
                    saved += (units - 1) * (slowest_s - max(menu[target].work_s, others))
                gain = saved / (families[part].groups * (menu[target].tiles - now.tiles))
                if best is None or gain > best[0]:
                    best = gain, part, target
        if best is None:
            return
        _, part, target = best
        tiles = [menu[at].tiles for menu, at in zip(menus, chosen, strict=True)]
        tiles[part] = menus[part][target].tiles
        if _fits(tiles, sequence, space):
            chosen[part] = target
        else:
            tiles[part] = menus[part][chosen[part] + 1].tiles
            if target > chosen[part] + 1 and _fits(tiles, sequence, space):
                chosen[part] += 1
            else:
                refused.add(part)


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


def _too_many(
    pipeline: Pipeline, menus: Sequence[Sequence[_Step]], sequence: Sequence[int | None], space: Space
) -> str:
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
