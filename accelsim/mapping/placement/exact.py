"""Exact: every order on every number of shelves, for a handful of items.

All orders are costed by numpy, in batches.  The optimum is over orders and numbers of shelves with sides as real
numbers; the result is the cheapest of the best orders after rounding sides to whole tiles.

Where a problem has an estimated time, that of every order is asked for.

Not modelled: layouts that are no shelves; a slicing tree can be cheaper, so annealing may beat it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np

from accelsim.errors import PlacementError
from accelsim.mapping.placement.base import Problem, register_placer
from accelsim.mapping.placement.orders import OrderCosts
from accelsim.mapping.placement.shelves import Shelves, cheapest, lay_out, shelf_counts, window_of
from accelsim.network.noc import Rectangle

MAX_ITEMS = 9
_KEPT = 20
_BATCH = 20_000


@register_placer("exact")
def place_exact(problem: Problem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Best of all orders; for at most :data:`MAX_ITEMS` items.  ``rng`` and ``budget`` are not used.

    Raises:
        PlacementError: There are more items than can be tried.
    """
    num_items = len(problem.items)
    if num_items > MAX_ITEMS:
        raise PlacementError(
            f"placer exact tries every order and takes at most {MAX_ITEMS} items, got {num_items}. "
            "Use annealing, or granularity=layer on a smaller model."
        )
    orders = itertools.permutations(range(num_items))
    if problem.seconds is not None:
        return _cheapest_of_all(problem, orders)
    costs = [OrderCosts(problem, count) for count in shelf_counts(problem)]
    kept: list[tuple[float, tuple[int, ...]]] = []
    while batch := list(itertools.islice(orders, _BATCH)):
        least = np.min([cost(np.array(batch)) for cost in costs], axis=0)
        best = np.argsort(least, kind="stable")[:_KEPT]
        kept = sorted([*kept, *((float(least[i]), batch[i]) for i in best)])[:_KEPT]
    return cheapest(problem, [lay_out(problem, order, snake=True) for _, order in kept])


def _cheapest_of_all(problem: Problem, orders: Iterable[tuple[int, ...]]) -> tuple[Rectangle, ...]:
    """Least estimated time over all orders on all numbers of shelves."""
    shelves = Shelves(problem.items, window_of(problem), snake=True)
    layouts = (shelves.lay(order, count) for order in orders for count in shelves.candidates())
    return min((layout for layout in layouts if layout is not None), key=problem.cost)
