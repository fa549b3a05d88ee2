"""Exact: every order on every number of shelves, and every slicing tree, for a handful of items.

All orders are costed by numpy, in batches.  The optimum is over orders and numbers of shelves with sides as real
numbers; the result is the cheapest of the best orders after rounding sides to whole tiles.

Where a problem has an estimated time, that of every order is asked for.

Slicing trees (each cut divides a rectangle in proportion to the tiles on its sides) are tried up to
:data:`MAX_SLICED` items: 5 have 13,000 distinct ones.

Not modelled: layouts that no cuts from side to side make (pinwheels); with more items, trees that are no shelves.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from accelsim.errors import PlacementError
from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.cuts import cut
from accelsim.mapping.placement.orders import OrderCosts
from accelsim.mapping.placement.shelves import Shelves, cheapest, filled_window, lay_out, shelf_counts, window_of
from accelsim.network.noc import Rectangle

MAX_ITEMS = 9
MAX_SLICED = 5
_KEPT = 20
_BATCH = 20_000


@register_placer("exact")
def place_exact(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Best of all orders; for at most :data:`MAX_ITEMS` items.

    Args:
        problem: A handful of items.
        rng: Not used, everything is tried.
        budget: Layouts whose time may be asked for, where the problem has one; bytes x hops come in arrays.

    Raises:
        PlacementError: There are more items than can be tried, or than the budget allows.
    """
    num_items = len(problem.items)
    if num_items > MAX_ITEMS:
        raise PlacementError(
            f"placer exact tries every order and takes at most {MAX_ITEMS} items, got {num_items}. "
            "Use annealing, or granularity=layer on a smaller model."
        )
    orders = itertools.permutations(range(num_items))
    if problem.timing is not None or problem.between is not None or problem.nets or problem.most_aspect:
        return _cheapest_of_all(problem, orders, budget)
    costs = [OrderCosts(problem, count) for count in shelf_counts(problem)]
    kept: list[tuple[float, tuple[int, ...]]] = []
    while batch := list(itertools.islice(orders, _BATCH)):
        least = np.min([cost(np.array(batch)) for cost in costs], axis=0)
        best = np.argsort(least, kind="stable")[:_KEPT]
        kept = sorted([*kept, *((float(least[i]), batch[i]) for i in best)])[:_KEPT]
    layouts = [lay_out(problem, order, snake=True) for _, order in kept]
    if num_items <= MAX_SLICED and problem.constraints.is_empty:
        for found in _sliced(problem, tuple(range(num_items)), filled_window(problem), None):
            layouts = [cheapest(problem, [*layouts, tuple(found[item] for item in range(num_items))])]
    return cheapest(problem, layouts)


def _sliced(
    problem: PlacementProblem, items: tuple[int, ...], space: Rectangle, cut_before: bool | None
) -> Iterator[dict[int, Rectangle]]:
    """Every slicing of ``space`` among ``items``; a first half is not cut the way it was cut off, or trees repeat."""
    if len(items) == 1:
        if space.num_cores >= problem.items[items[0]].least_tiles:
            yield {items[0]: space}
        return
    total = sum(problem.items[item].tiles for item in items)
    for is_column_cut in (False, True):
        side = space.cols if is_column_cut else space.rows
        if is_column_cut == cut_before or side < 2:
            continue
        for size in range(1, len(items)):
            for first in itertools.combinations(items, size):
                share = sum(problem.items[item].tiles for item in first) / total
                at = min(max(1, round(side * share)), side - 1)
                halves = cut(space, at, is_column_cut)
                rest = tuple(item for item in items if item not in first)
                for left in _sliced(problem, first, halves[0], is_column_cut):
                    for right in _sliced(problem, rest, halves[1], None):
                        yield left | right


def _cheapest_of_all(
    problem: PlacementProblem, orders: Iterable[tuple[int, ...]], budget: int
) -> tuple[Rectangle, ...]:
    """Least estimated time over all orders on all numbers of shelves."""
    shelves = Shelves(problem.items, window_of(problem), snake=True)
    layouts_to_try = math.factorial(len(problem.items)) * len(list(shelves.candidates()))
    if layouts_to_try > budget:
        raise PlacementError(
            f"placer exact would ask for the time of {layouts_to_try} layouts of {len(problem.items)} items; budget "
            f"is {budget}. Raise it (--budget {layouts_to_try}), or use annealing."
        )
    layouts = (shelves.lay(order, count) for order in orders for count in shelves.candidates())
    return min((layout for layout in layouts if layout is not None), key=problem.cost)
