"""Compiled annealing of slicing trees: what a move costs, and whether it is kept.

Only what lies below the top of a move is judged again, with the nets of the items that moved.  A net costs ``per_hop x
half the perimeter of the box around its ends + per_side / shortest side``.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine._jit import jit_entry, jit_inline
from accelsim.mapping.placement._trees import NONE, keep, make_move, spread, spread_all, unmake
from accelsim.mapping.placement.arrays import Floats, Ints, Made, Moves, Nets, Shapes, State, Tree

#: Cost of a tile too few, as a share of the whole cost per share of the item's tiles, and of a side too long.
_SHORT, _LONG = 20.0, 5.0


@jit_inline
def _net_cost(nets: Nets, place: Ints, net: int) -> float:
    top, bottom, left, right = nets.fixed[net, 0], nets.fixed[net, 1], nets.fixed[net, 2], nets.fixed[net, 3]
    side = 1 << 40
    for at in range(nets.first[net], nets.first[net + 1]):
        item = nets.ends[at]
        row = place[item, 0] + place[item, 2] * 0.5
        col = place[item, 1] + place[item, 3] * 0.5
        top, bottom = min(top, row), max(bottom, row)
        left, right = min(left, col), max(right, col)
        side = min(side, place[item, 2], place[item, 3])
    return float(nets.per_hop[net] * (bottom - top + right - left) + nets.per_side[net] / side)


@jit_inline
def _sample(table: Floats, shapes: Shapes, item: int, rows: int, cols: int) -> float:
    kind, r, c, y, x = shapes.kind[item], shapes.low[rows], shapes.low[cols], shapes.part[rows], shapes.part[cols]
    value = table[kind, r, c] * (1 - y) * (1 - x)
    if y > 0:
        value += table[kind, r + 1, c] * y * (1 - x)
    if x > 0:
        value += table[kind, r, c + 1] * (1 - y) * x
    if x > 0 and y > 0:
        value += table[kind, r + 1, c + 1] * y * x
    return float(value)


@jit_inline
def _judge(shapes: Shapes, state: State, item: int) -> None:
    """Time, length and shortness of an item where it is."""
    rows, cols = state.place[item, 2], state.place[item, 3]
    sums, least = state.sums, shapes.least[item]
    aspect = max(rows, cols) / min(rows, cols)
    if shapes.weights[3] > 0:
        aspect = max(0.0, aspect / shapes.weights[2] - 1)
    short = max(0.0, (least - rows * cols) / least)
    time = 0.0
    if shapes.weights[0] > 0 or shapes.weights[1] > 0:
        time = _sample(shapes.times, shapes, item, rows, cols)
        short += _sample(shapes.shorts, shapes, item, rows, cols)
    sums[1] += time - state.time[item]
    sums[2] += aspect - state.long[item]
    sums[3] += short - state.short[item]
    state.time[item], state.long[item], state.short[item] = time, aspect, short


@jit_inline
def _cost(shapes: Shapes, state: State) -> float:
    sums = state.sums
    cost = sums[0] + shapes.weights[0] * sums[1]
    if shapes.weights[1] > 0:
        slowest = 0.0
        for item in range(len(state.time)):
            slowest = max(slowest, state.time[item])
        for net in range(len(state.net)):
            slowest = max(slowest, state.net[net])
        cost += shapes.weights[1] * slowest
    if shapes.weights[3] > 0:
        cost *= 1 + _LONG * sums[2]
    elif shapes.weights[2] > 0:
        cost *= max(1.0, sums[2] / len(state.time) / shapes.weights[2])
    return float(cost * (1 + _SHORT * max(0.0, sums[3])))


@jit_inline
def _value_below(nets: Nets, shapes: Shapes, state: State, moved: int, step: int) -> int:
    """Times of the items that moved and costs of their nets; number of nets whose old cost is remembered."""
    changed = 0
    for at in range(moved):
        _judge(shapes, state, state.moved[at])
    for at in range(moved):
        item = state.moved[at]
        for index in range(nets.first_of[item], nets.first_of[item + 1]):
            net = nets.of_item[index]
            if state.stamp[net] != step:
                state.stamp[net] = step
                state.changed[changed], state.before[changed] = net, state.net[net]
                changed += 1
                now = _net_cost(nets, state.place, net)
                state.sums[0] += now - state.net[net]
                state.net[net] = now
    return changed


@jit_inline
def _weigh(tree: Tree, nets: Nets, shapes: Shapes, state: State, made: Made, step: int) -> float:
    """What a move adds to the cost, inf if a side could not be cut; what it replaces is remembered."""
    for at in range(4):
        state.kept[at] = state.sums[at]
    moved = spread_all(tree, state, made)
    state.counts[0], state.counts[1] = 0, 1 if moved >= 0 else 0
    if moved < 0:
        return np.inf
    state.counts[0] = _value_below(nets, shapes, state, moved, step)
    return float(_cost(shapes, state) - state.sums[4])


@jit_inline
def _take_back(tree: Tree, shapes: Shapes, state: State, made: Made) -> None:
    """The tree and all that it is judged by as before a move."""
    unmake(tree, made)
    moved = spread_all(tree, state, made)
    if state.counts[1]:
        for at in range(moved):
            _judge(shapes, state, state.moved[at])
        for at in range(state.counts[0]):
            state.net[state.changed[at]] = state.before[at]
    for at in range(4):
        state.sums[at] = state.kept[at]


@jit_entry
def evaluate(tree: Tree, nets: Nets, shapes: Shapes, state: State, roots: Ints) -> bool:
    """Everything from the roots down; whether every side could be cut."""
    is_cut = True
    state.sums[:] = 0.0
    state.time[:], state.long[:], state.short[:] = 0.0, 0.0, 0.0
    for at in range(len(roots)):
        is_cut = is_cut and spread(tree, state, roots[at], 0) >= 0
    for item in range(len(state.time)):
        _judge(shapes, state, item)
    for net in range(len(state.net)):
        state.net[net] = _net_cost(nets, state.place, net)
        state.sums[0] += state.net[net]
    state.sums[4] = _cost(shapes, state)
    return is_cut


@jit_entry
def anneal(tree: Tree, nets: Nets, shapes: Shapes, state: State, best: Tree, moves: Moves) -> float:
    """Make moves; the least cost seen.

    Args:
        tree: Changed in place.
        nets: What it is judged by.
        shapes: The same.
        state: Of the tree, evaluated.
        best: Gets the cheapest tree, if one is cheaper than ``state.sums[5]``.
        moves: Five numbers each.
    """
    state.stamp[:] = -1
    if len(tree.left) == len(tree.item):
        return float(state.sums[5])
    for step in range(len(moves.numbers)):
        moves.rises[step] = np.inf
        made = make_move(tree, nets, shapes, moves.numbers[step])
        if made.what == NONE:
            continue
        rise = _weigh(tree, nets, shapes, state, made, step)
        moves.rises[step] = rise
        if rise > moves.limits[step] or rise == np.inf:
            _take_back(tree, shapes, state, made)
            continue
        state.sums[4] += rise
        if state.sums[4] < state.sums[5] * (1 - 1e-12):
            state.sums[5] = state.sums[4]
            keep(tree, best)
    return float(state.sums[5])
