"""What a placement is: rectangles of tiles for groups that exchange bytes, found by one of several placers.

The problem knows no transformer: items want a number of tiles, wires carry bytes between items.  A placer gives the
order in which items are laid on shelves (:mod:`accelsim.mapping.placement.shelves`), or cuts of the grid; both are
always legal: no overlap, nothing outside the grid, every item at least as many tiles as it needs.  All placers are
compared on one cost: estimated time, or bytes x hops, hops being the distance between the middles of two rectangles,
raised for long rectangles, on which kernels lose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.network.noc import Rectangle
from accelsim.registry import Registry

#: Mean aspect of rectangles up to which kernels are taken to lose nothing.
MEAN_ASPECT = 1.5
#: A layout costs this share more per share by which one of its sides is too long.
LONG = 5.0

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Item:
    """What gets a rectangle.

    Attributes:
        name: Name in messages and files.
        tiles: Tiles wanted, > 0.
        least_tiles: Fewest tiles it can live with.
    """

    name: str
    tiles: int
    least_tiles: int = 1


@dataclass(frozen=True, slots=True)
class ItemWire:
    """Bytes between two items, in either direction."""

    a: int
    b: int
    nbytes: float


@dataclass(frozen=True, slots=True)
class Net:
    """Bytes that reach several items and fixed points along one tree, as long as half the perimeter of their box.

    Attributes:
        members: Items it reaches.
        nbytes: What it carries.
        points: Row and column of what does not move: ports, pads, a neighbour on another chip.
    """

    members: tuple[int, ...]
    nbytes: float
    points: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True)
class Constraints:
    """What a placement must respect.

    Attributes:
        pinned: Rectangle of an item, by index: it is exactly there.
        forbidden: Rectangles of the grid that no item may touch (dead tiles, spare rows, I/O).
        together: Sets of items, by index, each in one rectangle of its own.
        fenced: Such sets whose rectangle is given.

    Placers see pins and forbidden rectangles only; :mod:`accelsim.mapping.placement.arrange` turns sets into items.
    """

    pinned: Mapping[int, Rectangle] = field(default_factory=dict)
    forbidden: tuple[Rectangle, ...] = ()
    together: tuple[tuple[int, ...], ...] = ()
    fenced: Mapping[tuple[int, ...], Rectangle] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be respected."""
        return not (self.pinned or self.forbidden or self.together or self.fenced)


@dataclass(frozen=True, eq=False)
class Timing:
    """What makes a layout fast: the estimated time of one unit, and the pace of those behind it.

    ``sum of transfers + total x sum of items + slowest x the slowest of both``; a transfer takes its hops, and its
    bytes over as many links side by side as the shortest side of its ends has.

    Attributes:
        kinds: Number of each item's kind; items of one kind take the same time on the same sides.
        item_s: Times of a kind on as many rows and columns each. float64[n].
        lacks: Share of the memory that a kind lacks there, 0 where it fits. float64[n].
        transfers: What one unit sends.
        hop_s: Time of a hop.
        byte_s: Time of a byte on one link.
        total: Weight of the sum of items.
        slowest: Weight of the slowest.
        is_stepped: Whether times jump from one side to the next, so that every side is asked for.
    """

    kinds: tuple[int, ...]
    item_s: Callable[[int, IntArray, IntArray], FloatArray]
    lacks: Callable[[int, IntArray, IntArray], FloatArray]
    transfers: tuple[Net, ...]
    hop_s: float
    byte_s: float
    total: float = 1.0
    slowest: float = 0.0
    is_stepped: bool = False

    def seconds(self, rectangles: Sequence[Rectangle]) -> float:
        """The time of a layout; infinite where an item does not fit."""
        if any(self._ask(self.lacks, rectangles)):
            return math.inf
        times, sent = self.times(rectangles), [self._transfer_s(net, rectangles) for net in self.transfers]
        return sum(sent) + self.total * sum(times) + self.slowest * max(times + sent)

    def _transfer_s(self, net: Net, rectangles: Sequence[Rectangle]) -> float:
        side = min(min(rectangles[item].rows, rectangles[item].cols) for item in net.members)
        return half_perimeter(net, rectangles) * self.hop_s + net.nbytes * self.byte_s / side

    def times(self, rectangles: Sequence[Rectangle]) -> list[float]:
        """Time of each item."""
        return self._ask(self.item_s, rectangles)

    def _ask(
        self, what: Callable[[int, IntArray, IntArray], FloatArray], rectangles: Sequence[Rectangle]
    ) -> list[float]:
        sides = ((kind, np.array([r.rows]), np.array([r.cols])) for kind, r in zip(self.kinds, rectangles, strict=True))
        return [float(what(*one)[0]) for one in sides]


