"""Items that trade rectangles: what is found, what may not be traded, and that nothing gets worse."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from accelsim.mapping.placement.base import PLACERS, Constraints, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.exchange import exchanged
from accelsim.network.noc import Rectangle

SIDE, TILES = 6, 10


def places(side: int) -> list[Rectangle]:
    """A grid of squares."""
    return [Rectangle(TILES * row, TILES * col, TILES, TILES) for row in range(side) for col in range(side)]


def scrambled_mesh(side: int, seed: int) -> PlacementProblem:
    """Items wired as a mesh, in an order that hides it."""
    name = np.random.default_rng(seed).permutation(side * side).reshape(side, side)
    wires = [ItemWire(int(a), int(b), 1.0) for line in (*name, *name.T) for a, b in pairwise(line)]
    items = tuple(Item(f"i{i}", TILES * TILES) for i in range(side * side))
    return PlacementProblem((TILES * side, TILES * side), items, tuple(wires))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_mesh_is_laid_as_the_mesh_it_is(seed: int) -> None:
    # 2 x 6 x 5 wires, each between squares that touch: 10 hops.
    problem = scrambled_mesh(SIDE, seed)
    found = exchanged(problem, places(SIDE), np.random.default_rng(seed), 20_000)
    assert sorted(found, key=lambda r: (r.row, r.col)) == places(SIDE)
    assert problem.byte_hops(found) == 2 * SIDE * (SIDE - 1) * TILES


def test_a_pinned_item_stays_and_pulls() -> None:
    # Four in a row; 0 is pinned on the left end and talks to 3, which comes beside it.
    row = [Rectangle(0, TILES * at, TILES, TILES) for at in range(4)]
    items = tuple(Item(f"i{i}", TILES * TILES) for i in range(4))
    problem = PlacementProblem((TILES, 4 * TILES), items, (ItemWire(0, 3, 1.0),), Constraints({0: row[0]}))
    found = exchanged(problem, row, np.random.default_rng(0), 100)
    assert (found[0], found[3]) == (row[0], row[1])


def test_items_of_unequal_wishes_on_unequal_rectangles_do_not_trade() -> None:
    rectangles = [Rectangle(0, 0, 10, 10), Rectangle(0, 10, 10, 10), Rectangle(0, 20, 10, 20)]
    items = (Item("a", 100), Item("b", 100), Item("c", 200))
    # c would like to lie between a and b, which are smaller: only these two may trade, which changes nothing.
    problem = PlacementProblem((10, 40), items, (ItemWire(0, 2, 1.0), ItemWire(1, 2, 1.0)))
    found = exchanged(problem, rectangles, np.random.default_rng(0), 50)
    assert found[2] == rectangles[2]
    assert problem.byte_hops(found) == problem.byte_hops(rectangles)


def test_an_item_keeps_the_tiles_it_needs() -> None:
    # One wish, but rounding gave a ten tiles more, and it needs nine of them.
    rectangles = [Rectangle(0, 0, 10, 11), Rectangle(0, 11, 10, 10), Rectangle(0, 21, 10, 10)]
    items = (Item("a", 110, 109), Item("b", 110, 90), Item("c", 110, 90))
    problem = PlacementProblem((10, 31), items, (ItemWire(0, 2, 1.0),))
    found = exchanged(problem, rectangles, np.random.default_rng(0), 50)
    assert found[0] == rectangles[0]
    assert found[2] == rectangles[1]


@pytest.mark.parametrize("budget", [0, 1, 50])
def test_it_is_never_worse_than_what_it_starts_from(budget: int) -> None:
    rng = np.random.default_rng(budget)
    items = tuple(Item(f"i{i}", int(n), int(n) // 2) for i, n in enumerate(rng.integers(50, 90, 20)))
    wires = tuple(ItemWire(int(a), int(b), float(n)) for a, b, n in rng.integers(0, 20, (60, 3)) if a != b)
    problem = PlacementProblem((40, 40), items, wires)
    costs = {name: problem.cost(PLACERS.get(name)(problem, rng, budget)) for name in ("exchange", "greedy", "bands")}
    assert costs["exchange"] <= min(costs.values())
