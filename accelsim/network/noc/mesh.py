"""A two-dimensional mesh: how its links are numbered, and dimension-order routes over them, by numpy only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from accelsim.engine.names import SpelledNames
from accelsim.errors import RoutingError, ShapeError

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MeshGrid:
    """Nodes in rows and columns, a link each way between neighbours.

    Node ``(row, col)`` has the number ``row * cols + col``. Links are numbered direction by direction, so that all
    routes and loads are arithmetic: first those that lead east (to the next column), then west, south (to the next
    row) and north; within a direction in order of the node at their western or northern end.

    Attributes:
        rows: Rows of nodes.
        cols: Columns of nodes.

    Raises:
        ShapeError: A side is not positive.
    """

    rows: int
    cols: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ShapeError(f"mesh: {self.rows}x{self.cols} has no nodes. Both sides must be at least 1.")

    @property
    def num_nodes(self) -> int:
        """Nodes of the mesh."""
        return self.rows * self.cols

    @property
    def num_eastward(self) -> int:
        """Links that lead east; as many lead west."""
        return self.rows * (self.cols - 1)

    @property
    def num_southward(self) -> int:
        """Links that lead south; as many lead north."""
        return (self.rows - 1) * self.cols

    @property
    def num_links(self) -> int:
        """Directed links."""
        return 2 * (self.num_eastward + self.num_southward)

    @property
    def first_link(self) -> tuple[int, int, int, int]:
        """Number of the first link that leads east, west, south and north."""
        across, down = self.num_eastward, self.num_southward
        return 0, across, 2 * across, 2 * across + down

    def node(self, row: npt.ArrayLike, col: npt.ArrayLike) -> IntArray:
        """Numbers of the nodes at ``(row, col)``.

        Args:
            row: Row of the grid, a number or an array.
            col: Column of the grid, likewise.
        """
        return np.asarray(row, dtype=np.int64) * self.cols + np.asarray(col, dtype=np.int64)

    def reversed_links(self, links: npt.ArrayLike) -> IntArray:
        """For each link the one that leads the other way between the same nodes."""
        link = np.asarray(links, dtype=np.int64)
        _, west, south, north = self.first_link
        shift = np.select([link < west, link < south, link < north], [west, -west, north - south], south - north)
        return np.asarray(link + shift, dtype=np.int64)

    @cached_property
    def ends(self) -> tuple[IntArray, IntArray]:
        """Node that each link leaves and node it enters. Two int64[num_links]."""
        index = np.arange(self.num_nodes).reshape(self.rows, self.cols)
        west, east = index[:, :-1].ravel(), index[:, 1:].ravel()
        north, south = index[:-1].ravel(), index[1:].ravel()
        return np.concatenate([west, east, north, south]), np.concatenate([east, west, south, north])

    def link_name(self, link: int) -> str:
        """``noc(3,4)->(3,5)``, in (row, column)."""
        _, west, south, north = self.first_link
        if link < south:
            row, col = divmod(link % west, self.cols - 1)
            here, there = (row, col), (row, col + 1)
        else:
            row, col = divmod((link - south) % (north - south), self.cols)
            here, there = (row, col), (row + 1, col)
        if west <= link < south or link >= north:
            here, there = there, here
        return f"noc({here[0]},{here[1]})->({there[0]},{there[1]})"

    @property
    def link_names(self) -> MeshLinkNames:
        """Names of all links, spelled only when asked for."""
        return MeshLinkNames(self)


@dataclass(frozen=True)
class MeshLinkNames(SpelledNames):
    """Names of a mesh's links.

    Attributes:
        grid: The mesh.
    """

    grid: MeshGrid

    def __len__(self) -> int:
        return self.grid.num_links

    def spell(self, place: int) -> str:
        """Both ends of the link."""
        return self.grid.link_name(place)


@dataclass(frozen=True, eq=False)
class MeshRoutes:
    """Links of many routes, in order: route ``i`` is ``link[ptr[i]:ptr[i + 1]]``.

    Attributes:
        ptr: Offsets. int64[R+1].
        link: Links. int64[hops of all routes].
    """

    ptr: IntArray
    link: IntArray

    @property
    def hops(self) -> IntArray:
        """Links of each route. int64[R]."""
        return np.diff(self.ptr)

    def __getitem__(self, route: int) -> IntArray:
        return self.link[self.ptr[route] : self.ptr[route + 1]]

    def sum_over(self, per_link: FloatArray) -> FloatArray:
        """For each route the sum of a quantity of its links. float64[R]."""
        total = np.concatenate([np.zeros(1), np.cumsum(per_link[self.link])])
        return np.asarray(total[self.ptr[1:]] - total[self.ptr[:-1]], dtype=np.float64)


def xy_route_links(grid: MeshGrid, src: npt.ArrayLike, dst: npt.ArrayLike) -> MeshRoutes:
    """Dimension-order routes: along the row to the column of ``dst`` first, then along that column.

    Args:
        grid: The mesh.
        src: Nodes that send. int[R].
        dst: Nodes that receive. int[R].

    Raises:
        RoutingError: A node does not exist.
    """
    row0, col0, row1, col1 = _places(grid, src, dst)
    east, west, south, north = grid.first_link
    across = row0 * (grid.cols - 1) + np.where(col1 > col0, east + col0, west + col0 - 1)
    down = np.where(row1 > row0, south + row0 * grid.cols, north + (row0 - 1) * grid.cols) + col1
    starts = np.stack([across, down], 1).ravel()
    steps = np.stack([np.sign(col1 - col0), np.sign(row1 - row0) * grid.cols], 1).ravel()
    lengths = np.stack([abs(col1 - col0), abs(row1 - row0)], 1).ravel()
    ends = np.cumsum(lengths)
    place = np.arange(ends[-1] if ends.size else 0) - np.repeat(ends - lengths, lengths)
    link = np.repeat(starts, lengths) + place * np.repeat(steps, lengths)
    return MeshRoutes(np.concatenate([np.zeros(1, np.int64), ends[1::2]]), link)


def route_link_bytes(grid: MeshGrid, src: npt.ArrayLike, dst: npt.ArrayLike, nbytes: npt.ArrayLike) -> FloatArray:
    """Bytes (or any rate) that each link carries when ``src[i]`` sends ``nbytes[i]`` to ``dst[i]``. float64[num_links].

    The sum over :func:`xy_route_links` without listing a route: a run along a row adds at its first link and
    subtracts after its last, and a running sum fills in between. Cost: pairs + links, whatever the hops.

    Args:
        grid: Rows and columns of nodes.
        src: Nodes that send. int64[flows].
        dst: Nodes that receive. int64[flows].
        nbytes: What each sends, one number for all or float64[flows].

    Raises:
        RoutingError: A node does not exist.
    """
    row0, col0, row1, col1 = _places(grid, src, dst)
    size = np.broadcast_to(np.asarray(nbytes, dtype=np.float64), row0.shape)
    across = _runs(row0, col0, col1, size, (grid.rows, grid.cols))
    down = _runs(col1, row0, row1, size, (grid.cols, grid.rows))
    return np.concatenate([across[0].ravel(), across[1].ravel(), down[0].T.ravel(), down[1].T.ravel()])


def _runs(
    lane: IntArray, start: IntArray, stop: IntArray, size: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Loads of the links of parallel lanes, upwards and downwards. Two float64[lanes, places - 1]."""
    low, high = lane * shape[1] + np.minimum(start, stop), lane * shape[1] + np.maximum(start, stop)
    loads = []
    for goes in (stop > start, stop < start):
        at = np.concatenate([low[goes], high[goes]])
        change = np.bincount(at, np.concatenate([size[goes], -size[goes]]), shape[0] * shape[1])
        # Rounding may leave a speck below zero where all runs have ended.
        loads.append(np.maximum(np.cumsum(change.reshape(shape), axis=1)[:, :-1], 0.0))
    return loads[0], loads[1]


def _places(grid: MeshGrid, src: npt.ArrayLike, dst: npt.ArrayLike) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Row and column of every sender and receiver."""
    pair = np.broadcast_arrays(np.atleast_1d(np.asarray(src)), np.atleast_1d(np.asarray(dst)))
    nodes = np.stack(pair).astype(np.int64)
    if nodes.size and (nodes.min() < 0 or nodes.max() >= grid.num_nodes):
        bad = int(nodes.min()) if nodes.min() < 0 else int(nodes.max())
        raise RoutingError(f"mesh {grid.rows}x{grid.cols}: no node {bad}. Nodes are 0 to {grid.num_nodes - 1}.")
    rows, cols = np.divmod(nodes, grid.cols)
    return rows[0], cols[0], rows[1], cols[1]
