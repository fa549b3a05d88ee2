import itertools
from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import PlacementError
from accelsim.mapping.placement import bisection
from accelsim.mapping.placement.arrange import arrange
from accelsim.mapping.placement.bands import banded
from accelsim.mapping.placement.base import (
    PLACERS,
    Constraints,
    Item,
    ItemWire,
    Net,
    PlacementProblem,
    Timing,
    mean_aspect,
)
from accelsim.mapping.placement.bisection import bisection_order
from accelsim.mapping.placement.bound import touching_bound_byte_hops
from accelsim.mapping.placement.exact import _sliced
from accelsim.mapping.placement.placement import check_legal, parse_placement
from accelsim.mapping.placement.shelves import Shelves, lay_out, window_of
from accelsim.mapping.placement.stacks import stacked
from accelsim.network.noc import Rectangle

NONE = Constraints()


def chain(num_items, grid=(60, 60), constraints=NONE, fill=0.9):
    tiles = int(grid[0] * grid[1] * fill / num_items)
    items = tuple(Item(f"i{i}", tiles, tiles // 2) for i in range(num_items))
    wires = tuple(ItemWire(i, i + 1, 1.0) for i in range(num_items - 1))
    return PlacementProblem(grid, items, wires, constraints)


def place(name, problem, seed=0, budget=3000):
    return arrange(problem, PLACERS.get(name), np.random.default_rng(seed), budget)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        (Constraints({0: Rectangle(50, 50, 20, 20)}), "i0 is pinned to .* leaves the grid of 60x60"),
        (Constraints({0: Rectangle(0, 0, 20, 20), 1: Rectangle(10, 10, 20, 20)}), "i0 and i1 are pinned to tiles they"),
        (Constraints({0: Rectangle(0, 0, 2, 2)}), "i0 is pinned to .*: 4 tiles, it needs 162"),
        (Constraints(forbidden=(Rectangle(0, 0, 60, 55),)), "10 items .* cannot be cut from 60x5 as rectangles"),
        (Constraints(forbidden=(Rectangle(3, 3, 54, 54),)), "around 1 pinned or forbidden rectangles: 10 items"),
        (Constraints(forbidden=(Rectangle(0, 0, 60, 60),)), "every tile of the grid of 60x60 is forbidden"),
        (Constraints(fenced={(1, 2): Rectangle(0, 0, 9, 9)}), "the set of i1 ... i2 is pinned to .*: 81 tiles"),
    ],
)
def test_constraints_that_cannot_be_met_say_which(constraints, message):
    with pytest.raises(PlacementError, match=message):
        place("snake", chain(10, constraints=constraints))


def test_a_snake_of_equal_items_costs_one_side_per_wire_and_row_major_pays_the_way_back():
    # 9 items of 20 x 20 on 60 x 60: three shelves of three
    problem = PlacementProblem((60, 60), tuple(Item(f"i{i}", 400) for i in range(9)), chain(9).wires)
    assert problem.byte_hops(place("snake", problem)) == 8 * 20
    # row-major: 6 steps of 20, and twice 40 back and 20 down
    assert problem.byte_hops(place("row_major", problem)) == 6 * 20 + 2 * 60


def test_annealing_is_never_worse_than_its_starts_and_reaches_the_exact_optimum_of_a_small_case():
    rng = np.random.default_rng(5)
    for _ in range(3):
        items = tuple(Item(f"i{i}", int(n), 50) for i, n in enumerate(rng.integers(200, 600, 7)))
        wires = tuple(
            ItemWire(i, j, float(rng.uniform(0, 1))) for i in range(7) for j in range(i) if rng.random() < 0.4
        )
        problem = PlacementProblem((60, 60), items, wires)
        costs = {
            n: problem.byte_hops(place(n, problem, budget=5000)) for n in ("annealing", "exact", "greedy", "snake")
        }
        assert costs["annealing"] <= 1.15 * costs["exact"]
        assert costs["annealing"] <= min(costs["greedy"], costs["snake"])


