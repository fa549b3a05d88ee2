"""Simulated annealing with incremental evaluation: items on shelves, slicing trees, polished shelves; the best wins.

Half of the budget goes to shelves, half to a slicing tree (:mod:`accelsim.mapping.placement.slicing`) that starts from
the order the shelves ended with.  The shelves, and bands of items of one size, are polished on whole tiles by the cost
that placers are compared on (:mod:`accelsim.mapping.placement.bands`, up to a fifth of the budget on top).  Trees and
polish are left out where pins or dead tiles have to be respected.

Schedule: start from the cheapest of the snake, greedy and bisection orders.  The first temperature accepts a
mild worsening (the 5 % quantile of random moves) with probability 0.5, the last one with e^-10; in between it falls
geometrically, one move a step.  The cheapest state seen is kept, and the starts compete with it, so the result is never
worse than any of them.

Moves: swap two items, take an item elsewhere, reverse a run of a shelf.  Half of the time the place is chosen beside a
partner of the item.  All shelves have one height while it anneals, so a move shifts items of at most two shelves and
only their wires are summed again; the final layout gives every shelf the height it needs.

Source:
    Kirkpatrick, Gelatt, Vecchi, *Optimization by simulated annealing*, Science 220, 1983.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.bands import banded, polish
from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.bisection import bisection_order
from accelsim.mapping.placement.greedy import greedy_order
from accelsim.mapping.placement.orders import OrderCosts
from accelsim.mapping.placement.shelves import Shelves, cheapest, filled_window, lay_out, shelf_counts, window_of
from accelsim.mapping.placement.slicing import SlicingTree
from accelsim.network.noc import Rectangle

_FIRST_ACCEPTANCE, _LAST_EXPONENT = 0.5, 10.0
#: A shelf may hold this much more than its share of tiles while it anneals.
_OVERFULL = 1.1
_SAMPLES = 256
_MILD = 0.05


@register_placer("annealing")
def place_annealing(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """Cheapest state of ``budget`` moves, or the cheapest start.

    Args:
        problem: Items, wires and the grid.
        rng: Draws the moves and decides which worse states are kept.
        budget: Moves in all; below 1 only the starts are compared.
    """
    starts = [list(range(len(problem.items))), greedy_order(problem), bisection_order(problem)]
    layouts = [lay_out(problem, order, snake=True) for order in starts]
    counts = shelf_counts(problem)
    if len(problem.items) < 3 or not problem.wires or budget < 1:
        return cheapest(problem, layouts)
    best = min(
        ((float(OrderCosts(problem, count)(start)[0]), count, start) for count in counts for start in starts),
        key=lambda found: found[0],
    )
    found = _Annealer(problem, best[1], best[2], rng).run(budget // 2)
    layouts.append(lay_out(problem, found, snake=True))
    if problem.constraints.is_empty:
        tree = SlicingTree(problem, filled_window(problem), found, rng).anneal(budget - budget // 2)
        shelves = Shelves(problem.items, window_of(problem), snake=True)
        order = np.array(found)
        ends = [shelves.bounds(order, count) for count in counts]
        evened = min(ends, key=lambda bounds: _cost(problem, shelves.lay_between(order, bounds)))
        polished = [polish(problem, found, evened, rng, budget), polish(problem, *banded(problem), rng, budget)]
        layouts += [layout for layout in (tree, *polished) if layout is not None]
    return cheapest(problem, layouts)


def _cost(problem: PlacementProblem, layout: tuple[Rectangle, ...] | None) -> float:
    return math.inf if layout is None else problem.cost(layout)


class _Annealer:
    """State of one run: items on shelves from left to right, and the middle of every item."""

    def __init__(
        self, problem: PlacementProblem, num_shelves: int, order: Sequence[int], rng: np.random.Generator
    ) -> None:
        tiles = np.array([item.tiles for item in problem.items], dtype=np.float64)
        self._rng = rng
        self._height = float(tiles.sum()) / problem.grid[1] / num_shelves
        self._width: list[float] = (tiles / self._height).tolist()
        self._limit = max(_OVERFULL * problem.grid[1], max(self._width))
        self._wires: list[list[tuple[int, float]]] = [[] for _ in problem.items]
        for wire in problem.wires:
            if wire.a != wire.b:
                self._wires[wire.a].append((wire.b, wire.nbytes))
                self._wires[wire.b].append((wire.a, wire.nbytes))
        middle = np.cumsum(tiles[list(order)]) - tiles[list(order)] / 2
        shelf = np.minimum((middle / tiles.sum() * num_shelves).astype(int), num_shelves - 1).tolist()
        self._shelves: list[list[int]] = [[] for _ in range(num_shelves)]
        for item, at in zip(order, shelf, strict=True):
            self._shelves[at].append(item)
        for members in self._shelves[1::2]:
            members.reverse()
        self._shelf = [0] * len(tiles)
        self._col = [0.0] * len(tiles)
        for at in range(num_shelves):
            self._put(at, self._shelves[at])
        self._cost = sum(self._around(item) for item in range(len(tiles))) / 2

    def run(self, budget: int) -> list[int]:
        """Order of the cheapest state seen in ``budget`` moves."""
        best_cost, best = self._cost, [list(members) for members in self._shelves]
        first = self._typical_rise() / math.log(1 / _FIRST_ACCEPTANCE)
        last = first * math.log(1 / _FIRST_ACCEPTANCE) / _LAST_EXPONENT
        cooling = math.log(last / first) / budget if first > 0 else 0.0
        for step, numbers in enumerate(self._rng.random((budget, 5)).tolist()):
            temperature = first * math.exp(cooling * step)
            rise = self._try(numbers, -temperature * math.log(max(numbers[4], 1e-300)))
            if rise is not None and self._cost < best_cost * (1 - 1e-12):
                best_cost, best = self._cost, [list(members) for members in self._shelves]
        return [item for at, members in enumerate(best) for item in (members[::-1] if at % 2 else members)]

    def _typical_rise(self) -> float:
        """Worsening of the mildest of random moves from the start, which is a good state that heat would only undo."""
        rises = [self._try(numbers, -math.inf) for numbers in self._rng.random((_SAMPLES, 5)).tolist()]
        positive = [rise for rise in rises if rise is not None and rise > 0]
        return float(np.quantile(positive, _MILD)) if positive else 0.0

    def _try(self, numbers: Sequence[float], threshold: float) -> float | None:
        """Make the move that ``numbers`` choose unless it costs over ``threshold``; its rise, None if not legal."""
        changed = self._choose(numbers)
        if any(sum(self._width[i] for i in members) > self._limit for members in changed.values()):
            return None
        kept = {at: self._shelves[at] for at in changed}
        shifted = self._shifted(changed)
        before = self._wires_of(shifted)
        for at, members in changed.items():
            self._put(at, members)
        rise = self._wires_of(shifted) - before
        if rise > threshold:
            for at, members in kept.items():
                self._put(at, members)
        else:
            self._cost += rise
        return rise

    def _choose(self, numbers: Sequence[float]) -> dict[int, list[int]]:
        """New members of the shelves that a move changes."""
        kind, x, y, z, _ = numbers
        item = int(x * len(self._shelf))
        other = self._beside_partner(item, y, z) if y < 0.5 else int((2 * y - 1) * len(self._shelf))
        a, b = self._shelf[item], self._shelf[other]
        if kind < 0.2:
            members = self._shelves[a]
            i, j = sorted((int(y * len(members)), int(z * len(members))))
            return {a: members[:i] + members[i : j + 1][::-1] + members[j + 1 :]}
        if kind < 0.6:
            swap = {item: other, other: item}
            return {at: [swap.get(one, one) for one in self._shelves[at]] for at in {a, b}}
        if item == other:
            return {}
        without = [one for one in self._shelves[a] if one != item]
        target = without if a == b else list(self._shelves[b])
        at = target.index(other) + (z < 0.5)
        target = [*target[:at], item, *target[at:]]
        return {b: target} if a == b else {a: without, b: target}

    def _beside_partner(self, item: int, y: float, z: float) -> int:
        """A neighbour on the shelf of an item that ``item`` exchanges bytes with."""
        wires = self._wires[item]
        if not wires:
            return item
        partner = wires[int(2 * y * len(wires))][0]
        members = self._shelves[self._shelf[partner]]
        return members[max(0, min(len(members) - 1, members.index(partner) + (1 if z < 0.5 else -1)))]

    def _put(self, at: int, members: list[int]) -> None:
        """Lay items on a shelf from the left."""
        self._shelves[at] = members
        left = 0.0
        for item in members:
            self._shelf[item] = at
            self._col[item] = left + self._width[item] / 2
            left += self._width[item]

    def _shifted(self, changed: dict[int, list[int]]) -> list[int]:
        """Items of the changed shelves that get another place: what lies before the first difference stays."""
        found: list[int] = []
        for at, members in changed.items():
            old = self._shelves[at]
            same = 0
            while same < min(len(old), len(members)) and old[same] == members[same]:
                same += 1
            found += members[same:]
        return found

    def _wires_of(self, items: list[int]) -> float:
        """Cost of all wires that end at one of ``items``, each once."""
        inside = set(items)
        total = 0.0
        for item in items:
            row, col = self._shelf[item], self._col[item]
            for other, nbytes in self._wires[item]:
                hops = abs(row - self._shelf[other]) * self._height + abs(col - self._col[other])
                total += nbytes * (hops / 2 if other in inside else hops)
        return total

    def _around(self, item: int) -> float:
        row, col = self._shelf[item], self._col[item]
        return float(
            sum(n * (abs(row - self._shelf[o]) * self._height + abs(col - self._col[o])) for o, n in self._wires[item])
        )
