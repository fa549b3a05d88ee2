"""Simulated annealing of a slicing tree, from the cheapest of cheap layouts; the best of all wins.

Where a stream of units is to be fast, the tree is first packed for the time of the slowest item, and where items are
alike they trade places in the end.  Distances that are given as a table are a matter of trades alone.

Source:
    Kirkpatrick, Gelatt, Vecchi, *Optimization by simulated annealing*, Science 220, 1983.
"""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.bands import place_bands
from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.bisection import bisection_order
from accelsim.mapping.placement.exchange import exchanged, place_exchange
from accelsim.mapping.placement.greedy import greedy_order
from accelsim.mapping.placement.packing import packed
from accelsim.mapping.placement.shelves import cheapest, lay_out
from accelsim.mapping.placement.slicing import sliced
from accelsim.mapping.placement.stacks import stacked
from accelsim.network.noc import Rectangle


@register_placer("annealing")
def place_annealing(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Cheapest state of ``budget`` moves, or the cheapest start.

    Args:
        problem: Items, wires and the grid.
        rng: Draws the moves and decides which worse states are kept.
        budget: Moves in all; below 1 only the starts are compared.
    """
    if problem.between is not None:
        return place_exchange(problem, rng, budget)
    orders = range(len(problem.items)), greedy_order(problem), bisection_order(problem)
    layouts = [place_bands(problem, rng, budget), *(lay_out(problem, order, snake=True) for order in orders)]
    layouts += stacked(problem, orders[0])
    for search in (packed, sliced, exchanged):
        if budget > 0 and (found := search(problem, cheapest(problem, layouts), rng, budget)) is not None:
            layouts.append(found)
    return cheapest(problem, layouts)
