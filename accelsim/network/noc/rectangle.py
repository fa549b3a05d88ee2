"""Activations from the cores of one rectangle to those of another, evenly spread over both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError, PlacementError, ShapeError
from accelsim.network.noc.mesh import FloatArray, IntArray

if TYPE_CHECKING:
    from accelsim.network.noc.coarse import CoarseMesh, MeshFlows

#: How the data that one core holds lies over the cores of the other rectangle.
Layout = Literal["aligned", "scattered"]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle of a chip's cores.

    Attributes:
        row: First row.
        col: First column.
        rows: Rows.
        cols: Columns.

    Raises:
        ShapeError: It has no cores or starts before the first one.
    """

    row: int
    col: int
    rows: int
    cols: int

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1 or self.row < 0 or self.col < 0:
            raise ShapeError(f"{self}: sides must be at least 1 and the corner at least (0, 0).")

    @property
    def num_cores(self) -> int:
        """Cores in the rectangle."""
        return self.rows * self.cols

    def __str__(self) -> str:
        return f"rectangle {self.rows}x{self.cols} at ({self.row}, {self.col})"


def largest_rectangle(works: npt.NDArray[np.bool_]) -> Rectangle:
    """The rectangle with most cores of those that work; the first of several.

    Each row is the lower edge of columns of cores that work: the widest strip under each height is what lies between
    the nearest lower columns on either side, found with a stack.

    Args:
        works: Which cores work. bool[rows, cols].

    Raises:
        ShapeError: None does.
    """
    best = (0, 0, 0, 0)  # cores, - row, - col, rows
    heights = np.zeros(works.shape[1] + 1, dtype=np.int64)  # a column of none ends each row
    for bottom, row in enumerate(works):
        heights[:-1] = np.where(row, heights[:-1] + 1, 0)
        rising: list[tuple[int, int]] = []  # first column and height of strips that go on
        for col, height in enumerate(heights.tolist()):
            first = col
            while rising and rising[-1][1] >= height:
                first, high = rising.pop()
                best = max(best, (high * (col - first), high - bottom - 1, -first, high))
            rising.append((first, height))
    cores, row_up, col_left, high = best
    if not cores:
        raise ShapeError("largest_rectangle: no core works.")
    return Rectangle(-row_up, -col_left, high, cores // high)


def rect_to_rect_transfer(
    mesh: CoarseMesh, producer: Rectangle, consumer: Rectangle, nbytes: float, layout: Layout = "aligned"
) -> FloatArray:
    """Bytes on each coarse link when ``producer`` hands ``nbytes`` to ``consumer``. float64[num_links].

    Every core of the producer sends ``nbytes / producer.num_cores``, every core of the consumer receives
    ``nbytes / consumer.num_cores``. Routes go along the row first, then along the column. ``aligned``: both hold the
    tensor cut in the same order, so the upper left part goes to the upper left part (fewest bytes x hops that this
    spread allows). ``scattered``: every core of the producer sends to every core of the consumer, as when the tensor
    is transposed or cut along other axes.

    Rows and columns are independent, so the load of a link is a product of a share of one and a flow of the other:
    cost is the number of links, without listing pairs of cores. Not modelled: what moves inside one block.

    Args:
        mesh: Links between blocks of cores.
        producer: Cores that hold the tensor.
        consumer: Cores that want it.
        nbytes: Size of the whole tensor.
        layout: ``aligned`` or ``scattered``.

    Raises:
        PlacementError: A rectangle leaves the grid of cores.
        ConfigError: Unknown layout.
    """
    (p_row, p_col), (q_row, q_col) = _both_shares(mesh, producer, consumer, layout)
    east, west = _crossings(p_col, q_col, layout)
    south, north = _crossings(p_row, q_row, layout)
    parts = (np.outer(p_row, east), np.outer(p_row, west), np.outer(south, q_col), np.outer(north, q_col))
    return np.concatenate([part.ravel() for part in parts]) * nbytes


def rect_to_rect_flows(
    mesh: CoarseMesh, producer: Rectangle, consumer: Rectangle, nbytes: int, layout: Layout = "aligned"
) -> MeshFlows:
    """The same transfer as flows from block to block, for the engine: whole bytes that sum to ``nbytes``.

    ``aligned`` gives about as many flows as the larger rectangle has blocks, ``scattered`` the product of both. Flows
    inside one block are in the list, with an empty route.

    Arguments and errors are those of :func:`rect_to_rect_transfer`.
    """
    from accelsim.network.noc.coarse import MeshFlows

    (p_row, p_col), (q_row, q_col) = _both_shares(mesh, producer, consumer, layout)
    row0, row1, row_share = _coupling(p_row, q_row, layout)
    col0, col1, col_share = _coupling(p_col, q_col, layout)
    src = mesh.grid.node(row0[:, None], col0[None, :]).ravel()
    dst = mesh.grid.node(row1[:, None], col1[None, :]).ravel()
    whole = _whole(row_share, col_share, nbytes)
    some = whole > 0
    return MeshFlows(src[some], dst[some], whole[some])


def rect_to_rects_flows(
    mesh: CoarseMesh, producer: Rectangle, consumers: Sequence[Rectangle], nbytes: int
) -> tuple[MeshFlows, ...]:
    """One tensor to several rectangles, ``aligned``: flow ``i`` of each carries the same bytes from the same block.

    So the routes of flow ``i`` are the branches of one multicast tree.  The tensor is cut finely enough that each
    piece lies in one block of the producer and of every consumer.

    Args:
        mesh: Links between blocks of cores.
        producer: Cores that hold the tensor.
        consumers: Cores that want it, each rectangle all of it.
        nbytes: Size of the whole tensor.

    Raises:
        PlacementError: A rectangle leaves the grid of cores.
    """
    from accelsim.network.noc.coarse import MeshFlows

    rows, cols = zip(*(_shares(mesh, rectangle) for rectangle in (producer, *consumers)), strict=True)
    row_at, row_share = _pieces(rows)
    col_at, col_share = _pieces(cols)
    whole = _whole(row_share, col_share, nbytes)
    some = whole > 0
    nodes = [mesh.grid.node(r[:, None], c[None, :]).ravel()[some] for r, c in zip(row_at, col_at, strict=True)]
    return tuple(MeshFlows(nodes[0], node, whole[some]) for node in nodes[1:])


def _whole(row_share: FloatArray, col_share: FloatArray, nbytes: int) -> IntArray:
    """Whole bytes of every pair of a row's and a column's share, which sum to ``nbytes``."""
    # Rounding the running sum keeps the total and puts no flow off by more than a byte.
    ends = np.rint(np.cumsum(np.outer(row_share, col_share).ravel()) * nbytes).astype(np.int64)
    ends[-1] = nbytes
    return np.diff(ends, prepend=0)


def _both_shares(
    mesh: CoarseMesh, producer: Rectangle, consumer: Rectangle, layout: Layout
) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Shares of rows and columns of two rectangles, with a layout that there is."""
    _check_layout(layout)
    return _shares(mesh, producer), _shares(mesh, consumer)


def _shares(mesh: CoarseMesh, rectangle: Rectangle) -> tuple[FloatArray, FloatArray]:
    """Part of the rectangle's rows in each row of blocks, and of its columns in each column of blocks."""
    rows, cols = mesh.core_grid
    if rectangle.row + rectangle.rows > rows or rectangle.col + rectangle.cols > cols:
        raise PlacementError(f"{rectangle} leaves the {rows}x{cols} cores of {mesh.name}. Move or shrink it.")
    return (
        _overlap(mesh.row_edges, rectangle.row, rectangle.rows),
        _overlap(mesh.col_edges, rectangle.col, rectangle.cols),
    )


def _overlap(edges: IntArray, start: int, extent: int) -> FloatArray:
    inside = np.clip(edges, start, start + extent)
    return np.asarray(np.diff(inside) / extent, dtype=np.float64)


def _crossings(p: FloatArray, q: FloatArray, layout: Layout) -> tuple[FloatArray, FloatArray]:
    """Share of the data that crosses each boundary of one dimension, upwards and downwards, from spread p to q."""
    before_p, before_q = np.cumsum(p)[:-1], np.cumsum(q)[:-1]
    if layout == "scattered":
        return before_p * (1 - before_q), (1 - before_p) * before_q
    return np.maximum(before_p - before_q, 0.0), np.maximum(before_q - before_p, 0.0)


def _coupling(p: FloatArray, q: FloatArray, layout: Layout) -> tuple[IntArray, IntArray, FloatArray]:
    """Pairs of places of one dimension that exchange data, and the share of each pair."""
    if layout == "scattered":
        at_p, at_q = np.flatnonzero(p), np.flatnonzero(q)
        return np.repeat(at_p, at_q.size), np.tile(at_q, at_p.size), np.outer(p[at_p], q[at_q]).ravel()
    (at_p, at_q), share = _pieces((p, q))
    return at_p, at_q, share


def _pieces(spreads: Sequence[FloatArray]) -> tuple[list[IntArray], FloatArray]:
    """Data spread in several ways, cut at the union of their cuts: the place of each piece in each, and its share."""
    ends = [np.cumsum(spread) for spread in spreads]
    cuts = np.unique(np.concatenate([np.zeros(1), *ends]))
    pieces, middle = np.diff(cuts), (cuts[1:] + cuts[:-1]) / 2
    real = pieces > 1e-12  # running sums may differ in their last digit
    pieces, middle = pieces[real], middle[real]
    return [np.searchsorted(end, middle) for end in ends], pieces / pieces.sum()


def _check_layout(layout: str) -> None:
    if layout not in ("aligned", "scattered"):
        raise ConfigError(f"unknown layout {layout!r}. Known: aligned, scattered.")