@dataclass(frozen=True)
class PlacementProblem:
    """Items to be put on a grid.

    Attributes:
        grid: Rows and columns of tiles.
        items: In model order.
        wires: Who talks to whom.
        constraints: Pins and forbidden rectangles.
        nets: What reaches more than two ends, or something that does not move.
        timing: Makes the estimated time least instead of bytes x hops.
        between: Distance of every two tiles, numbered row by row, instead of rows and columns; all items then have one
            tile. float64[tiles, tiles].
        most_aspect: Longest side over shortest that every item may have; None: their mean may be
            :data:`MEAN_ASPECT`.
    """

    grid: tuple[int, int]
    items: tuple[Item, ...]
    wires: tuple[ItemWire, ...]
    constraints: Constraints = field(default_factory=Constraints)
    nets: tuple[Net, ...] = ()
    timing: Timing | None = field(default=None, compare=False)
    between: FloatArray | None = field(default=None, compare=False)
    most_aspect: float | None = None

    @property
    def ends(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Items and bytes of all wires as arrays."""
        a = np.array([wire.a for wire in self.wires], dtype=np.int64)
        b = np.array([wire.b for wire in self.wires], dtype=np.int64)
        return a, b, np.array([wire.nbytes for wire in self.wires], dtype=np.float64)

    def cost(self, rectangles: Sequence[Rectangle]) -> float:
        """What placers compare: the estimated time, or bytes x hops, raised where rectangles are too long.

        By as much as the mean aspect exceeds :data:`MEAN_ASPECT`, or each the one that is allowed.
        """
        if self.timing is not None:
            return self.timing.seconds(rectangles)
        length = self.byte_hops(rectangles)
        if self.most_aspect is None:
            return length * max(1.0, mean_aspect(rectangles) / MEAN_ASPECT)
        return length * (1 + LONG * sum(max(0.0, aspect(r) / self.most_aspect - 1) for r in rectangles))

    def byte_hops(self, rectangles: Sequence[Rectangle]) -> float:
        """Bytes times the distance of the middles, in tiles, or by ``between``; of nets half the perimeter."""
        a, b, nbytes = self.ends
        if self.between is not None:
            tile = np.array([r.row * self.grid[1] + r.col for r in rectangles])
            return float(nbytes @ self.between[tile[a], tile[b]])
        row, col = middles(rectangles)
        wires = float((nbytes * (np.abs(row[a] - row[b]) + np.abs(col[a] - col[b]))).sum())
        return wires + sum(net.nbytes * half_perimeter(net, rectangles) for net in self.nets)


class Placer(Protocol):
    """Finds rectangles for the items of a problem."""

    def __call__(self, problem: PlacementProblem, rng: np.random.Generator, budget: int) -> tuple[Rectangle, ...]:
        """A rectangle for each item.

        Args:
            problem: Items, wires, constraints.
            rng: Only source of randomness.
            budget: Evaluations of the cost that may be spent.

        Raises:
            PlacementError: The items cannot be laid on the grid.
        """
        ...


PLACERS: Registry[Placer] = Registry("placer", "accelsim.mapping.placement")
register_placer = PLACERS.register

#: A placer whose name ends so is a placement file.
PLACEMENT_SUFFIXES = (".yaml", ".yml", ".json")


def check_placer(name: str | None) -> None:
    """Refuse a placer, or a placement file, that does not exist before the work that leads up to it.

    Raises:
        ConfigError: There is none of that name.
    """
    if name is None:
        return
    if not name.endswith(PLACEMENT_SUFFIXES):
        PLACERS.get(name)
    elif not Path(name).is_file():
        raise ConfigError(f"{name}: no such file. Write one with accelsim place --save.")


def mean_aspect(rectangles: Sequence[Rectangle]) -> float:
    """Mean of the longer side over the shorter one."""
    return float(np.mean([aspect(r) for r in rectangles]))


def aspect(rectangle: Rectangle) -> float:
    """Longer side over the shorter one."""
    return max(rectangle.rows / rectangle.cols, rectangle.cols / rectangle.rows)


def half_perimeter(net: Net, rectangles: Sequence[Rectangle]) -> float:
    """Rows and columns of the box around the middles of a net's items and its fixed points."""
    middles = [(r.row + r.rows / 2, r.col + r.cols / 2) for r in (rectangles[item] for item in net.members)]
    rows, cols = zip(*middles, *net.points, strict=True)
    return float(max(rows) - min(rows) + max(cols) - min(cols))


def middles(rectangles: Sequence[Rectangle]) -> tuple[FloatArray, FloatArray]:
    """Row and column of the middle of each rectangle."""
    row = np.array([r.row + r.rows / 2 for r in rectangles], dtype=np.float64)
    col = np.array([r.col + r.cols / 2 for r in rectangles], dtype=np.float64)
    return row, col


def too_tight(problem: PlacementProblem) -> str:
    """Why no layout exists."""
    least = sum(item.least_tiles for item in problem.items)
    rows, cols = problem.grid
    return (
        f"{len(problem.items)} items that need {least} tiles cannot be cut from {rows}x{cols} as rectangles. "
        "Give them fewer tiles, or use a larger grid; around many dead tiles, spare rows or columns (chip.spare_cols) "
        "or links past them (chip.bypass)."
    )
