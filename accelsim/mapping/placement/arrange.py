"""Any placer under any constraints: what a placer need not know is taken off the problem before it is asked.

* Spare rows and columns, and whatever else is forbidden over a whole side of the grid, are cut off.
* Groups that lie together become one item; when it has its rectangle they are placed inside it, by the same placer, and
  what they exchange with others pulls towards where these are.
* Pins and other forbidden rectangles are left to the placer (:mod:`accelsim.mapping.placement.around`), and whether it
  kept to them is checked, so that a placer of another package cannot break them unseen.

Not modelled: the time of a layout of sets, which are laid out by bytes x hops until their members are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from accelsim.errors import PlacementError
from accelsim.mapping.placement.around import check_constraints, overlaps
from accelsim.mapping.placement.base import Constraints, Item, ItemWire, Net, PlacementProblem, Placer
from accelsim.network.noc import Rectangle

#: Room given to groups that lie together, as a multiple of their tiles, until cutting them out of it works.
ROOM = (1.02, 1.1, 1.25, 1.5, 2.0)


def arrange(problem: PlacementProblem, placer: Placer, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
    """A rectangle for each item that keeps every constraint.

    Args:
        problem: Items, wires, the grid and what is asked of the placement.
        placer: Places what is left when constraints are taken off, at least once.
        rng: Handed to the placer.
        budget: Evaluations of each call of the placer.

    Raises:
        PlacementError: Constraints contradict each other, nothing fits, or the placer broke a constraint.
    """
    if problem.constraints.is_empty:
        return placer(problem, rng, budget)
    check_constraints(problem)
    refused: PlacementError | None = None
    for room in ROOM:
        merged = _merge(problem, room)
        try:
            outer = _place_trimmed(merged.problem, placer, rng, budget)
            rectangles = _place_sets(problem, merged, outer, placer, rng, budget)
        except PlacementError as error:
            refused = error
            if not merged.sets:
                break
            continue
        check_kept(problem, rectangles)
        return rectangles
    assert refused is not None
    raise refused


@dataclass(frozen=True)
class _Merged:
    """A problem whose sets are single items.

    Attributes:
        problem: Items that stand alone, then one per set.
        alone: Item of the whole problem that each of the first items is.
        sets: Items of the whole problem in each set.
    """

    problem: PlacementProblem
    alone: tuple[int, ...]
    sets: tuple[tuple[int, ...], ...]


def _merge(problem: PlacementProblem, room: float) -> _Merged:
    """Sets as single items that want the tiles of their members; wires and nets end at the set."""
    given = problem.constraints
    sets = (*given.fenced, *given.together)
    if not sets:
        return _Merged(problem, tuple(range(len(problem.items))), ())
    inside = {member for members in sets for member in members}
    order = sorted([(i, (i,)) for i in range(len(problem.items)) if i not in inside] + [(m[0], m) for m in sets])
    place = {member: at for at, (_, members) in enumerate(order) for member in members}
    items = tuple(
        problem.items[members[0]] if len(members) == 1 and members not in sets else _together(problem, members, room)
        for _, members in order
    )
    wires = tuple(
        ItemWire(place[wire.a], place[wire.b], wire.nbytes) for wire in problem.wires if place[wire.a] != place[wire.b]
    )
    pinned = {place[item]: r for item, r in given.pinned.items()}
    pinned |= {place[members[0]]: r for members, r in given.fenced.items()}
    alone = tuple(members[0] for _, members in order)
    nets = tuple(replace(net, members=tuple(dict.fromkeys(place[i] for i in net.members))) for net in problem.nets)
    merged = PlacementProblem(problem.grid, items, wires, Constraints(pinned, given.forbidden), nets)
    return _Merged(merged, alone, tuple(members for _, members in order if members in sets))


def _together(problem: PlacementProblem, members: Sequence[int], room: float) -> Item:
    items = [problem.items[i] for i in members]
    wanted, least = sum(item.tiles for item in items), sum(item.least_tiles for item in items)
    name = f"{items[0].name} ... {items[-1].name}"
    return Item(name, max(wanted, math.ceil(least * room)), math.ceil(least * room))


def _place_trimmed(
    problem: PlacementProblem, placer: Placer, rng: np.random.Generator, budget: int
) -> tuple[Rectangle, ...]:
    """Placed on the part of the grid that is left when whole sides are forbidden."""
    window = _window(problem)
    inner = _seen_from(window, problem.constraints.forbidden)
    pinned = {item: _moved(r, -window.row, -window.col) for item, r in problem.constraints.pinned.items()}
    grid = window.rows, window.cols
    seen = _shifted(problem, window.row, window.col)
    found = placer(replace(seen, grid=grid, constraints=Constraints(pinned, inner)), rng, budget)
    return tuple(_moved(rectangle, window.row, window.col) for rectangle in found)


def _window(problem: PlacementProblem) -> Rectangle:
    """The grid without forbidden rectangles that span a side of it."""
    top, left, bottom, right = 0, 0, *problem.grid
    pending = list(problem.constraints.forbidden)
    while True:
        kept = []
        for r in pending:
            spans_cols = r.col <= left and r.col + r.cols >= right
            spans_rows = r.row <= top and r.row + r.rows >= bottom
            if spans_cols and r.row <= top:
                top = max(top, r.row + r.rows)
            elif spans_cols and r.row + r.rows >= bottom:
                bottom = min(bottom, r.row)
            elif spans_rows and r.col <= left:
                left = max(left, r.col + r.cols)
            elif spans_rows and r.col + r.cols >= right:
                right = min(right, r.col)
            else:
                kept.append(r)
        if top >= bottom or left >= right:
            rows, cols = problem.grid
            raise PlacementError(f"constraints: every tile of the grid of {rows}x{cols} is forbidden. Forbid fewer.")
        if len(kept) == len(pending):
            return Rectangle(top, left, bottom - top, right - left)
        pending = kept


def _seen_from(window: Rectangle, rectangles: Sequence[Rectangle]) -> tuple[Rectangle, ...]:
    """The parts of ``rectangles`` inside ``window``, with its corner as (0, 0)."""
    found = []
    for r in rectangles:
        if overlaps(r, window):
            row, col = max(r.row, window.row), max(r.col, window.col)
            rows = min(r.row + r.rows, window.row + window.rows) - row
            cols = min(r.col + r.cols, window.col + window.cols) - col
            found.append(Rectangle(row - window.row, col - window.col, rows, cols))
    return tuple(found)


def _place_sets(
    problem: PlacementProblem,
    merged: _Merged,
    outer: Sequence[Rectangle],
    placer: Placer,
    rng: np.random.Generator,
    budget: int,
) -> tuple[Rectangle, ...]:
    """Rectangles of the whole problem: those of single items, and of each set's members inside its rectangle."""
    first = {members[0]: members for members in merged.sets}
    spots = {item: r for item, r in zip(merged.alone, outer, strict=True)}
    spots |= {member: spots[members[0]] for members in merged.sets for member in members}
    found: dict[int, Rectangle] = {}
    for item, rectangle in zip(merged.alone, outer, strict=True):
        if item not in first:
            found[item] = rectangle
            continue
        members = first[item]
        place = {member: at for at, member in enumerate(members)}
        inside = PlacementProblem(
            (rectangle.rows, rectangle.cols),
            tuple(problem.items[member] for member in members),
            tuple(ItemWire(place[w.a], place[w.b], w.nbytes) for w in problem.wires if w.a in place and w.b in place),
            Constraints(forbidden=_seen_from(rectangle, problem.constraints.forbidden)),
            _outward(problem, place, spots),
        )
        parts = _place_trimmed(_shifted(inside, rectangle.row, rectangle.col), placer, rng, budget)
        found |= {member: _moved(parts[at], rectangle.row, rectangle.col) for member, at in place.items()}
    return tuple(found[item] for item in range(len(problem.items)))


