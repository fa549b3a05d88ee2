"""Wires and nets of a problem as arrays for compiled loops, by net and by item."""

from __future__ import annotations

import math

import numpy as np

from accelsim.mapping.placement.arrays import Nets
from accelsim.mapping.placement.base import IntArray, Net, PlacementProblem


def nets_of(problem: PlacementProblem) -> Nets:
    """All that joins two items, or an item and a fixed point; what joins an item to itself alone does not count.

    Where the problem has a timing, a net costs the time of a transfer: its hops, and its bytes over the shortest side.
    """
    timing = problem.timing
    wires = (Net(tuple({wire.a, wire.b}), wire.nbytes) for wire in problem.wires)
    every = (*wires, *problem.nets) if timing is None else timing.transfers
    nets = [net for net in every if len(net.members) + len(net.points) > 1]
    nbytes = np.array([net.nbytes for net in nets], dtype=np.float64)
    sizes = np.array([len(net.members) for net in nets], dtype=np.int64)
    ends = np.array([item for net in nets for item in net.members], dtype=np.int64)
    by_item = np.argsort(ends, kind="stable")
    return Nets(
        first=_starts(sizes),
        ends=ends,
        fixed=np.array([_box(net) for net in nets], dtype=np.float64).reshape(-1, 4),
        per_hop=nbytes if timing is None else np.full(len(nets), timing.hop_s),
        per_side=np.zeros(len(nets)) if timing is None else nbytes * timing.byte_s,
        first_of=_starts(np.bincount(ends, minlength=len(problem.items))),
        of_item=np.repeat(np.arange(len(nets)), sizes)[by_item],
    )


def _box(net: Net) -> tuple[float, float, float, float]:
    """Least and greatest row and column of the fixed points; an empty box where there are none."""
    if not net.points:
        return math.inf, -math.inf, math.inf, -math.inf
    rows, cols = zip(*net.points, strict=True)
    return min(rows), max(rows), min(cols), max(cols)


def _starts(sizes: IntArray) -> IntArray:
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
