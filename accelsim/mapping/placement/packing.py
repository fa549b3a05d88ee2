"""The least time that all items can keep on one grid: a slicing tree in which each takes no more room than that needs.

For a time, every item has a curve of least rows by columns (:mod:`accelsim.mapping.placement._packing`); the tree is
annealed until the curve of its root fits on the grid, and the time is lowered to the least with which it still does,
again and again.  Then its nets are made cheap as long as all fits.  What an item does not need is dealt out.
Where a stream of units flows through a layout, the slowest item sets its pace, and this is the layout that is sought.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.arrays import Limits, Nets, Packing, Room
from accelsim.mapping.placement.base import IntArray, PlacementProblem
from accelsim.mapping.placement.cooling import drawn
from accelsim.mapping.placement.cuts import Cut, cuts_of, halved
from accelsim.mapping.placement.nets import nets_of
from accelsim.mapping.placement.shapes import shapes_of
from accelsim.network.noc import Rectangle

_FIRST, _LAST = 0.02, 0.0005
#: First temperature of shortening, as a share of the cost of all nets.
_WARM = 0.01
_BLOCK = 2048
#: Moves of a cheaper search that cost as much as one of these.
_MOVES = 5
#: A tree is sought for this share less than the best time so far.
_PRECISE = 5e-4
#: A tree that does not fit with the time of the start times this is given up.
_HOPELESS = 1e6


def packed(
    problem: PlacementProblem, layout: Sequence[Rectangle], rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...] | None:
    """Rectangles on which the slowest item is as fast as was found; None if no tree fits, or pace does not matter.

    Args:
        problem: Without constraints; with a timing, or there is nothing to find.
        layout: Whose order and time the search starts with.
        rng: Source of randomness.
        budget: A move of the tree counts as :data:`_MOVES` of them.
    """
    if problem.timing is None or not problem.timing.slowest or not problem.constraints.is_empty or len(layout) < 2:
        return None
    search = _Search(problem, layout)
    moves = budget // _MOVES
    if not search.run(rng, moves // 2):
        return None
    search.shorten(rng, moves - moves // 2)
    return search.rectangles()


class _Search:
    """A tree, and the least time with which it is known to fit."""

    def __init__(self, problem: PlacementProblem, layout: Sequence[Rectangle]) -> None:
        assert problem.timing is not None
        self._problem = problem
        shapes, nets = shapes_of(problem), nets_of(problem)
        per_side = [max(nets.per_side[_nets(nets, item)], default=0.0) for item in range(len(problem.items))]
        rows = [*zip(shapes.kind.tolist(), shapes.least.tolist(), per_side, strict=True)]
        first = {row: at for at, row in reversed([*enumerate(rows)])}
        self._limits = Limits(
            *shapes[:6],
            per_side=np.array(per_side),
            like=np.array([first[row] for row in rows]),
            grid=np.array(problem.grid),
        )
        self._packing = _packing(problem, layout)
        nodes = len(self._packing.left)
        self._room = Room(
            first=nets.first,
            ends=nets.ends,
            weights=np.column_stack([nets.per_hop, nets.per_side]),
            box=np.zeros((nodes, 4), dtype=np.int64),
            stack=np.zeros(nodes + 2, dtype=np.int64),
            done=np.zeros(1, dtype=np.int64),
        )
        self._best: Packing | None = None
        self._time = self._start = max(problem.timing.times(layout))

    def run(self, rng: np.random.Generator, budget: int) -> bool:
        """Make the moves; whether anything fits."""
        from accelsim.mapping.placement._packing import pack  # numba takes half a second

        self._lower(self._time)
        made = 0
        while made < budget:
            time = self._time * (1 - _PRECISE)
            scale = self._fill(time)
            while scale > 1 and made < budget:
                heat = np.full(min(_BLOCK, budget - made), _FIRST * (_LAST / _FIRST) ** (made / budget))
                moves = drawn(rng, heat, width=4)
                scale = float(pack(self._packing, self._limits, self._room, moves, scale, False))
                made += int(self._room.done[0])
            if scale <= 1:
                self._lower(time)
        return self._best is not None

    def _fill(self, time: float) -> float:
        from accelsim.mapping.placement._packing import fill

        return float(fill(self._packing, self._limits, time, _up(self._packing)))

    def _lower(self, fits: float) -> None:
        """Keep this tree with a time with which it fits, and with little less it does not."""
        step = _PRECISE
        while self._fill(fits) > 1:
            fits *= 2
            if fits > _HOPELESS * self._start:
                return
        while self._fill(fits * (1 - step)) <= 1:
            fits, step = fits * (1 - step), 2 * step
        self._fill(fits)
        self._time, self._best = fits, Packing._make(values.copy() for values in self._packing)

    def shorten(self, rng: np.random.Generator, budget: int) -> None:
        """Make the nets of the best tree cheap, as long as all fits with its time."""
        from accelsim.mapping.placement._packing import lay, pack

        packing = self._best
        assert packing is not None
        cost = float(lay(packing, self._limits, self._room))
        for start in range(0, budget, _BLOCK):
            heat = np.full(min(_BLOCK, budget - start), cost * _WARM * (_LAST / _FIRST) ** (start / budget))
            cost = float(pack(packing, self._limits, self._room, drawn(rng, heat, width=4), cost, True))

    def rectangles(self) -> tuple[Rectangle, ...]:
        """The layout."""
        from accelsim.mapping.placement._packing import lay

        assert self._best is not None
        lay(self._best, self._limits, self._room)
        return tuple(Rectangle(*box) for box in self._room.box[: len(self._best.item)].tolist())


def _nets(nets: Nets, item: int) -> IntArray:
    found: IntArray = nets.of_item[nets.first_of[item] : nets.first_of[item + 1]]
    return found


def _packing(problem: PlacementProblem, layout: Sequence[Rectangle]) -> Packing:
    """A tree with the cuts of a layout, or else with its order."""
    items = range(len(problem.items))
    found = cuts_of(items, layout)
    if found is None:
        order = sorted(items, key=lambda item: (layout[item].row, layout[item].col))
        found = halved(order, problem, *problem.grid)
    nodes = 2 * len(items) - 1
    fields = {name: np.full(nodes, -1, dtype=np.int64) for name in ("left", "right", "parent", "is_column_cut")}
    packing = Packing(
        **fields,
        item=np.arange(len(items)),
        now=np.zeros(nodes, dtype=np.int64),
        rows=np.zeros((2, nodes, problem.grid[1] + 1), dtype=np.int32),
        stamp=np.zeros(nodes, dtype=np.int64),
    )
    waiting, free = [(found, nodes - 1)], nodes - 2
    while waiting:
        part, node = waiting.pop()
        if not isinstance(part, Cut):
            continue
        packing.is_column_cut[node] = part.is_column_cut
        halves = []
        for half in (part.first, part.second):
            child = free if isinstance(half, Cut) else half
            free -= isinstance(half, Cut)
            packing.parent[child] = node
            halves.append(child)
            waiting.append((half, child))
        packing.left[node], packing.right[node] = halves
    return packing


def _up(packing: Packing) -> IntArray:
    """All cuts, halves before wholes."""
    left, right = packing.left.tolist(), packing.right.tolist()
    down = [len(left) - 1]
    for node in down:
        down += [half for half in (left[node], right[node]) if left[half] >= 0]
    return np.array(down[::-1], dtype=np.int64)
