"""What compiled loops work on: trees, nets, shapes, places, as arrays with names."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int32]


class Moves(NamedTuple):
    """Moves to be made, one per row.

    Attributes:
        numbers: Random numbers in [0, 1). float64[moves, some].
        limits: Largest rise of the cost with which each is kept; -inf only looks. float64[moves].
        rises: Gets the rise of each; inf where it was not legal. float64[moves].
    """

    numbers: Floats
    limits: Floats
    rises: Floats


class Nets(NamedTuple):
    """Ends of nets, nets of items, and what a net costs; ``fixed`` is the box of its fixed points, empty if none."""

    first: Ints  # [nets + 1]
    ends: Ints
    fixed: Floats  # [nets, 4] least row, greatest row, least col, greatest col
    per_hop: Floats
    per_side: Floats
    first_of: Ints  # [items + 1]
    of_item: Ints


class Shapes(NamedTuple):
    """Times of items by their sides, sampled; and what sides must keep."""

    kind: Ints  # [items]
    low: Ints  # [side] sample at or below a side
    part: Floats  # [side] share of the way to the next
    times: Floats  # [kinds, samples, samples] rows, cols
    shorts: Floats  # the same: share of the memory it lacks
    least: Ints  # [items] fewest tiles
    weights: Floats  # [4] of the sum of times, of the slowest, aspect allowed, 1: each and not the mean


class Tree(NamedTuple):
    """Cuts and what the leaves hold; all by node but ``slot``, which is by item (-1: pinned, in no tree)."""

    left: Ints
    right: Ints
    parent: Ints
    is_column_cut: Ints
    tiles: Ints
    item: Ints
    slot: Ints
    box: Ints  # [nodes, 4] row, col, rows, cols
    spare: Ints  # leaf that holds the tiles a window has too many, by its root; -1: none


class State(NamedTuple):
    """What the cost of a tree is made of, by item and by net, and room to work in."""

    place: Ints  # [items, 4]
    time: Floats
    long: Floats
    short: Floats
    net: Floats
    stamp: Ints
    moved: Ints
    changed: Ints
    before: Floats
    stack: Ints
    sums: Floats  # nets, times, long, short, cost, least cost seen
    kept: Floats  # the first four before a move
    counts: Ints  # nets in ``changed``; 1: the last move was legal


class Made(NamedTuple):
    """A move, and what takes it back."""

    what: int
    a: int
    b: int
    tiles: int
    twin: int  # what lay beside a leaf that moved
    was_first: int
    was_cut: int
    top: int  # the node whose rectangle stays
    other: int  # the root of the other window, -1: none


class Packing(NamedTuple):
    """A tree with the curves of its nodes, least rows by columns; the root is the last node."""

    left: Ints
    right: Ints
    parent: Ints
    is_column_cut: Ints
    item: Ints  # [leaves]
    now: Ints  # [nodes] which of the two curves holds
    rows: Rows  # [2, nodes, cols + 1] curves
    stamp: Ints  # [nodes] move in which the other curve was computed


class Limits(NamedTuple):
    """What an item must keep: times of kinds on sides, as in :class:`Shapes`, and those of its transfers."""

    kind: Ints
    low: Ints
    part: Floats
    times: Floats
    shorts: Floats
    least: Ints
    per_side: Floats  # [items] time of its largest transfer on one side
    like: Ints  # [items] the first item with the same limits
    grid: Ints


class Room(NamedTuple):
    """Nets, and room to lay out a packed tree."""

    first: Ints
    ends: Ints
    weights: Floats  # [nets, 2] per hop, per shortest side
    box: Ints  # [nodes, 4] row, col, rows, cols
    stack: Ints
    done: Ints  # [1] moves made


class Spots(NamedTuple):
    """Places that items trade."""

    middle: Floats  # [places, 3] row, col, shortest side
    near: Ints  # [places, some] nearest places
    alike: Ints  # [items] class; items of one class may trade, below 0 none
    between: Floats  # [places, places] distance, if not by rows and columns; else empty


class Seats(NamedTuple):
    """Who is where."""

    place: Ints  # [items]
    tenant: Ints  # [places]
    best: Ints  # [items] place of each when the cost was least
    costs: Floats  # [2] now, least


class Table(NamedTuple):
    """Gains of all trades, and what they are computed from; by item unless said otherwise."""

    flow: Floats  # bytes from item to item
    far: Floats  # distance between the places of two items
    may: Ints  # whether two may trade
    gains: Floats
    until: Floats  # [items, places] step until which an item there is tabu
    change: Floats  # [4, items]
