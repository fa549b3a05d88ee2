"""Two items change places in a layout that exists.

Items of one size trade rectangles.  Otherwise the smallest region that holds both and is cut from side to side (a few
shelves, a part of a slicing tree) is cut again: every item takes the tiles it had along to its new place, and what does
not hold one of the two keeps its size as far as whole tiles allow.  Where rectangles are not cut like that (around dead
tiles, pins), the two trade rectangles as they are, if each has room for the other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from accelsim.errors import PlacementError
from accelsim.mapping.placement.arrange import check_kept
from accelsim.mapping.placement.base import PlacementProblem
from accelsim.mapping.placement.shelves import whole_shares
from accelsim.network.noc import Rectangle

_ROWS, _COLS = 0, 1


def swap(problem: PlacementProblem, rectangles: Sequence[Rectangle], a: int, b: int) -> tuple[Rectangle, ...]:
    """The layout after items ``a`` and ``b`` have changed places; legal if ``rectangles`` were.

    Args:
        problem: Items and constraints.
        rectangles: Where each item is now.
        a: An item.
        b: Another item.

    Raises:
        PlacementError: One of them is pinned or would leave its set, or the other's place is too small for it.
    """
    names = [problem.items[item].name for item in (a, b)]
    if a == b:
        raise PlacementError(f"{names[0]} cannot change places with itself. Choose another group.")
    for item, name in zip((a, b), names, strict=True):
        if item in problem.constraints.pinned:
            raise PlacementError(f"{name} is pinned to {rectangles[item]} and stays there. Choose another group.")
    sets = (*problem.constraints.together, *problem.constraints.fenced)
    for members in sets:
        if (a in members) != (b in members):
            inside, outside = names if a in members else names[::-1]
            raise PlacementError(f"{inside} has to lie with its set, {outside} is not in it. Swap groups of one set.")
    traded = list(rectangles)
    traded[a], traded[b] = rectangles[b], rectangles[a]
    is_same_size = (rectangles[a].rows, rectangles[a].cols) == (rectangles[b].rows, rectangles[b].cols)
    layouts = [] if is_same_size else [_Recut(problem, rectangles, a, b).layout()]
    refused: PlacementError | None = None
    for layout in (*layouts, tuple(traded)):
        if layout is not None and not _too_small(problem, layout) and _keeps(sets, rectangles, layout):
            try:
                check_kept(problem, layout)
            except PlacementError as error:
                refused = error
            else:
                return layout
    if refused is not None:
        raise refused
    large, small = (a, b) if rectangles[a].num_cores > rectangles[b].num_cores else (b, a)
    raise PlacementError(
        f"{problem.items[large].name} needs at least {problem.items[large].least_tiles} tiles, the place of "
        f"{problem.items[small].name} has {rectangles[small].num_cores}, and the rectangles around it cannot give way. "
        "Swap groups of about one size."
    )


def _too_small(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> bool:
    return any(r.num_cores < item.least_tiles for r, item in zip(rectangles, problem.items, strict=True))


def _keeps(sets: Sequence[Sequence[int]], old: Sequence[Rectangle], new: Sequence[Rectangle]) -> bool:
    """Whether every set lies in the tiles it lay in before."""
    return all(_box([old[i] for i in members]) == _box([new[i] for i in members]) for members in sets)


class _Recut:
    """The region in which two items meet, cut again with the two exchanged.

    A slot is a place in the old layout, numbered by the item it held.
    """

    def __init__(self, problem: PlacementProblem, rectangles: Sequence[Rectangle], a: int, b: int) -> None:
        self._old, self._swapped = list(rectangles), {a: b, b: a}
        tenant = [self._swapped.get(slot, slot) for slot in range(len(rectangles))]
        self._tiles = [rectangles[item].num_cores for item in tenant]
        self._least = [problem.items[item].least_tiles for item in tenant]
        self._tenant, self._pinned = tenant, set(problem.constraints.pinned)

    def layout(self) -> tuple[Rectangle, ...] | None:
        """Rectangle of every item; None if the two do not meet in a region that can be cut again."""
        slots = list(range(len(self._old)))
        while True:
            _, parts = self._split(slots)
            inside = [part for part in parts if self._swapped.keys() & set(part)]
            if len(parts) == 1:
                return None
            if len(inside) > 1:
                break
            slots = inside[0]
        box = self._box(slots)
        is_full = sum(self._old[slot].num_cores for slot in slots) == box.num_cores
        if not is_full or self._pinned & set(slots):
            return None
        cut = self._cut(slots, box)
        if cut is None:
            return None
        found = {self._tenant[slot]: rectangle for slot, rectangle in cut.items()}
        return tuple(found.get(item, rectangle) for item, rectangle in enumerate(self._old))

    def _cut(self, slots: list[int], window: Rectangle) -> dict[int, Rectangle] | None:
        """Rectangles of the slots in ``window``, in the cuts of the old layout."""
        box = self._box(slots)
        is_same_size = (box.rows, box.cols) == (window.rows, window.cols)
        if is_same_size and not self._swapped.keys() & set(slots):
            down, right = window.row - box.row, window.col - box.col
            moved = ((slot, self._old[slot]) for slot in slots)
            return {slot: Rectangle(r.row + down, r.col + right, r.rows, r.cols) for slot, r in moved}
        if len(slots) == 1:
            return {slots[0]: window}
        axis, parts = self._split(slots)
        lengths = self._lengths(parts, axis, window, is_same_size) if len(parts) > 1 else None
        if lengths is None:
            return None
        found: dict[int, Rectangle] = {}
        at = 0
        for part, length in zip(parts, lengths, strict=True):
            inner = self._cut(part, _strip(window, axis, at, length))
            if inner is None:
                return None
            found |= inner
            at += length
        return found

    def _lengths(self, parts: list[list[int]], axis: int, window: Rectangle, is_same_size: bool) -> list[int] | None:
        """Length of each part along ``axis``: as before where nothing changed, else by tiles."""
        across = _side(window, 1 - axis)
        lengths = [_side(self._box(part), axis) for part in parts]
        changed = [i for i, part in enumerate(parts) if not is_same_size or self._swapped.keys() & set(part)]
        total = _side(window, axis) - sum(length for i, length in enumerate(lengths) if i not in changed)
        wanted = np.array([sum(self._tiles[slot] for slot in parts[i]) for i in changed], dtype=np.float64)
        least = np.array([math.ceil(sum(self._least[slot] for slot in parts[i]) / across) for i in changed])
        shared = whole_shares(total, wanted, least.astype(np.float64))
        if shared is None:
            return None
        for i, length in zip(changed, shared.tolist(), strict=True):
            lengths[i] = int(length)
        return lengths

    def _split(self, slots: list[int]) -> tuple[int, list[list[int]]]:
        """Parts between cuts from side to side: into rows if there are any, else into columns."""
        for axis in (_ROWS, _COLS):
            parts: list[list[int]] = []
            end = -1
            for slot in sorted(slots, key=lambda slot: _start(self._old[slot], axis)):
                start = _start(self._old[slot], axis)
                if start >= end:
                    parts.append([])
                parts[-1].append(slot)
                end = max(end, start + _side(self._old[slot], axis))
            if len(parts) > 1:
                break
        return axis, parts

    def _box(self, slots: Sequence[int]) -> Rectangle:
        return _box([self._old[slot] for slot in slots])


def _box(rectangles: Sequence[Rectangle]) -> Rectangle:
    """Smallest rectangle around others."""
    row, col = min(r.row for r in rectangles), min(r.col for r in rectangles)
    last_row, last_col = max(r.row + r.rows for r in rectangles), max(r.col + r.cols for r in rectangles)
    return Rectangle(row, col, last_row - row, last_col - col)


def _start(rectangle: Rectangle, axis: int) -> int:
    return rectangle.col if axis == _COLS else rectangle.row


def _side(rectangle: Rectangle, axis: int) -> int:
    return rectangle.cols if axis == _COLS else rectangle.rows


def _strip(window: Rectangle, axis: int, at: int, length: int) -> Rectangle:
    if axis == _COLS:
        return Rectangle(window.row, window.col + at, window.rows, length)
    return Rectangle(window.row + at, window.col, length, window.cols)