def _outward(problem: PlacementProblem, place: Mapping[int, int], spots: Mapping[int, Rectangle]) -> tuple[Net, ...]:
    """What joins the items of ``place`` to others, which stay where they are, and all nets among them."""
    wires = [Net((wire.a, wire.b), wire.nbytes) for wire in problem.wires if (wire.a in place) != (wire.b in place)]
    found = []
    for net in (*wires, *problem.nets):
        inside = tuple(place[item] for item in net.members if item in place)
        others = [spots[item] for item in net.members if item not in place]
        points = ((r.row + r.rows / 2, r.col + r.cols / 2) for r in others)
        if inside:
            found.append(Net(inside, net.nbytes, (*net.points, *points)))
    return tuple(found)


def _shifted(problem: PlacementProblem, rows: int, cols: int) -> PlacementProblem:
    """Fixed points as seen from a window that begins at a row and a column."""
    timing = problem.timing
    if timing is not None:
        timing = replace(timing, transfers=_from(timing.transfers, rows, cols))
    return replace(problem, nets=_from(problem.nets, rows, cols), timing=timing)


def _from(nets: Sequence[Net], rows: int, cols: int) -> tuple[Net, ...]:
    return tuple(replace(net, points=tuple((row - rows, col - cols) for row, col in net.points)) for net in nets)


def _moved(rectangle: Rectangle, rows: int, cols: int) -> Rectangle:
    return Rectangle(rectangle.row + rows, rectangle.col + cols, rectangle.rows, rectangle.cols)


def check_kept(problem: PlacementProblem, rectangles: Sequence[Rectangle]) -> None:
    """Refuse rectangles that break a pin or touch a forbidden tile, whoever made them.

    Args:
        problem: What was asked for.
        rectangles: One per item, in the order of the problem.

    Raises:
        PlacementError: One does.
    """
    given = problem.constraints
    for item, pin in given.pinned.items():
        if rectangles[item] != pin:
            raise PlacementError(
                f"{problem.items[item].name} is pinned to {pin} and was placed on {rectangles[item]}. Move it back."
            )
    dead = np.zeros(problem.grid, dtype=bool)
    for r in given.forbidden:
        dead[r.row : r.row + r.rows, r.col : r.col + r.cols] = True
    for one, r in zip(problem.items, rectangles, strict=True):
        if dead[r.row : r.row + r.rows, r.col : r.col + r.cols].any():
            raise PlacementError(f"{one.name} was placed on {r}, of which a tile is forbidden or dead. Move it.")
