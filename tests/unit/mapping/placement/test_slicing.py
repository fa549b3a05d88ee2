"""Slicing trees that are annealed: bookkeeping, windows around pins, and what pulls on an item."""

from __future__ import annotations

import numpy as np
import pytest

from accelsim.mapping.placement._slices import anneal, evaluate
from accelsim.mapping.placement.arrange import arrange, check_kept
from accelsim.mapping.placement.arrays import Moves, Tree
from accelsim.mapping.placement.base import PLACERS, Constraints, Item, ItemWire, Net, PlacementProblem, Timing
from accelsim.mapping.placement.placement import check_legal
from accelsim.mapping.placement.shelves import lay_out
from accelsim.mapping.placement.slicing import _deal, _Run, sliced
from accelsim.mapping.placement.windows import free_windows
from accelsim.network.noc import Rectangle

GRID = (60, 80)
FREE = Constraints()
PINNED = Constraints({3: Rectangle(20, 30, 12, 12)}, forbidden=(Rectangle(0, 0, 5, 9),))


def by_area(kind, rows, cols):
    return 1000.0 * (1 + kind) / (rows * cols)


def nothing(kind, rows, cols):
    return np.zeros(len(rows))


def random_problem(seed, constraints=FREE, timing=False, number=12):
    rng = np.random.default_rng(seed)
    items = tuple(Item(f"i{i}", int(tiles), int(tiles) // 2) for i, tiles in enumerate(rng.integers(80, 300, number)))
    pairs = rng.integers(0, number, (20, 2))
    wires = tuple(ItemWire(int(a), int(b), float(n)) for (a, b), n in zip(pairs, rng.random(20), strict=True))
    nets = (Net((0, 1, 2), 2.0), Net((4,), 1.0, ((0.0, 80.0),)))
    timed = Timing(tuple(i % 2 for i in range(number)), by_area, nothing, nets, 0.1, 0.5, 1.0, 3.0) if timing else None
    return PlacementProblem(GRID, items, wires, constraints, nets, timed)


@pytest.mark.parametrize("timing", [False, True])
@pytest.mark.parametrize("constraints", [Constraints(), PINNED])
def test_what_is_kept_move_by_move_is_what_counting_from_scratch_gives(constraints, timing):
    problem = random_problem(1, constraints, timing)
    layout = lay_out(problem, range(12), snake=True)
    free = [item for item in range(12) if item not in constraints.pinned]
    run = _Run(problem, _deal(problem, free, layout))
    tree, state = run._tree, run._state
    rng = np.random.default_rng(0)
    tiles = tree.tiles[run._roots].sum()
    for limit in (np.inf, 0.0, -np.inf):
        moves = Moves(rng.random((3000, 5)), np.full(3000, limit), np.empty(3000))
        best = Tree._make(values.copy() for values in tree)
        anneal(tree, run._nets, run._shapes, state, best, moves)
        kept, places = state.sums[:5].copy(), state.place.copy()
        assert np.isfinite(moves.rises).sum() > 1000
        assert evaluate(tree, run._nets, run._shapes, state, run._roots)
        assert np.allclose(kept, state.sums[:5], rtol=1e-9, atol=1e-9)
        assert np.array_equal(places, state.place)
        assert tree.tiles[run._roots].sum() == tiles  # none lost
        assert np.array_equal(tree.item[tree.slot[free]], free)
        check_legal(GRID, {str(i): (0, Rectangle(*place)) for i, place in enumerate(state.place.tolist())})


@pytest.mark.parametrize("timing", [False, True])
def test_pins_and_forbidden_tiles_are_kept_and_the_start_is_beaten(timing):
    problem = random_problem(2, PINNED, timing)
    start = lay_out(problem, range(12), snake=True)
    found = sliced(problem, start, np.random.default_rng(0), 20_000)
    check_kept(problem, found)
    check_legal(GRID, {str(i): (0, r) for i, r in enumerate(found)})
    assert problem.cost(found) < 0.9 * problem.cost(start)


@pytest.mark.parametrize("name", ["annealing"])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (60.0, 80.0), (0.0, 80.0)])
def test_a_port_pulls_its_item(name, corner):
    # Twelve alike; only the fifth exchanges with a port in a corner of the grid: it comes to lie in that corner.
    items = tuple(Item(f"i{i}", 400) for i in range(12))
    problem = PlacementProblem(GRID, items, (), nets=(Net((5,), 1.0, (corner,)),))
    found = PLACERS.get(name)(problem, np.random.default_rng(0), 20_000)[5]
    middle = found.row + found.rows / 2, found.col + found.cols / 2
    assert abs(middle[0] - corner[0]) + abs(middle[1] - corner[1]) <= (found.rows + found.cols) / 2


def test_the_members_of_a_set_lie_towards_those_they_talk_to():
    # a and b lie together; c is pinned on the left, d on the right. b talks to c and a to d: b comes to lie left of a.
    items = (Item("a", 400), Item("b", 400), Item("c", 400), Item("d", 400))
    pins = {2: Rectangle(0, 0, 20, 20), 3: Rectangle(0, 60, 20, 20)}
    given = Constraints(pins, fenced={(0, 1): Rectangle(0, 20, 20, 40)})
    problem = PlacementProblem((20, 80), items, (ItemWire(1, 2, 1.0), ItemWire(0, 3, 1.0)), given)
    a, b, _, _ = arrange(problem, PLACERS.get("annealing"), np.random.default_rng(0), 1000)
    assert b.col + b.cols <= a.col


def test_free_windows_are_all_free_tiles_once():
    problem = random_problem(3, PINNED)
    taken = np.zeros(GRID, dtype=int)
    for r in (*free_windows(problem), *PINNED.pinned.values(), *PINNED.forbidden):
        taken[r.row : r.row + r.rows, r.col : r.col + r.cols] += 1
    assert np.all(taken == 1)


def test_dead_tiles_all_over_leave_no_windows():
    dead = tuple(Rectangle(row, (7 * row) % 80, 1, 1) for row in range(60))
    assert free_windows(random_problem(3, Constraints(forbidden=dead))) == ()
