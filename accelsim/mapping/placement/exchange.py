"""Pairwise exchange: items trade the rectangles of a layout.

Items of one kind that want as many tiles trade theirs.  Pinned items stay and pull like all others, and so do fixed
points.  Up to :data:`_TABLE_ITEMS` items the gain of every trade is known
at every step: the best of all is made, and one that would bring two items back to places they had is tabu for
about as many steps as there are items, unless it gives the least cost so far.  So the search leaves states in which no
trade gains.  With more items, or nets of several ends, trades are drawn and annealed.  Either loop is compiled
(:mod:`accelsim.mapping.placement._trades`).

Not modelled: rectangles that change shape; see :mod:`accelsim.mapping.placement.slicing`.

Source:
    Taillard, *Robust taboo search for the quadratic assignment problem*, Parallel Computing 17, 1991.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.mapping.placement.arrays import Seats, Spots, Table
from accelsim.mapping.placement.bands import place_bands
from accelsim.mapping.placement.base import FloatArray, IntArray, PlacementProblem, middles, register_placer
from accelsim.mapping.placement.bisection import bisection_order
from accelsim.mapping.placement.cooling import cooled
from accelsim.mapping.placement.greedy import greedy_order
from accelsim.mapping.placement.nets import nets_of
from accelsim.mapping.placement.shelves import cheapest, lay_out
from accelsim.network.noc import Rectangle

#: Most items for which a table of all pairs is kept.
_TABLE_ITEMS = 150
#: A step that looks at all pairs counts as this many moves.
_PAIRS_PER_MOVE = 1000
#: A trade is tabu for as many steps as there are items, give or take this share.
_TENURE = (0.9, 1.1)
#: Steps of a search per item, after which it starts again from its best state with this share of the items shuffled.
_ROUND, _SHAKEN = 100, (0.1, 0.5)
#: Costs this close are the same: they are summed over thousands of trades.
_SAME = 1e-12
#: Places near a partner that an item may be taken to.
_NEAREST = 12


@register_placer("exchange")
def place_exchange(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """The cheapest start, and what trades make of it.

    Args:
        problem: Items, wires and the grid.
        rng: Draws trades and how long they are tabu.
        budget: Trades in all.
    """
    orders = greedy_order(problem), bisection_order(problem)
    starts = [place_bands(problem, rng, budget), *(lay_out(problem, order, snake=True) for order in orders)]
    start = cheapest(problem, starts)
    return cheapest(problem, [start, exchanged(problem, start, rng, budget)])


def exchanged(
    problem: PlacementProblem, rectangles: Sequence[Rectangle], rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...]:
    """The same rectangles, dealt to the items anew.

    Args:
        problem: Items, what joins them, and pins.
        rectangles: Of each item.
        rng: Draws trades and how long they are tabu.
        budget: Trades in all.
    """
    number = len(rectangles)
    alike = _classes(problem, rectangles)
    if budget < 1 or len(np.unique(alike[alike >= 0])) == np.count_nonzero(alike >= 0):
        return tuple(rectangles)
    if number <= _TABLE_ITEMS and not problem.nets and problem.timing is None:
        place = _searched(problem, rectangles, alike, rng, max(1, budget * _PAIRS_PER_MOVE // number**2))
    else:
        place = _annealed(problem, rectangles, alike, rng, budget)
    return tuple(rectangles[slot] for slot in place.tolist())


def _classes(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> IntArray:
    """A number per item, the same for items that may trade; -1 for pinned ones. int64[items].

    Those that want as much, of one kind, and need no more than any of them has.
    """
    kinds = problem.timing.kinds if problem.timing is not None else (0,) * len(rectangles)
    held = [r.num_cores for r in rectangles]
    fewest: dict[tuple[int, int], int] = {}
    wishes = [(kind, item.tiles) for kind, item in zip(kinds, problem.items, strict=True)]
    for wish, tiles in zip(wishes, held, strict=True):
        fewest[wish] = min(tiles, fewest.get(wish, tiles))
    numbers: dict[object, int] = {}
    found = []
    for at, (item, wish) in enumerate(zip(problem.items, wishes, strict=True)):
        key: object = wish if item.least_tiles <= fewest[wish] else at
        number = numbers.setdefault(key, len(numbers))
        found.append(-1 if at in problem.constraints.pinned else number)
    return np.array(found, dtype=np.int64)


def _searched(
    problem: PlacementProblem, rectangles: Sequence[Rectangle], alike: IntArray, rng: np.random.Generator, steps: int
) -> IntArray:
    """Place of each item by tabu search."""
    number = len(rectangles)
    a, b, nbytes = problem.ends
    flow = np.zeros((number, number))
    np.add.at(flow, (a, b), nbytes)
    np.fill_diagonal(flow, 0.0)
    far = _distances(problem, rectangles)
    if np.array_equal(far, far.T):
        flow = (flow + flow.T) / 2
    may = ((alike[:, None] == alike) & (alike >= 0)).astype(np.int64)
    best, least = np.arange(number), 0.0
    rounds = max(1, round(steps / (_ROUND * number)))
    for at in range(rounds):
        start = _shaken(best, alike, rng) if at else best
        cost = float((flow * (far[np.ix_(start, start)] - far)).sum())
        found, gain = _trades(flow, far, start, may, rng, steps // rounds)
        if cost + gain < least - _SAME * abs(least):
            best, least = found, cost + gain
    return best


def _trades(
    flow: FloatArray, far: FloatArray, start: IntArray, may: IntArray, rng: np.random.Generator, steps: int
) -> tuple[IntArray, float]:
    """The cheapest places of one search, and what they add to the cost of its start."""
    from accelsim.mapping.placement._trades import tabu  # numba takes half a second

    number = len(start)
    low, high = _TENURE
    tenures = number * rng.uniform(low, high, (steps, 2))
    best, room = start.copy(), np.zeros((2, number, number))
    between = np.ascontiguousarray(far[np.ix_(start, start)])
    is_symmetric = bool(np.array_equal(flow, flow.T) and np.array_equal(far, far.T))
    table = Table(flow, between, may, room[0], room[1], np.zeros((4, number)))
    return best, float(tabu(table, start.copy(), best, tenures, is_symmetric))


def _shaken(place: IntArray, alike: IntArray, rng: np.random.Generator) -> IntArray:
    """Some items of each class dealt to one another's places."""
    place = place.copy()
    for number in np.unique(alike[alike >= 0]).tolist():
        members = np.flatnonzero(alike == number)
        some = rng.choice(members, max(2, int(len(members) * rng.uniform(*_SHAKEN))), replace=len(members) < 2)
        place[some] = place[rng.permutation(some)]
    return place