def test_exact_tries_slicing_trees_and_annealing_stays_within_15_percent_of_it():
    rng = np.random.default_rng(8)
    gaps = []
    for _ in range(2):
        items = tuple(Item(f"i{i}", int(n), 40) for i, n in enumerate(rng.integers(100, 900, 5)))
        wires = tuple(
            ItemWire(i, j, float(rng.uniform(0, 1))) for i in range(5) for j in range(i) if rng.random() < 0.6
        )
        problem = PlacementProblem((50, 50), items, wires)
        costs = {n: problem.cost(place(n, problem, budget=5000)) for n in ("annealing", "exact", "snake")}
        assert costs["exact"] <= min(costs.values())
        gaps.append(costs["annealing"] / costs["exact"] - 1)
    assert max(gaps) < 0.15


def test_the_slicings_of_few_items_are_all_there():
    problem = PlacementProblem((12, 12), tuple(Item(f"i{i}", 48) for i in range(3)), ())
    found = {
        tuple(sorted((i, str(box)) for i, box in r.items()))
        for r in _sliced(problem, (0, 1, 2), Rectangle(0, 0, 12, 12), None)
    }
    # two ways to put three side by side or above another, 6 orders each; one beside a pair: 4 sides, 3 items, 2 orders
    assert len(found) == 2 * 6 + 4 * 3 * 2


