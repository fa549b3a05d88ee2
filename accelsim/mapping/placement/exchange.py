"""Pairwise exchange: items trade rectangles, and the gain of every trade is known at every step.

A layout that greedy, bisection or bands found keeps its rectangles; items that want as many tiles trade theirs, and so
do those whose rectangles are of one size.  Each step makes the best trade of all.  One that would bring two items back
to places they had is tabu for about as many steps as there are items, unless it gives the least cost so far: so the
search leaves states in which no trade gains, and the cheapest one wins.  Pinned items stay and pull like all others.

With ``F`` the bytes between items and ``B`` the hops between their places, trading ``r`` and ``s`` changes the cost by
``M[r, s] + M[s, r] - M[r, r] - M[s, s] + 2 F[r, s] B[r, s]``, with ``M = F B``, which a trade changes by an outer
product.

Not modelled: rectangles that change shape; see :mod:`accelsim.mapping.placement.annealing`.

Source:
    Taillard, *Robust taboo search for the quadratic assignment problem*, Parallel Computing 17, 1991.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from accelsim.mapping.placement.bands import place_bands
from accelsim.mapping.placement.base import FloatArray, PlacementProblem, middles, register_placer
from accelsim.mapping.placement.bisection import bisection_order
from accelsim.mapping.placement.greedy import greedy_order
from accelsim.mapping.placement.shelves import cheapest, lay_out
from accelsim.network.noc import Rectangle

#: Steps are as many as the budget, but the gains of all steps together at most this many: about 2 s.
_MOST_GAINS = 200_000_000
#: And at most this many times the number of pairs, after which small problems do not get better.
_PER_PAIR = 100
#: A trade is tabu for as many steps as there are items, give or take this share.
_TENURE = (0.9, 1.1)
#: Costs this close are the same: they are summed over thousands of trades.
_SAME = 1e-12


@register_placer("exchange")
def place_exchange(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """The cheapest start, and what trades make of it.

    Args:
        problem: Items, wires and the grid.
        rng: Draws how long trades are tabu.
        budget: Trades in all.
    """
    orders = greedy_order(problem), bisection_order(problem)
    starts = [place_bands(problem, rng, budget), *(lay_out(problem, order, snake=True) for order in orders)]
    start = cheapest(problem, starts)
    if len(problem.items) < 2 or not problem.wires or budget < 1:
        return start
    return cheapest(problem, [start, exchanged(problem, start, rng, budget)])


def exchanged(
    problem: PlacementProblem, rectangles: Sequence[Rectangle], rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...]:
    """The same rectangles, dealt to the items so that bytes x hops are least.

    Args:
        problem: Items, wires and pins.
        rectangles: Of each item.
        rng: Draws how long trades are tabu.
        budget: Trades in all.
    """
    number = len(rectangles)
    steps = min(budget, _PER_PAIR * number * number // 2, _MOST_GAINS // number**2)
    place = _Trades(problem, rectangles, rng).run(steps)
    return tuple(rectangles[slot] for slot in place)


class _Trades:
    """State of one search; matrices are by item, those of places with the place of each item."""

    def __init__(self, problem: PlacementProblem, rectangles: Sequence[Rectangle], rng: np.random.Generator) -> None:
        number = len(rectangles)
        self._rng, self._number = rng, number
        self._place = np.arange(number)
        a, b, nbytes = problem.ends
        self._bytes = np.zeros((number, number))
        np.add.at(self._bytes, (a, b), nbytes)
        self._bytes += self._bytes.T
        np.fill_diagonal(self._bytes, 0.0)
        row, col = middles(rectangles)
        self._hops = np.abs(row[:, None] - row) + np.abs(col[:, None] - col)
        self._pull = self._bytes @ self._hops
        self._tabu_until = np.zeros((number, number))
        self._refused = ~_may_trade(problem, rectangles)

    def run(self, steps: int) -> list[int]:
        """Place of each item in the cheapest state of that many trades."""
        cost = least = 0.0
        best = self._place.copy()
        for step in range(1, steps + 1):
            gains = self._changes()
            is_back = self._tabu_until > step
            gains[self._refused | (is_back & is_back.T & (cost + gains >= least))] = np.inf
            first, second = divmod(int(gains.argmin()), self._number)
            if gains[first, second] == np.inf:
                break
            cost += float(gains[first, second])
            self._trade(first, second, step)
            if cost < least - _SAME * abs(least):
                least, best = cost, self._place.copy()
        found: list[int] = best.tolist()
        return found

    def _changes(self) -> FloatArray:
        """What each trade adds to the bytes x hops."""
        own = self._pull.diagonal()
        changes: FloatArray = self._bytes * self._hops
        changes *= 2.0
        changes += self._pull
        changes += self._pull.T
        changes -= own
        changes -= own[:, None]
        return changes

    def _trade(self, first: int, second: int, step: int) -> None:
        """Two items trade places; going back together is tabu for a while."""
        pair, turned = [first, second], [second, first]
        low, high = _TENURE
        self._tabu_until[pair, pair] = step + self._number * self._rng.uniform(low, high, 2)
        self._pull += np.outer(self._bytes[:, second] - self._bytes[:, first], self._hops[first] - self._hops[second])
        self._hops[pair] = self._hops[turned]
        for by_place in (self._pull, self._hops, self._tabu_until):
            by_place[:, pair] = by_place[:, turned]
        self._place[pair] = self._place[turned]


def _may_trade(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> npt.NDArray[np.bool_]:
    """Which items may trade: of one wish or on as many tiles, with room for what each needs, not pinned."""
    wished = np.array([item.tiles for item in problem.items])
    least = np.array([item.least_tiles for item in problem.items])
    held = np.array([r.num_cores for r in rectangles])
    free = np.array([item not in problem.constraints.pinned for item in range(len(rectangles))])
    fits = held[None, :] >= least[:, None]
    alike = (wished[:, None] == wished) | (held[:, None] == held)
    may: npt.NDArray[np.bool_] = alike & fits & fits.T & free & free[:, None]
    np.fill_diagonal(may, False)
    return may
