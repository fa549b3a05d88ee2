"""Compiled loops in which items trade places: tabu search on tables of all pairs, annealing on nets for many items."""

from __future__ import annotations

import numpy as np

from accelsim.engine._jit import jit_entry, jit_inline
from accelsim.mapping.placement.arrays import Floats, Ints, Moves, Nets, Seats, Spots, Table


@jit_inline
def _gain(flow: Floats, far: Floats, i: int, j: int, is_symmetric: bool) -> float:
    """What trading items ``i`` and ``j`` adds; ``far`` is by item, the distance of their places; no loops at items."""
    even, odd, number = 0.0, 0.0, len(flow)
    for k in range(0, number - 1, 2):  # two sums: one would wait for itself
        even += (flow[i, k] - flow[j, k]) * (far[j, k] - far[i, k])
        odd += (flow[i, k + 1] - flow[j, k + 1]) * (far[j, k + 1] - far[i, k + 1])
    if number % 2:
        even += (flow[i, number - 1] - flow[j, number - 1]) * (far[j, number - 1] - far[i, number - 1])
    total = even + odd
    if is_symmetric:
        total *= 2
    else:
        for k in range(number):
            total += (flow[k, i] - flow[k, j]) * (far[k, j] - far[k, i])
    # What k = i and k = j have added is taken off: of what goes between the two only the direction changes.
    there, back = flow[i, j], flow[j, i]
    total += 2 * (there * far[i, j] + back * far[j, i])
    return float(total + (there - back) * (far[j, i] - far[i, j]))


@jit_inline
def _trade(far: Floats, place: Ints, i: int, j: int) -> None:
    """Rows and columns of the distances follow the items."""
    place[i], place[j] = place[j], place[i]
    for k in range(len(far)):
        far[i, k], far[j, k] = far[j, k], far[i, k]
    for k in range(len(far)):
        far[k, i], far[k, j] = far[k, j], far[k, i]


@jit_entry
def tabu(table: Table, place: Ints, best: Ints, tenures: Floats, is_symmetric: bool) -> float:
    """The best trade of all at every step, none back at once (Taillard, 1991); what the cheapest places seen add.

    Args:
        table: Of the places as they are; changed in place.
        place: Place of each item; changed in place.
        best: Gets the cheapest places.
        tenures: Steps for which the two items of each trade are tabu. float64[steps, 2].
        is_symmetric: Whether bytes and distances are the same both ways.
    """
    flow, far, may, gains, until, change = table
    number, cost, least = len(flow), 0.0, 0.0
    for i in range(number):
        best[i] = place[i]
        for j in range(i + 1, number):
            gains[i, j] = _gain(flow, far, i, j, is_symmetric)
    for step in range(len(tenures)):
        a, b, gain = -1, -1, np.inf
        for i in range(number):
            for j in range(i + 1, number):
                if may[i, j] and gains[i, j] < gain:
                    is_back = until[i, place[j]] > step and until[j, place[i]] > step
                    if not is_back or cost + gains[i, j] < least - 1e-12 * abs(least):
                        a, b, gain = i, j, gains[i, j]
        if a < 0:
            break
        until[a, place[a]] = step + tenures[step, 0]
        until[b, place[b]] = step + tenures[step, 1]
        _trade(far, place, a, b)
        cost += gain
        for k in range(number):
            change[0, k], change[1, k] = flow[a, k] - flow[b, k], far[b, k] - far[a, k]
            change[2, k], change[3, k] = flow[k, a] - flow[k, b], far[k, b] - far[k, a]
        out, there, back, home = change[0], change[1], change[2], change[3]
        for i in range(number):
            row = gains[i]
            for j in range(i + 1, number):
                row[j] += (out[i] - out[j]) * (there[i] - there[j]) + (back[i] - back[j]) * (home[i] - home[j])
        for k in range(number):
            if k != a:
                gains[min(a, k), max(a, k)] = _gain(flow, far, min(a, k), max(a, k), is_symmetric)
            if k not in (a, b):
                gains[min(b, k), max(b, k)] = _gain(flow, far, min(b, k), max(b, k), is_symmetric)
        if cost < least - 1e-9 * abs(least) - 1e-300:
            least = cost
            for i in range(number):
                best[i] = place[i]
    return least


@jit_inline
def _length(nets: Nets, spots: Spots, place: Ints, net: int) -> float:
    start, end = nets.first[net], nets.first[net + 1]
    if len(spots.between) > 0:
        return float(nets.per_hop[net] * spots.between[place[nets.ends[start]], place[nets.ends[start + 1]]])
    top, bottom, left, right = nets.fixed[net, 0], nets.fixed[net, 1], nets.fixed[net, 2], nets.fixed[net, 3]
    side = np.inf
    for at in range(start, end):
        spot = place[nets.ends[at]]
        row, col = spots.middle[spot, 0], spots.middle[spot, 1]
        top, bottom, left, right = min(top, row), max(bottom, row), min(left, col), max(right, col)
        side = min(side, spots.middle[spot, 2])
    return float(nets.per_hop[net] * (bottom - top + right - left) + nets.per_side[net] / side)


@jit_entry
def anneal_trades(nets: Nets, spots: Spots, seats: Seats, moves: Moves) -> None:
    """An item goes near a partner, or anywhere, and what is there takes its place.

    Args:
        nets: What joins the items.
        spots: Where they may be.
        seats: Where they are; changed in place.
        moves: Four numbers each.
    """
    place, tenant, costs, alike = seats.place, seats.tenant, seats.costs, spots.alike
    first_of, numbers, rises = nets.first_of, moves.numbers, moves.rises
    items = len(place)
    for step in range(len(numbers)):
        rises[step] = np.inf
        x, y, z, u = numbers[step, 0], numbers[step, 1], numbers[step, 2], numbers[step, 3]
        a = int(x * items)
        if alike[a] < 0:
            continue
        b = int(y * items)
        count = first_of[a + 1] - first_of[a]
        if u < 0.8 and count > 0:
            net = nets.of_item[first_of[a] + int(y * count)]
            partner = nets.ends[nets.first[net] + int(z * (nets.first[net + 1] - nets.first[net]))]
            spot = spots.near[place[partner], int(u / 0.8 * spots.near.shape[1])]
            b = tenant[spot]
        if a == b or alike[a] != alike[b]:
            continue
        rise = 0.0
        for trade in range(2):
            for item in (a, b):
                for at in range(first_of[item], first_of[item + 1]):
                    cost = _length(nets, spots, place, nets.of_item[at])
                    rise += cost if trade == 1 else -cost
            place[a], place[b] = place[b], place[a]
        rises[step] = rise
        if rise <= moves.limits[step]:
            place[a], place[b] = place[b], place[a]
            tenant[place[a]], tenant[place[b]] = a, b
            costs[0] += rise
            if costs[0] < costs[1] * (1 - 1e-12):
                costs[1] = costs[0]
                for item in range(items):
                    seats.best[item] = place[item]
