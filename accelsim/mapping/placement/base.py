"""What a placement is: rectangles of tiles for groups that exchange bytes, found by one of several placers.

The problem knows no transformer: items want a number of tiles, wires carry bytes between items.  A placer gives the
order in which items are laid on shelves (:mod:`accelsim.mapping.placement.shelves`), which is always legal: no
overlap, nothing outside the grid, every item at least as many tiles as it needs.  All placers are compared on one
cost: bytes x hops, hops being the distance between the middles of two rectangles, raised for long rectangles, on which
kernels lose.
"""

from __future__ import annotations

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


@dataclass(frozen=True)
class PlacementProblem:
    """Items to be put on a grid.

    Attributes:
        grid: Rows and columns of tiles.
        items: In model order.
        wires: Who talks to whom.
        constraints: Pins and forbidden rectangles.
        seconds: Estimated time of a layout, where that is to be least instead of bytes x hops.
    """

    grid: tuple[int, int]
    items: tuple[Item, ...]
    wires: tuple[ItemWire, ...]
    constraints: Constraints = field(default_factory=Constraints)
    seconds: Callable[[Sequence[Rectangle]], float] | None = field(default=None, compare=False)

    @property
    def ends(self) -> tuple[IntArray, IntArray, FloatArray]:
        """Items and bytes of all wires as arrays."""
        a = np.array([wire.a for wire in self.wires], dtype=np.int64)
        b = np.array([wire.b for wire in self.wires], dtype=np.int64)
        return a, b, np.array([wire.nbytes for wire in self.wires], dtype=np.float64)

    def cost(self, rectangles: Sequence[Rectangle]) -> float:
        """What placers compare: bytes x hops, raised by as much as the mean aspect exceeds :data:`MEAN_ASPECT`.

        Or the estimated seconds.  Annealing still moves by bytes x hops and judges what it arrives at by seconds.
        """
        if self.seconds is not None:
            return self.seconds(rectangles)
        return self.byte_hops(rectangles) * max(1.0, mean_aspect(rectangles) / MEAN_ASPECT)

    def byte_hops(self, rectangles: Sequence[Rectangle]) -> float:
        """Bytes times the distance of the middles, in tiles."""
        a, b, nbytes = self.ends
        row, col = middles(rectangles)
        return float((nbytes * (np.abs(row[a] - row[b]) + np.abs(col[a] - col[b]))).sum())


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
    return float(np.mean([max(r.rows / r.cols, r.cols / r.rows) for r in rectangles]))


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
