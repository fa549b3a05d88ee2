"""What every placer must keep: pins, forbidden tiles, sets in one rectangle, legal rectangles, its seed."""

import numpy as np
import pytest

from accelsim.errors import PlacementError
from accelsim.mapping.placement.arrange import arrange
from accelsim.mapping.placement.base import PLACERS, Constraints, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.placement import check_legal
from accelsim.network.noc import Rectangle

NUM_ITEMS, GRID = 8, (60, 60)
PIN, DEAD, SPARE = Rectangle(20, 30, 15, 14), Rectangle(5, 7, 1, 1), Rectangle(58, 0, 2, 60)
FENCE = Rectangle(40, 2, 16, 31)
EVERY = pytest.mark.parametrize("name", PLACERS.names())


def chain(constraints, fill=0.5):
    """A chain of equal items that want ``fill`` of the grid."""
    tiles = int(GRID[0] * GRID[1] * fill / NUM_ITEMS)
    items = tuple(Item(f"i{i}", tiles, tiles // 2) for i in range(NUM_ITEMS))
    return PlacementProblem(GRID, items, tuple(ItemWire(i, i + 1, 1.0) for i in range(NUM_ITEMS - 1)), constraints)


def place(name, problem, placer=None):
    return arrange(problem, placer or PLACERS.get(name), np.random.default_rng(3), 300)


def check(problem, rectangles):
    places = {item.name: (0, r) for item, r in zip(problem.items, rectangles, strict=True)}
    for at, forbidden in enumerate(problem.constraints.forbidden):
        places[f"forbidden {at}"] = 0, forbidden
    check_legal(problem.grid, places)  # raises when two share a tile
    for item, rectangle in zip(problem.items, rectangles, strict=True):
        assert rectangle.num_cores >= item.least_tiles


def is_inside(inner, outer):
    return (
        outer.row <= inner.row
        and outer.col <= inner.col
        and inner.row + inner.rows <= outer.row + outer.rows
        and inner.col + inner.cols <= outer.col + outer.cols
    )


def enclosing(rectangles):
    row, col = min(r.row for r in rectangles), min(r.col for r in rectangles)
    rows, cols = max(r.row + r.rows for r in rectangles) - row, max(r.col + r.cols for r in rectangles) - col
    return Rectangle(row, col, rows, cols)


@EVERY
def test_pinned_means_pinned_and_forbidden_tiles_stay_free(name):
    problem = chain(Constraints({4: PIN}, (DEAD, SPARE)))
    rectangles = place(name, problem)
    assert rectangles[4] == PIN
    check(problem, rectangles)


@EVERY
def test_together_means_in_one_rectangle_that_nobody_else_touches(name):
    problem = chain(Constraints({4: PIN}, (DEAD,), together=((1, 6), (2, 3, 7))))
    rectangles = place(name, problem)
    check(problem, rectangles)
    for members in problem.constraints.together:
        around = enclosing([rectangles[i] for i in members])
        outside = {f"i{i}": (0, r) for i, r in enumerate(rectangles) if i not in members}
        check_legal(GRID, {**outside, "set": (0, around)})


@EVERY
def test_a_pinned_set_shares_the_rectangle_it_is_given(name):
    problem = chain(Constraints(forbidden=(DEAD,), fenced={(0, 5): FENCE}))
    rectangles = place(name, problem)
    check(problem, rectangles)
    assert all(is_inside(rectangles[i], FENCE) for i in (0, 5))


@EVERY
def test_spare_rows_and_columns_cost_nothing_but_their_tiles(name):
    # the same problem on a grid that never had them
    spares = Constraints(forbidden=(SPARE, Rectangle(0, 55, 58, 5)))
    small = chain(Constraints())
    small = PlacementProblem((58, 55), small.items, small.wires)
    assert place(name, chain(spares)) == place(name, small)


@EVERY
def test_the_same_seed_gives_the_same_rectangles(name):
    problem = chain(Constraints({4: PIN}, (DEAD,), together=((1, 6),)))
    assert place(name, problem) == place(name, problem)


def test_a_placer_that_breaks_a_constraint_is_refused():
    def careless(problem, rng, budget):
        return tuple(Rectangle(7 * i, 0, 7, 60) for i in range(NUM_ITEMS))

    with pytest.raises(PlacementError, match=r"i4 is pinned to .* and was placed on"):
        place("careless", chain(Constraints({4: PIN})), careless)
    with pytest.raises(PlacementError, match=r"i0 was placed on .* of which a tile is forbidden"):
        place("careless", chain(Constraints(forbidden=(DEAD,))), careless)
