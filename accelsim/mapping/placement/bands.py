"""Bands: items of about one size fill shelves of their own, as high as the items are wide, in model order.

A shelf of mixed sizes makes small items high and thin.  In a chain of large and small operators, bands keep every
rectangle near a square at the price of a few more hops; :func:`polish` then moves items and the ends of shelves as long
as the cost falls, on whole tiles and with the cost that placers are compared on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import Shelves, cheapest, lay_out, window_of
from accelsim.network.noc import Rectangle

#: Sizes further apart than this factor do not share a band.
_CLASS_RATIO = 1.8
#: Evaluations of a polish: this part of the budget, or fewer where there are many items.
_SHARE, _ITEMS_PER_SHARE = 10, 4


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


def polish(
    problem: PlacementProblem, order: Sequence[int], bounds: Sequence[int], rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...] | None:
    """Rectangles after random moves of items and of the ends of shelves, each kept if the cost does not rise.

    Args:
        problem: Without constraints.
        order: Items on shelves.
        bounds: Where each shelf begins, and the end.
        rng: Source of randomness.
        budget: Evaluations of the whole placer; a tenth of them is used, fewer for many items.

    Returns:
        The cheapest layout, or None if the first one leaves an item too few tiles.
    """
    shelves = Shelves(problem.items, window_of(problem), snake=True)
    at, ends = list(order), list(bounds)
    best = shelves.lay_between(np.array(at), ends)
    if best is None:
        return None
    cost = problem.cost(best)
    for numbers in rng.random((budget // max(_SHARE, len(at) // _ITEMS_PER_SHARE), 4)).tolist():
        tried, tried_ends = _moved(at, ends, numbers)
        layout = shelves.lay_between(np.array(tried), tried_ends)
        if layout is not None and (now := problem.cost(layout)) <= cost:
            best, cost, at, ends = layout, now, tried, tried_ends
    return best


def _moved(order: list[int], bounds: list[int], numbers: Sequence[float]) -> tuple[list[int], list[int]]:
    """A neighbour of an order and its shelves: another end of a shelf, a shelf more or fewer, or an item elsewhere."""
    kind, x, y, z = numbers
    order, bounds, n = list(order), list(bounds), len(order)
    if kind < 0.3 and len(bounds) > 2:
        shelf = 1 + int(x * (len(bounds) - 2))
        bounds[shelf] += 1 if y < 0.5 else -1
    elif kind < 0.35 and len(bounds) > 2:
        del bounds[1 + int(x * (len(bounds) - 2))]
    elif kind < 0.4:
        bounds.append(1 + int(x * (n - 1)) if n > 1 else n)
    else:
        i = int(x * n)
        j = min(n - 1, max(0, i + round((y - 0.5) * n * z)))
        if kind < 0.7:
            order[i], order[j] = order[j], order[i]
        else:
            order.insert(j, order.pop(i))
    kept = sorted({bound for bound in bounds if 0 <= bound <= n} | {0, n})
    return order, [a for a, b in itertools.pairwise(kept) if b > a] + [n]
