"""Recursive bisection: halve the items where few bytes cross, halve the grid alike, until one item is left.

The cut is spectral: items are sorted by the second eigenvector of the Laplacian of the wires and cut where the tiles
are about equal.  The rectangle is cut across its longer side in proportion to the tiles of the halves, so the result
is a slicing tree: legal by construction.  The half that exchanges more with what lies before is put first.

Source:
    Pothen, Simon, Liou, *Partitioning sparse matrices with eigenvectors of graphs*, SIAM J. Matrix Anal. 11, 1990.
"""

from __future__ import annotations

import numpy as np

from accelsim.mapping.placement.base import FloatArray, IntArray, PlacementProblem, register_placer
from accelsim.mapping.placement.cuts import cut
from accelsim.mapping.placement.shelves import cheapest, filled_window, lay_out
from accelsim.network.noc import Rectangle

#: Items above which only the eigenvectors that are looked at are computed.
_MANY = 60
#: Just below the spectrum, which begins at 0; and how well vectors are found whose order alone is used.
_BELOW, _PRECISE = -1e-7, 1e-6


@register_placer("recursive_bisection")
def place_bisection(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """The cheaper of the slicing tree and its leaves laid on shelves.

    Args:
        problem: Items, of which those that exchange most stay together.
        rng: Not used, the cut is that of an eigenvector.
        budget: Not used, the tree is cut once.
    """
    halves = _halves(problem)
    shelves = lay_out(problem, _leaves(halves, len(problem.items)), snake=True)
    if problem.constraints.is_empty:
        sliced = _slice(problem, halves)
        if sliced is not None:
            return cheapest(problem, [sliced, shelves])
    return shelves


def bisection_order(problem: PlacementProblem) -> list[int]:
    """Leaves of the tree from first to last."""
    return _leaves(_halves(problem), len(problem.items))


#: The items of each half, in the order in which halves are halved again: depth first, the first half first.
_Halves = list[tuple[IntArray, IntArray]]


def _halves(problem: PlacementProblem) -> _Halves:
    weights = _weights(problem)
    found: _Halves = []
    last: list[int] = []
    pending = [np.arange(len(problem.items))]
    while pending:
        items = pending.pop()
        if len(items) == 1:
            last = [int(items[0])]
            continue
        first, second = _halve(problem, weights, items, last)
        found.append((first, second))
        pending += [second, first]
    return found


def _leaves(halves: _Halves, count: int) -> list[int]:
    found: list[int] = []
    pending, waiting = [np.arange(count)], iter(halves)
    while pending:
        items = pending.pop()
        if len(items) == 1:
            found.append(int(items[0]))
            continue
        first, second = next(waiting)
        pending += [second, first]
    return found


def _slice(problem: PlacementProblem, halves: _Halves) -> tuple[Rectangle, ...] | None:
    """Rectangles of the slicing tree; None if rounding leaves an item too few tiles."""
    found: dict[int, Rectangle] = {}
    pending = [(np.arange(len(problem.items)), filled_window(problem))]
    waiting = iter(halves)
    while pending:
        items, space = pending.pop()
        if len(items) == 1:
            item = int(items[0])
            if space.num_cores < problem.items[item].least_tiles:
                return None
            found[item] = space
            continue
        first, second = next(waiting)
        cut = _cut(space, problem, first, items)
        if cut is None:
            return None
        pending += [(second, cut[1]), (first, cut[0])]
    return tuple(found[item] for item in range(len(problem.items)))


def _cut(
    space: Rectangle, problem: PlacementProblem, first: np.ndarray, items: np.ndarray
) -> tuple[Rectangle, Rectangle] | None:
    """Two rectangles across the longer side, in proportion to the tiles of the halves."""
    side = max(space.rows, space.cols)
    if side < 2:
        return None
    share = sum(problem.items[int(i)].tiles for i in first) / sum(problem.items[int(i)].tiles for i in items)
    return cut(space, min(max(1, round(side * share)), side - 1), space.cols > space.rows)


def _halve(
    problem: PlacementProblem, weights: FloatArray, items: np.ndarray, last: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Two halves of about equal tiles with few bytes between them; first the one nearer to ``last``."""
    order = items[np.argsort(_fiedler(weights[np.ix_(items, items)]), kind="stable")]
    tiles = np.cumsum([problem.items[int(i)].tiles for i in order])
    at = min(max(1, int(np.searchsorted(tiles, tiles[-1] / 2))), len(order) - 1)
    low, high = np.sort(order[:at]), np.sort(order[at:])
    if last:
        nearer = weights[last[0]][high].sum() - weights[last[0]][low].sum()
        turn = nearer > 0 or (nearer == 0 and high[0] < low[0])
    else:
        turn = bool(high[0] < low[0])
    return (high, low) if turn else (low, high)


def _fiedler(weights: FloatArray) -> FloatArray:
    """Second eigenvector of the Laplacian, normalised so that wires of very different weight do not hide each other."""
    degree = weights.sum(axis=1)
    scale = 1.0 / np.sqrt(np.maximum(degree, degree.max() * 1e-9 + 1e-300))
    laplacian = np.diag(degree) - weights
    scaled = laplacian * scale[:, None] * scale[None, :]
    if len(weights) > _MANY:
        vectors = _lowest(scaled)
    else:
        _, vectors = np.linalg.eigh(scaled)
    second = vectors[:, min(1, len(weights) - 1)] * scale
    return np.asarray(second, dtype=np.float64)


def _lowest(scaled: FloatArray) -> FloatArray:
    """The two lowest eigenvectors of a Laplacian with few wires. float64[items, 2].

    By Lanczos on its inverse: they are the last to come out of the matrix itself.
    """
    from scipy.sparse import csc_matrix
    from scipy.sparse.linalg import eigsh

    start = np.linspace(1.0, 2.0, len(scaled))  # as good as a random one, and the same each time
    values, vectors = eigsh(csc_matrix(scaled), k=2, sigma=_BELOW, v0=start, tol=_PRECISE)
    return np.asarray(vectors[:, np.argsort(values)], dtype=np.float64)


def _weights(problem: PlacementProblem) -> FloatArray:
    weights = np.zeros((len(problem.items), len(problem.items)))
    for wire in problem.wires:
        if wire.a != wire.b:
            weights[wire.a, wire.b] += wire.nbytes
            weights[wire.b, wire.a] += wire.nbytes
    return weights
