"""Greedy: the next item on the shelf is the one that exchanges most bytes with those laid last."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from accelsim.mapping.placement.base import PlacementProblem, register_placer
from accelsim.mapping.placement.shelves import lay_out
from accelsim.network.noc import Rectangle

#: An item laid ``n`` places ago attracts this to the power of ``n`` as much as the last one.
_FADING = 0.5


def greedy_order(problem: PlacementProblem) -> list[int]:
    """Start with the first item; always append the one with the strongest pull, the earlier one on a tie."""
    neighbours: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for wire in problem.wires:
        neighbours[wire.a].append((wire.b, wire.nbytes))
        neighbours[wire.b].append((wire.a, wire.nbytes))
    pull = np.zeros(len(problem.items))
    waiting = np.ones(len(problem.items), dtype=bool)
    order: list[int] = []
    item = 0
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
    """One item after the other, each where its strongest partner was laid.

    Args:
        problem: Items and the bytes between them.
        rng: Not used, ties go to the first item.
        budget: Not used, each item is laid once.
    """
    return lay_out(problem, greedy_order(problem), snake=True)
