"""Compiled search for a slicing tree whose items all keep a time: every node has a curve, least rows by columns.

A leaf's curve is that of its item; of two nodes side by side columns add up, of two one above the other rows do.  A
move computes the curves on the way to the root again, beside the old ones, which come back if it is not kept.

Source:
    Stockmeyer, *Optimal orientations of cells in slicing floorplan designs*, Information and Control 57, 1983.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._jit import jit_entry, jit_inline
from accelsim.mapping.placement.arrays import Floats, Ints, Limits, Moves, Packing, Room, Rows

#: Rows of what does not fit.
_NEVER = 1 << 24


@jit_inline
def _fits(limits: Limits, item: int, rows: int, cols: int, time: float) -> bool:
    if rows * cols < limits.least[item] or limits.per_side[item] > time * min(rows, cols):
        return False
    kind, r, c, y, x = limits.kind[item], limits.low[rows], limits.low[cols], limits.part[rows], limits.part[cols]
    up, on = r + (1 if y > 0 else 0), c + (1 if x > 0 else 0)
    short = (limits.shorts[kind, r, c] * (1 - x) + limits.shorts[kind, r, on] * x) * (1 - y)
    short += (limits.shorts[kind, up, c] * (1 - x) + limits.shorts[kind, up, on] * x) * y
    value = (limits.times[kind, r, c] * (1 - x) + limits.times[kind, r, on] * x) * (1 - y)
    value += (limits.times[kind, up, c] * (1 - x) + limits.times[kind, up, on] * x) * y
    return bool(short <= 0 and value <= time)


@jit_inline
def _leaf(packing: Packing, limits: Limits, leaf: int, which: int, time: float) -> None:
    """Curve of an item, by a walk along the edge of what fits; more columns never need more rows."""
    row = limits.grid[0]
    curve = packing.rows[which, leaf]
    like = limits.like[packing.item[leaf]]
    if like != packing.item[leaf]:
        other = packing.rows[packing.now[like], like]
        for col in range(len(curve)):
            curve[col] = other[col]
        return
    curve[0] = _NEVER
    for col in range(1, limits.grid[1] + 1):
        curve[col] = curve[col - 1]
        if _fits(limits, packing.item[leaf], row, col, time):
            while row > 1 and _fits(limits, packing.item[leaf], row - 1, col, time):
                row -= 1
            curve[col] = min(row, curve[col])


@jit_inline
def _join(packing: Packing, node: int, which: int) -> bool:
    """Curve of a node from those of its halves; whether it differs from the one that held."""
    a, b = packing.left[node], packing.right[node]
    one, other = packing.rows[packing.now[a], a], packing.rows[packing.now[b], b]
    curve, old = packing.rows[which, node], packing.rows[packing.now[node], node]
    if packing.is_column_cut[node]:
        x, y = 0, 0
        wide, high = one[0], other[0]
        for col in range(len(curve) - 1):
            curve[col] = max(wide, high)
            if wide >= high:
                x += 1
                wide = one[x]
            else:
                y += 1
                high = other[y]
        curve[-1] = max(wide, high)
    else:
        for col in range(len(curve)):
            curve[col] = min(one[col] + other[col], _NEVER)
    differs = False
    for col in range(len(curve)):
        differs = differs or curve[col] != old[col]
    return differs


@jit_inline
def _climb(packing: Packing, node: int, step: int) -> None:
    """Curves from a node to the root, or to one that stays the same; those that hold are kept beside them."""
    start = node
    while node >= 0:
        if packing.stamp[node] != step:
            differs = _join(packing, node, 1 - packing.now[node])
            packing.stamp[node] = step
            packing.now[node] = 1 - packing.now[node]
        else:
            _join(packing, node, packing.now[node])
            differs = True
        # The first may have come here from elsewhere: its curve is new to the node above even if it is its old one.
        node = packing.parent[node] if differs or node == start else -1


@jit_inline
def _scale(packing: Packing, limits: Limits) -> float:
    """The root needs a grid this many times as long and wide."""
    root = len(packing.left) - 1
    curve, rows, cols, least = packing.rows[packing.now[root], root], limits.grid[0], limits.grid[1], np.inf
    low, high = 1, cols
    while low < high:  # rows fall and columns rise: the two meet once
        middle = (low + high) // 2
        if curve[middle] * cols <= middle * rows:
            high = middle
        else:
            low = middle + 1
    for col in range(max(1, low - 1), low + 1):
        least = min(least, max(curve[col] / rows, col / cols))
    return least


@jit_entry
def fill(packing: Packing, limits: Limits, time: float, order: Ints) -> float:
    """All curves for a time, first those of the items, then halves before wholes; the scale of the root."""
    for leaf in range(len(packing.item)):
        _leaf(packing, limits, leaf, packing.now[leaf], time)
    for at in range(len(order)):
        _join(packing, order[at], packing.now[order[at]])
    return _scale(packing, limits)


@jit_inline
def _hang(packing: Packing, above: int, old: int, new: int) -> None:
    """A node takes the place of another below ``above``."""
    if packing.left[above] == old:
        packing.left[above] = new
    else:
        packing.right[above] = new
    packing.parent[new] = above


@jit_inline
def _is_below(packing: Packing, node: int, top: int) -> bool:
    while node >= 0 and node != top:
        node = packing.parent[node]
    return node == top


@jit_inline
def _swap(packing: Packing, a: int, b: int) -> None:
    above, other = packing.parent[a], packing.parent[b]
    _hang(packing, above, a, b)
    _hang(packing, other, b, a)


@jit_inline
def _attach(packing: Packing, node: int, beside: int) -> None:
    """Take a node with the joint above it out of the tree and put both where ``beside`` is, with it below."""
    joint = packing.parent[node]
    twin = packing.right[joint] if packing.left[joint] == node else packing.left[joint]
    _hang(packing, packing.parent[joint], joint, twin)
    _hang(packing, packing.parent[beside], beside, joint)
    _hang(packing, joint, twin, beside)


@jit_inline
def _back(packing: Packing, node: int, step: int) -> None:
    """The curves that held before a move, from a node to the root."""
    while node >= 0:
        if packing.stamp[node] == step:
            packing.now[node] = 1 - packing.now[node]
            packing.stamp[node] = -1
        node = packing.parent[node]


@jit_inline
def _least_cols(curve: Rows, rows: int) -> int:
    """Fewest columns with which a curve needs no more than so many rows."""
    low, high = 0, len(curve) - 1
    while low < high:
        middle = (low + high) // 2
        if curve[middle] <= rows:
            high = middle
        else:
            low = middle + 1
    return low


@jit_inline
def _lay(packing: Packing, limits: Limits, room: Room) -> None:
    """Rectangles of all items of a tree that fits; what is left over goes to the halves by their size."""
    root, depth = len(packing.left) - 1, 1
    room.stack[0] = root
    box = room.box
    box[root, 0], box[root, 1], box[root, 2], box[root, 3] = 0, 0, limits.grid[0], limits.grid[1]
    while depth > 0:
        depth -= 1
        node = room.stack[depth]
        a, b = packing.left[node], packing.right[node]
        if a < 0:
            continue
        one, other = packing.rows[packing.now[a], a], packing.rows[packing.now[b], b]
        row, col, rows, cols = box[node, 0], box[node, 1], box[node, 2], box[node, 3]
        if packing.is_column_cut[node]:
            first, second = _least_cols(one, rows), _least_cols(other, rows)
            at = first + (cols - first - second) * first // (first + second)
            box[a, 0], box[a, 1], box[a, 2], box[a, 3] = row, col, rows, at
            box[b, 0], box[b, 1], box[b, 2], box[b, 3] = row, col + at, rows, cols - at
        else:
            first, second = one[cols], other[cols]
            at = first + (rows - first - second) * first // (first + second)
            box[a, 0], box[a, 1], box[a, 2], box[a, 3] = row, col, at, cols
            box[b, 0], box[b, 1], box[b, 2], box[b, 3] = row + at, col, rows - at, cols
        room.stack[depth], room.stack[depth + 1] = a, b
        depth += 2


@jit_inline
def _length(room: Room, first: Ints, ends: Ints, weights: Floats) -> float:
    """Cost of all nets, by hops and shortest sides."""
    total = 0.0
    for net in range(len(weights)):
        top, bottom, left, right, side = np.inf, -np.inf, np.inf, -np.inf, 1 << 30
        for at in range(first[net], first[net + 1]):
            item = ends[at]
            row, col = room.box[item, 0] + room.box[item, 2] * 0.5, room.box[item, 1] + room.box[item, 3] * 0.5
            top, bottom, left, right = min(top, row), max(bottom, row), min(left, col), max(right, col)
            side = min(side, room.box[item, 2], room.box[item, 3])
        total += weights[net, 0] * (bottom - top + right - left) + weights[net, 1] / side
    return total


@jit_entry
def lay(packing: Packing, limits: Limits, room: Room) -> float:
    """Rectangles of a tree that fits, into the room; the cost of its nets."""
    _lay(packing, limits, room)
    return _length(room, room.first, room.ends, room.weights)


@jit_entry
def pack(packing: Packing, limits: Limits, room: Room, moves: Moves, scale: float, is_shortening: bool) -> float:
    """Make moves that let the scale rise by at most their limit, until all fits; the scale.

    Or, if it is wires that are shortened, moves after which all still fits, and the cost of the nets is limited.

    Args:
        packing: Changed in place; its curves are those of the time that is to be kept.
        limits: Of which only the grid is read.
        room: Nets, and room for rectangles; gets the number of moves made.
        moves: Four numbers each; rises are not told.
        scale: Of the root now, or the cost of the nets.
        is_shortening: Whether it is that.
    """
    numbers, rises = moves.numbers, moves.limits
    nodes, leaves = len(packing.left), len(packing.item)
    for node in range(nodes):
        packing.stamp[node] = -1
    for step in range(len(numbers)):
        kind, x, y, z = numbers[step, 0], numbers[step, 1], numbers[step, 2], numbers[step, 3]
        room.done[0] = step + 1
        a, b, twin = int(x * nodes), int(y * nodes), -1
        is_turn, is_swap = kind < 0.25, kind < 0.65
        if is_turn:
            a = leaves + int(x * (nodes - leaves))
            packing.is_column_cut[a] = 1 - packing.is_column_cut[a]
            _climb(packing, a, step)
        else:
            if z < 0.6:
                a = int(x * leaves)
            if z < 0.5 and is_swap:
                b = int(y * leaves)
            above, other = packing.parent[a], packing.parent[b]
            if a == b or above < 0 or other < 0 or above == other or _is_below(packing, a, b):
                continue
            if is_swap:
                if _is_below(packing, b, a):
                    continue
                _swap(packing, a, b)
                _climb(packing, above, step)
                _climb(packing, other, step)
            else:
                if packing.parent[above] < 0 or _is_below(packing, b, above):
                    continue
                twin = packing.right[above] if packing.left[above] == a else packing.left[above]
                was_cut, top = packing.is_column_cut[above], packing.parent[above]
                _attach(packing, a, b)
                packing.is_column_cut[above] = int(z * 1000) % 2
                _climb(packing, top, step)
                _climb(packing, above, step)
        now = _scale(packing, limits)
        if is_shortening and now > 1:
            now = np.inf
        elif is_shortening:
            _lay(packing, limits, room)
            now = _length(room, room.first, room.ends, room.weights)
        if now - scale <= rises[step]:
            scale = now
            if scale <= 1 and not is_shortening:
                break
            continue
        if is_turn:
            _back(packing, a, step)
            packing.is_column_cut[a] = 1 - packing.is_column_cut[a]
        elif is_swap:
            _back(packing, above, step)
            _back(packing, other, step)
            _swap(packing, a, b)
        else:
            _back(packing, top, step)
            _back(packing, above, step)
            _attach(packing, a, twin)
            packing.is_column_cut[above] = was_cut
    return scale
