"""Slicing trees that are annealed: each node cuts its rectangle in two, in proportion to the tiles below.

A tree is legal whatever its cuts.  Moves turn a cut, exchange two halves, swap two items, take an item to another place
of the tree, and where a layout is judged by time give tiles of one item to another.  Around pins and forbidden
tiles every free window is a tree of its own; items go from one to another, and what is pinned pulls from where it is.
The loop is compiled (:mod:`accelsim.mapping.placement._slices`).

Source:
    Wong, Liu, *A new algorithm for floorplan design*, DAC 1986 (annealing of slicing floorplans; moves).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.arrays import Moves, State, Tree
from accelsim.mapping.placement.base import PlacementProblem
from accelsim.mapping.placement.cooling import cooled
from accelsim.mapping.placement.cuts import EMPTY, Cut, Part, cuts_of, halved
from accelsim.mapping.placement.nets import nets_of
from accelsim.mapping.placement.shapes import shapes_of
from accelsim.mapping.placement.shelves import filled_window
from accelsim.mapping.placement.windows import free_windows
from accelsim.network.noc import Rectangle

#: A window of a tree, its cuts, and the tiles of its items.
_Dealt = tuple[Rectangle, Part, dict[int, int]]


def sliced(
    problem: PlacementProblem, layout: Sequence[Rectangle], rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...] | None:
    """Rectangles of the cheapest tree of ``budget`` moves; None if an item gets too few tiles, or nothing is free.

    Not for times that jump from side to side: cuts in proportion to tiles do not meet them.

    Args:
        problem: Items, what they are judged by, and constraints.
        layout: Its cuts are the first tree, or its order where cuts do not make it.
        rng: Source of randomness.
        budget: Moves.
    """
    if problem.timing is not None and problem.timing.is_stepped:
        return None
    order = sorted(range(len(layout)), key=lambda item: (layout[item].row, layout[item].col))
    free = [item for item in order if item not in problem.constraints.pinned]
    dealt = _deal(problem, free, layout) if free else []
    if not dealt:
        return None
    run = _Run(problem, dealt)
    run.anneal(rng, budget)
    found = run.rectangles()
    fits = all(r.num_cores >= item.least_tiles for r, item in zip(found, problem.items, strict=True))
    return found if fits else None


def _deal(problem: PlacementProblem, order: Sequence[int], layout: Sequence[Rectangle]) -> list[_Dealt]:
    """The windows with the cuts of their items; none if the items do not fit in."""
    if problem.constraints.is_empty:
        return [_whole(problem, order, layout)]
    windows = free_windows(problem)
    wanted = sum(problem.items[item].tiles for item in order)
    room = sum(window.num_cores for window in windows)
    for share in np.linspace(min(1.0, room / wanted), 0.0, 9).tolist():
        waiting, dealt = list(order), []
        for window in windows:
            taken, left = _fill(problem, waiting, window.num_cores, share)
            waiting = [item for item in waiting if item not in taken]
            cuts = halved(list(taken), problem, window.rows, window.cols) if taken else EMPTY
            taken[EMPTY] = left
            dealt.append((window, Cut(cuts, EMPTY, False) if len(taken) > 1 else EMPTY, taken))
        if not waiting:
            return dealt
    return []


def _fill(problem: PlacementProblem, waiting: Sequence[int], room: int, share: float) -> tuple[dict[int, int], int]:
    """Tiles of the items that go into a window, first come first served, and the tiles left."""
    taken: dict[int, int] = {}
    for item in waiting:
        one = problem.items[item]
        need = one.least_tiles + math.ceil(max(0, one.tiles - one.least_tiles) * share)
        if need <= room:
            taken[item], room = need, room - need
    return taken, room


def _whole(problem: PlacementProblem, order: Sequence[int], layout: Sequence[Rectangle]) -> _Dealt:
    """One window: what the items want, or where a layout is judged by time the grid, with the tiles they had."""
    rows, cols = problem.grid
    if problem.timing is None:
        window, tiles = filled_window(problem), {item: problem.items[item].tiles for item in order}
    else:
        window, tiles = Rectangle(0, 0, rows, cols), {item: layout[item].num_cores for item in order}
    cuts = cuts_of(order, layout)
    if cuts is None:
        cuts = halved(order, problem, window.rows, window.cols)
    empty = window.num_cores - sum(tiles.values())
    if problem.timing is None or empty <= 0:
        return window, cuts, tiles
    return window, Cut(cuts, EMPTY, False), {**tiles, EMPTY: empty}


class _Run:
    """The trees of one run, one per window."""

    def __init__(self, problem: PlacementProblem, dealt: Sequence[_Dealt]) -> None:
        from accelsim.mapping.placement._slices import evaluate  # numba takes half a second

        self._problem = problem
        self._nets, self._shapes = nets_of(problem), shapes_of(problem)
        leaves = [(item, number) for _, _, tiles in dealt for item, number in tiles.items()]
        nodes = 2 * len(leaves) - len(dealt)
        fields = {name: np.full(nodes, -1, dtype=np.int64) for name in ("left", "right", "parent", "spare")}
        self._tree = Tree(
            **fields,
            is_column_cut=np.zeros(nodes, dtype=np.int64),
            tiles=np.zeros(nodes, dtype=np.int64),
            item=np.array([item for item, _ in leaves], dtype=np.int64),
            slot=np.full(len(problem.items), -1, dtype=np.int64),
            box=np.zeros((nodes, 4), dtype=np.int64),
        )
        self._tree.tiles[: len(leaves)] = [number for _, number in leaves]
        self._leaf, self._joint, roots = 0, len(leaves), []
        for window, cuts, tiles in dealt:
            places = {item: self._leaf + at for at, item in enumerate(tiles)}
            self._leaf += len(tiles)
            roots.append(self._grow(cuts, places))
            self._tree.box[roots[-1]] = (window.row, window.col, window.rows, window.cols)
            self._tree.spare[roots[-1]] = places.get(EMPTY, -1)
        self._roots = np.array(roots, dtype=np.int64)
        self._state = self._room(nodes)
        for item, pin in problem.constraints.pinned.items():
            self._state.place[item] = (pin.row, pin.col, pin.rows, pin.cols)
        if not evaluate(self._tree, self._nets, self._shapes, self._state, self._roots):
            self._state.sums[4] = math.inf

    def _room(self, nodes: int) -> State:
        number, nets = len(self._problem.items), len(self._nets.per_hop)
        return State(
            place=np.ones((number, 4), dtype=np.int64),
            **{name: np.zeros(number) for name in ("time", "long", "short")},
            net=np.zeros(nets),
            stamp=np.zeros(nets, dtype=np.int64),
            moved=np.zeros(2 * number, dtype=np.int64),
            changed=np.zeros(nets, dtype=np.int64),
            before=np.zeros(nets),
            stack=np.zeros(nodes + 2, dtype=np.int64),
            sums=np.zeros(6),
            kept=np.zeros(4),
            counts=np.zeros(2, dtype=np.int64),
        )

    def _grow(self, part: Part, places: dict[int, int]) -> int:
        """Node of a part, with everything below it."""
        if not isinstance(part, Cut):
            if part != EMPTY:
                self._tree.slot[part] = places[part]
            return places[part]
        node, self._joint = self._joint, self._joint + 1
        halves = [self._grow(part.first, places), self._grow(part.second, places)]
        tree = self._tree
        tree.left[node], tree.right[node], tree.is_column_cut[node] = *halves, part.is_column_cut
        tree.parent[halves], tree.tiles[node] = node, tree.tiles[halves].sum()
        return node

    def anneal(self, rng: np.random.Generator, budget: int) -> None:
        """Make the moves; the trees are then the cheapest seen."""
        from accelsim.mapping.placement._slices import anneal, evaluate

        tree, state = self._tree, self._state
        best = Tree._make(values.copy() for values in tree)
        state.sums[5] = state.sums[4]

        def make(moves: Moves) -> float:
            return anneal(tree, self._nets, self._shapes, state, best, moves)

        cooled(make, rng, budget, width=5, items=len(self._problem.items))
        for name, values in zip(Tree._fields, best, strict=True):
            if name not in ("box", "spare"):
                getattr(tree, name)[:] = values
        evaluate(tree, self._nets, self._shapes, state, self._roots)

    def rectangles(self) -> tuple[Rectangle, ...]:
        """Where the items are."""
        return tuple(Rectangle(*place) for place in self._state.place.tolist())
