"""Stacks: a snake of several lanes, in which a few items in a row of the model lie above each other.

Operators send to the next one and past it (a residual goes around attention and MLP).  On a snake of one lane what goes
past an item is twice as far as what goes to it; on one of two lanes both are neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from accelsim.mapping.placement.base import Item, PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import Shelves, cheapest, lay_out, whole_shares, window_of
from accelsim.network.noc import Rectangle

#: Items of a stack that are tried.
LANES = (2, 3, 4)
#: Room of a stack over what its items need at least, for sides in whole tiles.
_ROOM = 1.03


@register_placer("stacks")
def place_stacks(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """The cheapest of snakes in model order, of one lane and of several.

    Args:
        problem: Items in the order of the model.
        rng: Not used, nothing is drawn.
        budget: Not used, a few layouts are compared.
    """
    order = range(len(problem.items))
    return cheapest(problem, [lay_out(problem, order, snake=True), *stacked(problem, order)])


def stacked(problem: PlacementProblem, order: Sequence[int]) -> list[tuple[Rectangle, ...]]:
    """Few layouts in stacks; none around pins and forbidden tiles.

    Args:
        problem: Items and the grid.
        order: All items, as they follow each other.
    """
    if not problem.constraints.is_empty or problem.between is not None:
        return []
    return [one for lanes in LANES if lanes < len(order) for one in _in_lanes(problem, order, lanes)]


def _in_lanes(problem: PlacementProblem, order: Sequence[int], lanes: int) -> Iterator[tuple[Rectangle, ...]]:
    stacks = [order[at : at + lanes] for at in range(0, len(order), lanes)]
    merged = tuple(_merged([problem.items[item] for item in stack]) for stack in stacks)
    shelves = Shelves(merged, window_of(problem), snake=True)
    likely = max(1, round(shelves.rows / _side(problem) / lanes))
    spread = max(1, likely // 4)
    for count in range(max(1, likely - spread), min(len(stacks), likely + spread) + 1):
        laid = shelves.lay(range(len(stacks)), count)
        layouts = [] if laid is None else [_unstacked(problem, stacks, laid, turns) for turns in (False, True)]
        if fitting := [layout for layout in layouts if layout is not None]:
            yield min(fitting, key=problem.byte_hops)  # both have the same sides, so items take about as long


def _side(problem: PlacementProblem) -> float:
    """Side of a square of the tiles that an item wants, in the middle."""
    return math.sqrt(float(np.median([item.tiles for item in problem.items])))


def _merged(items: Sequence[Item]) -> Item:
    wanted, least = sum(item.tiles for item in items), sum(item.least_tiles for item in items)
    room = math.ceil(least * _ROOM)
    return Item(items[0].name, max(wanted, room), room)


def _unstacked(
    problem: PlacementProblem, stacks: Sequence[Sequence[int]], laid: Sequence[Rectangle], turns: bool
) -> tuple[Rectangle, ...] | None:
    """The items of every stack one below another, in every second one upwards; None if one is too low."""
    found: dict[int, Rectangle] = {}
    for at, (stack, box) in enumerate(zip(stacks, laid, strict=True)):
        members = stack[::-1] if turns and at % 2 else stack
        items = [problem.items[item] for item in members]
        wanted = np.array([item.tiles for item in items], dtype=np.float64)
        least = np.array([math.ceil(item.least_tiles / box.cols) for item in items], dtype=np.float64)
        heights = whole_shares(box.rows, wanted, least)
        if heights is None:
            return None
        row = box.row
        for item, height in zip(members, heights.tolist(), strict=True):
            found[item] = Rectangle(row, box.col, int(height), box.cols)
            row += int(height)
    return tuple(found[item] for item in range(len(problem.items)))
