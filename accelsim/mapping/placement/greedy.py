"""Greedy: the next item on the shelf is the one that exchanges most bytes with those laid last."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from accelsim.mapping.placement.base import Net, PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import cheapest, lay_out
from accelsim.network.noc import Rectangle

#: An item laid ``n`` places ago attracts this to the power of ``n`` as much as the last one.
_FADING = 0.5


def greedy_order(problem: PlacementProblem) -> list[int]:
    """Start with the item that fixed ends pull most; always append the one with the strongest pull.

    The earlier one on a tie.  Every end of a net pulls every other with its bytes over their number.
    """
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    fixed = np.zeros(len(problem.items))
    for net in (*(Net((wire.a, wire.b), wire.nbytes) for wire in problem.wires), *problem.nets):
        others = max(1, len(net.members) + len(net.points) - 1)
        for item in net.members:
            neighbours[item] += [(other, net.nbytes / others) for other in net.members if other != item]
            fixed[item] += net.nbytes * len(net.points) / others
    pull = np.zeros(len(problem.items))
    waiting = np.ones(len(problem.items), dtype=bool)
    order: list[int] = []
    item = int(np.argmax(fixed))
    while True:
        order.append(item)
        waiting[item] = False
        if not waiting.any():
            return order
        pull *= _FADING
        for other, nbytes in neighbours[item]:
            pull[other] += nbytes
        item = int(np.argmax(np.where(waiting, pull, -1.0)))


@register_placer("greedy")
def place_greedy(problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """One item after the other, each where its strongest partner was laid; rows in model order where these cost less.

    Args:
        problem: Items and the bytes between them.
        rng: Not used, ties go to the first item.
        budget: Not used, each item is laid once.
    """
    rows = lay_out(problem, range(len(problem.items)), snake=False)
    return cheapest(problem, [lay_out(problem, greedy_order(problem), snake=True), rows])
