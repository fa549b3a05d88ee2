"""Swapping two items keeps a layout legal, gives each the other's place, and moves as little as possible."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import PlacementError
from accelsim.mapping.placement.base import PLACERS, Constraints, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.placement import check_legal
from accelsim.mapping.placement.swap import swap
from accelsim.network.noc import Rectangle


def problem_of(rectangles: list[Rectangle], least: int = 1, constraints: Constraints | None = None) -> PlacementProblem:
    items = tuple(Item(f"i{i}", r.num_cores, least) for i, r in enumerate(rectangles))
    return PlacementProblem((40, 40), items, (ItemWire(0, 1, 1.0),), constraints or Constraints())


#: Two shelves of 10 rows: | 0 (10 wide) | 1 (30) | over | 2 (20) | 3 (20) |
SHELVES = [Rectangle(0, 0, 10, 10), Rectangle(0, 10, 10, 30), Rectangle(10, 0, 10, 20), Rectangle(10, 20, 10, 20)]


def test_items_of_one_size_trade_rectangles_and_nothing_else_moves() -> None:
    found = swap(problem_of(SHELVES), SHELVES, 2, 3)
    assert found == (SHELVES[0], SHELVES[1], SHELVES[3], SHELVES[2])


def test_neighbours_on_a_shelf_trade_widths() -> None:
    found = swap(problem_of(SHELVES), SHELVES, 0, 1)
    assert found == (Rectangle(0, 30, 10, 10), Rectangle(0, 0, 10, 30), SHELVES[2], SHELVES[3])


def test_shelves_change_height_so_that_items_keep_their_tiles() -> None:
    # item 0 (100 tiles) goes down, item 2 (200) comes up: shelves of 500 and 300 of 800 tiles, 12.5 and 7.5 of 20 rows
    found = swap(problem_of(SHELVES), SHELVES, 0, 2)
    assert {found[2].rows, found[1].rows} == {13} or {found[2].rows, found[1].rows} == {12}
    assert found[2].row == 0 and found[2].col == 0 and found[0].row == found[1].rows
    for rectangle, item in zip(found, problem_of(SHELVES).items, strict=True):
        assert rectangle.num_cores == pytest.approx(item.tiles, abs=0.1 * item.tiles)


def test_an_item_that_would_lack_tiles_is_refused_by_name() -> None:
    # a pinwheel: no cut goes from side to side, so the two could only trade rectangles
    wheel = [
        Rectangle(0, 0, 10, 20), Rectangle(0, 20, 20, 10), Rectangle(10, 0, 20, 10), Rectangle(20, 10, 10, 20),
        Rectangle(10, 10, 10, 10),
    ]  # fmt: skip
    swapped = swap(problem_of(wheel, least=100), wheel, 0, 4)
    assert (swapped[0], swapped[4]) == (wheel[4], wheel[0])
    with pytest.raises(PlacementError, match=r"i0 needs at least 101 tiles, the place of i4 has 100.*about one size"):
        swap(problem_of(wheel, least=101), wheel, 0, 4)


def test_a_pinned_item_stays_and_no_item_swaps_with_itself() -> None:
    pinned = problem_of(SHELVES, constraints=Constraints(pinned={1: SHELVES[1]}))
    with pytest.raises(PlacementError, match="i1 is pinned"):
        swap(pinned, SHELVES, 0, 1)
    with pytest.raises(PlacementError, match="i0 cannot change places with itself"):
        swap(pinned, SHELVES, 0, 0)


def test_what_a_cut_would_move_is_not_cut_where_it_is_pinned() -> None:
    pinned = problem_of(SHELVES, constraints=Constraints(pinned={3: SHELVES[3]}))
    found = swap(pinned, SHELVES, 0, 2)  # cutting the shelves again would move item 3, so the two trade rectangles
    assert found == (SHELVES[2], SHELVES[1], SHELVES[0], SHELVES[3])


def test_a_set_stays_together() -> None:
    held = problem_of(SHELVES, constraints=Constraints(together=((0, 1),)))
    with pytest.raises(PlacementError, match="i1 has to lie with its set, i2 is not in it"):
        swap(held, SHELVES, 2, 1)
    assert swap(held, SHELVES, 0, 1)[:2] == (Rectangle(0, 30, 10, 10), Rectangle(0, 0, 10, 30))


@st.composite
def layouts(draw):
    num_items = draw(st.integers(2, 12))
    weights = np.array(draw(st.lists(st.floats(0.3, 3.0), min_size=num_items, max_size=num_items)))
    tiles = np.maximum(4, (weights / weights.sum() * 0.8 * 60 * 50).astype(int))
    items = tuple(Item(f"i{i}", int(n), max(1, int(n) // 3)) for i, n in enumerate(tiles))
    wires = tuple(ItemWire(i, i + 1, 1.0) for i in range(num_items - 1))
    dead = draw(st.lists(st.tuples(st.integers(0, 59), st.integers(0, 49)), max_size=3, unique=True))
    constraints = Constraints(forbidden=tuple(Rectangle(row, col, 1, 1) for row, col in dead))
    a, b = draw(st.permutations(range(num_items)))[:2]
    return PlacementProblem((60, 50), items, wires, constraints), a, b


@pytest.mark.parametrize("name", ["row_major", "snake", "recursive_bisection", "annealing"])
@settings(max_examples=30, deadline=None)
@given(case=layouts())
def test_a_swap_is_legal_whatever_the_layout(name, case):
    problem, a, b = case
    try:
        before = PLACERS.get(name)(problem, np.random.default_rng(0), 200)
    except PlacementError:
        return  # dead tiles left no room; other tests say when that may happen
    try:
        after = swap(problem, before, a, b)
    except PlacementError as refused:
        assert problem.items[a].name in str(refused) or problem.items[b].name in str(refused)
        return
    dead = {f"dead{i}": (0, r) for i, r in enumerate(problem.constraints.forbidden)}
    check_legal(problem.grid, {item.name: (0, r) for item, r in zip(problem.items, after, strict=True)} | dead)
    assert all(r.num_cores >= item.least_tiles for item, r in zip(problem.items, after, strict=True))
    assert after[a] != before[a]
    assert after[b] != before[b]
