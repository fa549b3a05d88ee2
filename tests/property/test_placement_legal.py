"""Every placer gives every item its tiles, inside the grid, without overlap, whatever the items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.mapping.placement.base import PLACERS, Item, ItemWire, PlacementProblem
from accelsim.mapping.placement.placement import check_legal


@st.composite
def problems(draw):
    grid = draw(st.integers(20, 120)), draw(st.integers(20, 120))
    num_items = draw(st.integers(1, 9))
    weights = np.array(draw(st.lists(st.floats(0.2, 5.0), min_size=num_items, max_size=num_items)))
    share = draw(st.floats(0.2, 0.9))
    tiles = np.maximum(1, (weights / weights.sum() * share * grid[0] * grid[1]).astype(int))
    items = tuple(Item(f"i{i}", int(n), max(1, int(n) // 2)) for i, n in enumerate(tiles))
    ends = draw(st.lists(st.tuples(st.integers(0, num_items - 1), st.integers(0, num_items - 1)), max_size=15))
    wires = tuple(ItemWire(a, b, draw(st.floats(0, 1e9))) for a, b in ends)
    return PlacementProblem(grid, items, wires)


@pytest.mark.parametrize("name", [n for n in PLACERS.names() if n != "exact"])
@settings(max_examples=25, deadline=None)
@given(problem=problems(), seed=st.integers(0, 5))
def test_rectangles_are_legal_and_large_enough(name, problem, seed):
    rectangles = PLACERS.get(name)(problem, np.random.default_rng(seed), 200)
    check_legal(problem.grid, {item.name: (0, r) for item, r in zip(problem.items, rectangles, strict=True)})
    for item, rectangle in zip(problem.items, rectangles, strict=True):
        assert rectangle.num_cores >= item.least_tiles
