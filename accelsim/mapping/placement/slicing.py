"""Slicing trees that are annealed: each node cuts its rectangle in two, in proportion to the tiles below.

A tree is legal whatever its cuts, so a move only turns a cut, exchanges two halves or swaps two items; only the
rectangles below the place that changed are computed again.  While it anneals sides are real numbers; in the end they
are rounded to whole tiles.  Its cost is bytes x hops, raised by the share by which the mean aspect of the rectangles
exceeds the one allowed, because kernels lose on long rectangles.

Source:
    Wong, Liu, *A new algorithm for floorplan design*, DAC 1986 (annealing of slicing floorplans; moves).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from accelsim.mapping.placement.base import MEAN_ASPECT, PlacementProblem
from accelsim.mapping.placement.shelves import Window
from accelsim.network.noc import Rectangle

_LAST_EXPONENT = 10.0
_SAMPLES = 256
_MILD = 0.1
_Box = tuple[float, float, float, float]  # row, col, rows, cols


class SlicingTree:
    """State of one run.

    Nodes ``0 .. n - 1`` are leaves (slots that hold an item), the others are cuts; the last one is the root.

    Args:
        problem: Items and wires; constraints are not looked at.
        window: What to cut.
        order: Items from first to last; the first tree halves it again and again.
        rng: Source of randomness.
    """

    def __init__(
        self, problem: PlacementProblem, window: Window, order: Sequence[int], rng: np.random.Generator
    ) -> None:
        self._problem, self._window, self._rng = problem, window, rng
        n = len(order)
        self._item = list(order)
        self._slot = [0] * n
        for slot, item in enumerate(order):
            self._slot[item] = slot
        self._halves: list[tuple[int, int]] = [(-1, -1)] * n
        self._parent = [-1] * n
        self._tiles = [float(problem.items[item].tiles) for item in order]
        self._is_column_cut = [False] * n
        self._wires: list[list[tuple[int, float]]] = [[] for _ in range(n)]
        for wire in problem.wires:
            if wire.a != wire.b:
                self._wires[wire.a].append((wire.b, wire.nbytes))
                self._wires[wire.b].append((wire.a, wire.nbytes))
        self._root = self._build(0, n)
        self._box: list[_Box] = [(0.0, 0.0, 1.0, 1.0)] * len(self._halves)
        self._box[self._root] = (float(window.row), float(window.col), float(window.rows), float(window.cols))
        self._orient(self._root)
        self._spread(self._root)
        self._byte_hops = self._wires_of(range(n))
        self._aspects = sum(self._aspect(slot) for slot in range(n))

    @property
    def cost(self) -> float:
        """Bytes x hops, raised for long rectangles."""
        return self._cost(self._byte_hops, self._aspects)

    def anneal(self, budget: int) -> tuple[Rectangle, ...] | None:
        """Make ``budget`` moves; rectangles of the cheapest state, None if rounding leaves an item too few tiles."""
        moves = self._rng.random((budget + _SAMPLES, 4)).tolist()
        rises = [rise for numbers in moves[budget:] if (rise := self._try(numbers, -math.inf)) > 0]
        first = float(np.quantile(rises, _MILD)) if rises else 0.0
        best, kept = self.cost, self._state()
        for step, numbers in enumerate(moves[:budget]):
            temperature = first * math.exp(-math.log(_LAST_EXPONENT) * step / budget)
            self._try(numbers, -temperature * math.log(max(numbers[3], 1e-300)))
            if self.cost < best * (1 - 1e-12):
                best, kept = self.cost, self._state()
        self._item, self._halves, self._is_column_cut, self._tiles = kept
        return self._round()

    def _state(self) -> tuple[list[int], list[tuple[int, int]], list[bool], list[float]]:
        return list(self._item), list(self._halves), list(self._is_column_cut), list(self._tiles)

    def _build(self, low: int, high: int) -> int:
        """Node over the slots ``low`` to ``high``, cut where the tiles are about equal."""
        if high - low == 1:
            return low
        ends = np.cumsum(self._tiles[low:high])
        at = low + min(max(1, int(np.searchsorted(ends, ends[-1] / 2 + 1e-9))), high - low - 1)
        a, b = self._build(low, at), self._build(at, high)
        node = len(self._halves)
        self._halves.append((a, b))
        self._parent.append(-1)
        self._parent[a] = self._parent[b] = node
        self._tiles.append(self._tiles[a] + self._tiles[b])
        self._is_column_cut.append(False)
        return node

    def _orient(self, node: int) -> None:
        """Cut every rectangle of the first tree across its longer side."""
        for one in self._below(node):
            if self._halves[one][0] >= 0:
                _, _, rows, cols = self._box[one]
                self._is_column_cut[one] = cols > rows
                self._divide(one)

    def _below(self, node: int) -> list[int]:
        """The node and everything below it, parents first."""
        found = [node]
        for one in found:
            a, b = self._halves[one]
            if a >= 0:
                found += (a, b)
        return found

    def _divide(self, node: int) -> None:
        a, b = self._halves[node]
        row, col, rows, cols = self._box[node]
        share = self._tiles[a] / self._tiles[node]
        if self._is_column_cut[node]:
            cut = cols * share
            self._box[a], self._box[b] = (row, col, rows, cut), (row, col + cut, rows, cols - cut)
        else:
            cut = rows * share
            self._box[a], self._box[b] = (row, col, cut, cols), (row + cut, col, rows - cut, cols)

    def _spread(self, node: int) -> list[int]:
        """Rectangles of everything below a node; the slots among them."""
        slots = []
        for one in self._below(node):
            if self._halves[one][0] >= 0:
                self._divide(one)
            else:
                slots.append(one)
        return slots

    def _try(self, numbers: Sequence[float], threshold: float) -> float:
        """Make the move that ``numbers`` choose unless it costs over ``threshold``; its rise."""
        kind, x, y, _ = numbers
        n = len(self._item)
        change: Callable[[], None]
        if kind < 0.5:
            top = n + int(x * (n - 1))
            change = partial(self._turn if kind < 0.25 else self._exchange, top)
        else:
            a, b = self._near(int(x * n), y)
            top = self._meet(a, b)
            change = partial(self._swap, a, b, top)
        slots = [one for one in self._below(top) if one < n]
        items = [self._item[slot] for slot in slots]
        before = self._wires_of(items), sum(self._aspect(slot) for slot in slots)
        change()
        self._spread(top)
        hops = self._byte_hops + self._wires_of(items) - before[0]
        aspects = self._aspects + sum(self._aspect(slot) for slot in slots) - before[1]
        rise = self._cost(hops, aspects) - self.cost
        if rise > threshold:
            change()
            self._spread(top)
        else:
            self._byte_hops, self._aspects = hops, aspects
        return rise

    def _near(self, slot: int, y: float) -> tuple[int, int]:
        """A slot and another, near ones as likely as far ones on a scale of powers."""
        n = len(self._item)
        away = int(n ** abs(2 * y - 1))
        return slot, (slot + (away if y < 0.5 else -away)) % n

    def _turn(self, node: int) -> None:
        self._is_column_cut[node] = not self._is_column_cut[node]

    def _exchange(self, node: int) -> None:
        a, b = self._halves[node]
        self._halves[node] = b, a

    def _swap(self, a: int, b: int, top: int) -> None:
        """Swap the items of two slots; sums of tiles change on the way up to where the slots meet."""
        one, other = self._item[a], self._item[b]
        self._item[a], self._item[b] = other, one
        self._slot[one], self._slot[other] = b, a
        difference = self._tiles[b] - self._tiles[a]
        for slot, change in ((a, difference), (b, -difference)):
            node = slot
            while node not in (top, -1):
                self._tiles[node] += change
                node = self._parent[node]

    def _meet(self, a: int, b: int) -> int:
        """Lowest node above both slots."""
        above = {a}
        while a != self._root:
            a = self._parent[a]
            above.add(a)
        while b not in above:
            b = self._parent[b]
        return b

    def _aspect(self, slot: int) -> float:
        _, _, rows, cols = self._box[slot]
        return rows / cols if rows > cols else cols / rows

    def _cost(self, byte_hops: float, aspects: float) -> float:
        return byte_hops * max(1.0, aspects / len(self._item) / MEAN_ASPECT)

    def _wires_of(self, items: Sequence[int]) -> float:
        """Bytes x hops of all wires that end at one of ``items``, each once."""
        inside, total, box, slot_of = set(items), 0.0, self._box, self._slot
        for item in items:
            row, col, rows, cols = box[slot_of[item]]
            row, col = row + rows / 2, col + cols / 2
            for other, nbytes in self._wires[item]:
                r, c, height, width = box[slot_of[other]]
                hops = abs(row - r - height / 2) + abs(col - c - width / 2)
                total += nbytes * (hops / 2 if other in inside else hops)
        return total

    def _round(self) -> tuple[Rectangle, ...] | None:
        """Whole tiles, from the root down."""
        spaces = {self._root: Rectangle(self._window.row, self._window.col, self._window.rows, self._window.cols)}
        found: dict[int, Rectangle] = {}
        for node in self._below(self._root):
            space, (a, b) = spaces[node], self._halves[node]
            if a < 0:
                if space.num_cores < self._problem.items[self._item[node]].least_tiles:
                    return None
                found[self._item[node]] = space
                continue
            share = self._tiles[a] / self._tiles[node]
            side = space.cols if self._is_column_cut[node] else space.rows
            if side < 2:
                return None
            at = min(max(1, round(side * share)), side - 1)
            spaces[a], spaces[b] = cut(space, at, self._is_column_cut[node])
        return tuple(found[item] for item in range(len(found)))


def cut(space: Rectangle, at: int, is_column_cut: bool) -> tuple[Rectangle, Rectangle]:
    """The first ``at`` columns or rows of a rectangle, and the rest.

    Args:
        space: What is cut.
        at: Columns or rows of the first part.
        is_column_cut: Whether columns are counted, and not rows.
    """
    if is_column_cut:
        left = Rectangle(space.row, space.col, space.rows, at)
        return left, Rectangle(space.row, space.col + at, space.rows, space.cols - at)
    top = Rectangle(space.row, space.col, at, space.cols)
    return top, Rectangle(space.row + at, space.col, space.rows - at, space.cols)
