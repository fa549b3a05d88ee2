"""Bands: items of about one size fill shelves of their own, as high as the items are wide, in model order.

A shelf of mixed sizes makes small items high and thin.  In a chain of large and small operators, bands keep every
rectangle near a square at the price of a few more hops.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import Shelves, cheapest, lay_out, window_of
from accelsim.network.noc import Rectangle

#: Sizes further apart than this factor do not share a band.
_CLASS_RATIO = 1.8


@register_placer("bands")
def place_bands(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """The cheaper of bands and plain shelves in model order.

    Args:
        problem: Items in the order of the model.
        rng: Not used, nothing is drawn.
        budget: Not used, two layouts are compared.
    """
    plain = lay_out(problem, range(len(problem.items)), snake=True)
    if not problem.constraints.is_empty:
        return plain
    order, bounds = banded(problem)
    found = Shelves(problem.items, window_of(problem), snake=True).lay_between(np.array(order), bounds)
    return plain if found is None else cheapest(problem, [plain, found])


def banded(problem: PlacementProblem) -> tuple[list[int], list[int]]:
    """An order of the items and where each shelf begins in it.

    A shelf takes items of the class of the next item that waits, until they are as wide as the grid at the height of a
    square; what a class cannot fill is filled by the items that wait longest.
    """
    tiles = np.array([item.tiles for item in problem.items], dtype=np.float64)
    ranked = np.argsort(tiles, kind="stable")
    steps = tiles[ranked][1:] > _CLASS_RATIO * tiles[ranked][:-1]
    class_of = np.zeros(len(tiles), dtype=np.int64)
    class_of[ranked] = np.concatenate([[0], np.cumsum(steps)])
    waiting = list(range(len(tiles)))
    order: list[int] = []
    bounds = [0]
    while waiting:
        kind = class_of[waiting[0]]
        height = math.sqrt(float(np.median(tiles[class_of == kind])))
        alike = [item for item in waiting if class_of[item] == kind]
        others = [item for item in waiting if class_of[item] != kind]
        width = 0.0
        taken: list[int] = []
        for item in (*alike, *others):
            if taken and width + tiles[item] / height / 2 > problem.grid[1]:
                break
            taken.append(item)
            width += tiles[item] / height
        order += sorted(taken)
        bounds.append(len(order))
        waiting = [item for item in waiting if item not in set(taken)]
    return order, bounds