def test_annealing_beats_shelves_where_small_items_lie_between_large_ones():
    # large operators with a tiny one between each two, as norms between products, and a residual around each
    sizes = [400 if i % 2 == 0 else 6 for i in range(21)]
    items = tuple(Item(f"i{i}", n, max(1, n // 2)) for i, n in enumerate(sizes))
    wires = tuple(ItemWire(i, i + step, 1.0) for step in (1, 2) for i in range(21 - step))
    problem = PlacementProblem((70, 70), items, wires)
    greedy, annealed = (problem.cost(place(name, problem, budget=20_000)) for name in ("greedy", "annealing"))
    assert annealed < 0.95 * greedy


def test_bands_keep_small_items_between_large_ones_near_squares():
    sizes = [400 if i % 2 == 0 else 64 for i in range(20)]
    items = tuple(Item(f"i{i}", n, n // 2) for i, n in enumerate(sizes))
    problem = PlacementProblem((60, 100), items, chain(20).wires)
    order, bounds = banded(problem)
    assert sorted(order) == list(range(20))
    assert all(len({sizes[i] for i in order[a:b]}) == 1 for a, b in itertools.pairwise(bounds[:3]))
    rectangles = Shelves(items, window_of(problem), snake=True).lay_between(np.array(order), bounds)
    assert mean_aspect(rectangles) < 0.7 * mean_aspect(place("snake", problem))


def test_the_cost_is_the_time_where_a_problem_has_one():
    def item_s(kind, rows, cols):  # the widest rectangle decides: tall shelves win
        return cols.astype(float)

    problem = chain(9)
    timing = Timing((0,) * 9, item_s, lambda kind, rows, cols: np.zeros(len(rows)), (), 0.0, 0.0, 0.0, 1.0)
    timed = replace(problem, timing=timing)
    assert timed.cost(place("snake", timed)) < max(r.cols for r in place("snake", problem))
    assert timed.cost(place("annealing", timed)) <= timed.cost(place("snake", timed))


def test_annealing_recovers_a_shuffled_chain_that_row_major_cannot():
    rng = np.random.default_rng(2)
    order = rng.permutation(40)
    wires = tuple(ItemWire(int(a), int(b), 1.0) for a, b in itertools.pairwise(order))
    problem = PlacementProblem((100, 100), chain(40, (100, 100)).items, wires)
    assert problem.byte_hops(place("annealing", problem)) < 0.5 * problem.byte_hops(place("row_major", problem))


@pytest.mark.parametrize("name", ["random", "annealing"])
def test_a_seed_decides_everything_random(name):
    problem = chain(12)
    assert place(name, problem, seed=7) == place(name, problem, seed=7)


def test_exact_refuses_more_items_than_it_can_try():
    with pytest.raises(PlacementError, match="takes at most 9 items, got 10"):
        place("exact", chain(10))


def test_the_bound_is_below_every_placement():
    problem = chain(9)
    for name in PLACERS.names():
        rectangles = place(name, problem)
        assert touching_bound_byte_hops(problem, rectangles) <= problem.byte_hops(rectangles) + 1e-9


def test_a_file_with_groups_that_share_tiles_is_refused():
    text = (
        "schema_version: 1\nkind: placement\nmodel: m\nsystem: s\nplacer: me\ngrid: [10, 10]\ngroups:\n"
        "  a: {corner: [0, 0], tiles: [5, 5]}\n  b: {corner: [4, 4], tiles: [2, 2]}\n"
    )
    with pytest.raises(PlacementError, match="b and a share tiles in row 4"):
        parse_placement(text)


def skipping_chain(num_items, grid=(60, 60)):
    """A chain with a residual around each item, sizes from 20 to 60 tiles."""
    sizes = np.random.default_rng(1).integers(20, 60, num_items)
    items = tuple(Item(f"i{i}", int(n), int(n) // 2) for i, n in enumerate(sizes))
    wires = tuple(ItemWire(i, i + step, 1.0) for step in (1, 2) for i in range(num_items - step))
    return PlacementProblem(grid, items, wires)


def test_stacks_bring_both_ends_of_a_residual_near_and_never_cost_more_than_a_snake():
    problem = skipping_chain(80)
    assert problem.cost(place("stacks", problem)) < 0.97 * problem.cost(place("snake", problem))
    short = chain(3)
    assert short.cost(place("stacks", short)) <= short.cost(place("snake", short))


def test_stacks_keep_what_every_item_needs_and_the_grid():
    problem = skipping_chain(70)
    for layout in stacked(problem, range(70)):
        assert all(r.num_cores >= item.least_tiles for r, item in zip(layout, problem.items, strict=True))
        check_legal(problem.grid, {item.name: (0, r) for item, r in zip(problem.items, layout, strict=True)})


def test_stacks_around_pins_are_snakes():
    pinned = chain(10, constraints=Constraints({3: Rectangle(20, 20, 18, 18)}))
    assert place("stacks", pinned) == place("snake", pinned)


@pytest.mark.parametrize("seed", range(5))
def test_greedy_is_never_worse_than_rows_in_model_order(seed):
    rng = np.random.default_rng(seed)
    items = tuple(Item(f"i{i}", int(n), 10) for i, n in enumerate(rng.integers(20, 80, 40)))
    wires = tuple(ItemWire(i, j, float(rng.uniform())) for i in range(40) for j in range(i) if rng.random() < 0.1)
    points = ((0.0, 0.0),) if seed % 2 else ()
    problem = PlacementProblem((60, 60), items, wires, nets=(Net((7, 30), 5.0, points),))
    assert problem.cost(place("greedy", problem)) <= problem.cost(place("row_major", problem))


@pytest.mark.parametrize("name", ["snake", "row_major", "greedy", "stacks", "bands"])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (60.0, 0.0), (0.0, 60.0), (60.0, 60.0)])
def test_a_layout_begins_in_the_corner_of_a_fixed_end(name, corner):
    # a port in a corner sends to the first item alone, as much as all others exchange together
    problem = replace(chain(12), nets=(Net((0,), 20.0, (corner,)),))
    first = place(name, problem)[0]
    assert abs(first.row + first.rows / 2 - corner[0]) < 20 and abs(first.col + first.cols / 2 - corner[1]) < 20


def test_lowest_vectors_of_many_items_cut_like_those_of_the_whole_spectrum(monkeypatch):
    problem = skipping_chain(90)
    few = bisection_order(problem)
    monkeypatch.setattr(bisection, "_MANY", 1000)
    assert problem.cost(lay_out(problem, few, snake=True)) <= 1.05 * problem.cost(
        lay_out(problem, bisection_order(problem), snake=True)
    )