def _distances(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> FloatArray:
    """Hops between any two places, or what stands for them. float64[places, places]."""
    if problem.between is not None:
        tiles = [r.row * problem.grid[1] + r.col for r in rectangles]
        return problem.between[np.ix_(tiles, tiles)]
    row, col = middles(rectangles)
    return np.asarray(np.abs(row[:, None] - row) + np.abs(col[:, None] - col))


def _annealed(
    problem: PlacementProblem, rectangles: Sequence[Rectangle], alike: IntArray, rng: np.random.Generator, budget: int
) -> IntArray:
    """Place of each item by annealing, from where they are."""
    from scipy.spatial import cKDTree

    from accelsim.mapping.placement._trades import anneal_trades

    nets = nets_of(problem)
    number = len(rectangles)
    middle = np.column_stack([*middles(rectangles), [min(r.rows, r.cols) for r in rectangles]]).astype(np.float64)
    near = cKDTree(middle[:, :2]).query(middle[:, :2], min(_NEAREST + 1, number))[1].reshape(number, -1)
    between = _distances(problem, rectangles) if problem.between is not None else np.zeros((0, 0))
    spots = Spots(middle, near.astype(np.int64), alike, np.ascontiguousarray(between))
    place = np.arange(number, dtype=np.int64)
    seats = Seats(place, place.copy(), place.copy(), np.full(2, problem.byte_hops(rectangles)))
    cooled(lambda moves: anneal_trades(nets, spots, seats, moves), rng, budget, width=4, items=number)
    return seats.best
