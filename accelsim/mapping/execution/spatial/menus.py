"""Tiles shared out among families of groups: the cheapest choice from a menu each that fits a budget.

A menu lists areas worth having, rising, each faster than the one before.  Two ways find a choice, and the one with the
smaller estimate is taken: exactly, by dynamic programming over what each number of tiles can buy, where one unit is
under way; and step by step where the slowest group sets the pace of many units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.mapping.execution.spatial.groups import Family

#: Most points that are kept of what tiles can buy; beyond, only those that buy much.
MOST_POINTS = 20_000
#: The budget is lowered by this where a choice that fits in sum does not fit chip by chip.
LOWERED = 0.985
_MOST_LOWERED = 12


@dataclass(frozen=True, slots=True)
class Step:
    """One entry of a menu.

    Attributes:
        tiles: Of one group.
        work_s: Time of a unit on it.
    """

    tiles: int
    work_s: float


Menus = Sequence[Sequence[Step]]


def estimate_s(menus: Menus, chosen: Sequence[int], families: Sequence[Family], units: int) -> float:
    """Time of ``units`` units through groups of the sizes that are chosen.

    Args:
        menus: Of each family.
        chosen: Place in each menu.
        families: How often a unit passes each.
        units: Under way at once.
    """
    times = [menu[at].work_s for menu, at in zip(menus, chosen, strict=True)]
    total_s = sum(time_s * family.passes for time_s, family in zip(times, families, strict=True))
    return total_s + (units - 1) * max(times)


def cheapest(menus: Menus, families: Sequence[Family], budget: int) -> list[int] | None:
    """The choice with the least time of one unit whose tiles fit the budget; None where none does.

    Args:
        menus: Of each family.
        families: How many groups each has, and how often a unit passes them.
        budget: Tiles of all groups together.
    """
    tiles, times = np.zeros(1, dtype=np.int64), np.zeros(1)
    picked: list[np.ndarray] = []
    parents: list[np.ndarray] = []
    for menu, family in zip(menus, families, strict=True):
        sizes = np.array([step.tiles for step in menu], dtype=np.int64) * family.groups
        seconds = np.array([step.work_s for step in menu]) * family.passes
        all_tiles = (tiles[:, None] + sizes).ravel()
        all_times = (times[:, None] + seconds).ravel()
        order = np.lexsort((all_times, all_tiles))
        order = order[all_tiles[order] <= budget]
        if not len(order):
            return None
        least = np.minimum.accumulate(all_times[order])
        kept = order[np.concatenate([[True], least[1:] < least[:-1]])]
        if len(kept) > MOST_POINTS:
            kept = kept[np.unique(np.linspace(0, len(kept) - 1, MOST_POINTS).astype(np.int64))]
        tiles, times = all_tiles[kept], all_times[kept]
        parents.append(kept // len(menu))
        picked.append(kept % len(menu))
    at, chosen = int(np.argmin(times)), []
    for picks, before in zip(reversed(picked), reversed(parents), strict=True):
        chosen.append(int(picks[at]))
        at = int(before[at])
    return chosen[::-1]


def cheapest_that_fits(
    menus: Menus, families: Sequence[Family], budget: int, fits: Callable[[Sequence[int]], bool]
) -> list[int] | None:
    """As :func:`cheapest`, with tiles that also fit chip by chip; a lower budget is tried where they do not.

    Args:
        menus: Of each family.
        families: How many groups each has, and how often a unit passes them.
        budget: Tiles of all groups together.
        fits: Whether a choice fits chip by chip.
    """
    for _ in range(_MOST_LOWERED):
        chosen = cheapest(menus, families, budget)
        if chosen is None or fits(chosen):
            return chosen
        budget = int(budget * LOWERED)
    return None


def bought(menus: Menus, families: Sequence[Family], units: int, fits: Callable[[Sequence[int]], bool]) -> list[int]:
    """The choice found by taking, from the least sizes on, the step that lowers the estimate most per tile.

    Args:
        menus: Of each family.
        families: How many groups each has, and how often a unit passes them.
        units: Under way at once.
        fits: Whether a choice fits.
    """
    chosen = [0] * len(menus)
    refused: set[int] = set()
    while (best := _best_step(menus, chosen, families, units, refused)) is not None:
        part, target = best
        for place in dict.fromkeys((target, chosen[part] + 1)):
            wanted = [*chosen[:part], place, *chosen[part + 1 :]]
            if fits(wanted):
                chosen = wanted
                break
        else:
            refused.add(part)
    return chosen


def _best_step(
    menus: Menus, chosen: Sequence[int], families: Sequence[Family], units: int, refused: set[int]
) -> tuple[int, int] | None:
    """Family and place in its menu with the largest gain per tile."""
    best: tuple[float, int, int] | None = None
    times = [menu[at].work_s for menu, at in zip(menus, chosen, strict=True)]
    slowest_s = max(times)
    for part, menu in enumerate(menus):
        if part in refused:
            continue
        now = menu[chosen[part]]
        is_slowest = units > 1 and now.work_s >= slowest_s
        others = max((time_s for at, time_s in enumerate(times) if at != part), default=0.0)
        for target in range(chosen[part] + 1, len(menu)):
            saved = families[part].passes * (now.work_s - menu[target].work_s)
            if is_slowest:
                saved += (units - 1) * (slowest_s - max(menu[target].work_s, others))
            gain = saved / (families[part].groups * (menu[target].tiles - now.tiles))
            if best is None or gain > best[0]:
                best = gain, part, target
    return None if best is None else best[1:]
