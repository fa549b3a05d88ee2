"""Multicast and reduction trees of a mesh: every link of the tree carries the data once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import RoutingError
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid, route_link_bytes, xy_route_links


def multicast_links(grid: MeshGrid, src: int, dst: npt.ArrayLike) -> IntArray:
    """Links of the dimension-order tree from one node to many, rising: what the routes to them have together.

    The data runs along the row of ``src`` and turns off into each column that has a receiver. Routers copy it where
    the tree forks, so every link carries it once. Not modelled: limits on the number of trees a router can hold
    (colours, multicast table entries).

    Args:
        grid: The mesh.
        src: Node that sends.
        dst: Nodes that receive. int[N].

    Raises:
        RoutingError: A node does not exist.
    """
    runs = _tree_runs(grid, np.array([src]), np.zeros(np.size(dst), np.int64), np.ravel(np.asarray(dst)))
    return np.sort(xy_route_links(grid, runs.src, runs.dst).link)


def reduction_links(grid: MeshGrid, src: npt.ArrayLike, dst: int) -> IntArray:
    """Links of the tree that adds up what many nodes hold on its way to one: the multicast tree of ``dst`` reversed.

    Data runs along the columns to the row of ``dst``, then along that row; routers or cores add where branches meet.

    Args:
        grid: Rows and columns of nodes.
        src: Nodes that hold a summand. int64[n].
        dst: Node that wants the sum.

    Raises:
        RoutingError: A node does not exist.
    """
    return np.sort(grid.reversed_links(multicast_links(grid, dst, src)))


def multicast_link_bytes(
    grid: MeshGrid, src: npt.ArrayLike, tree: npt.ArrayLike, dst: npt.ArrayLike, nbytes: npt.ArrayLike
) -> FloatArray:
    """Bytes on each link for many multicast trees at once. float64[num_links].

    Args:
        grid: The mesh.
        src: Node that sends in each tree. int[T].
        tree: Tree of each receiver, an index into ``src``. int[N].
        dst: Receivers of all trees. int[N].
        nbytes: Bytes that each tree sends. float[T] or one number.

    Raises:
        RoutingError: A node or a tree does not exist.
    """
    roots = np.atleast_1d(np.asarray(src, dtype=np.int64))
    size = np.broadcast_to(np.asarray(nbytes, dtype=np.float64), roots.shape)
    runs = _tree_runs(grid, roots, np.ravel(np.asarray(tree, dtype=np.int64)), np.ravel(np.asarray(dst)))
    return route_link_bytes(grid, runs.src, runs.dst, size[runs.tree])


def reduction_link_bytes(
    grid: MeshGrid, dst: npt.ArrayLike, tree: npt.ArrayLike, src: npt.ArrayLike, nbytes: npt.ArrayLike
) -> FloatArray:
    """Bytes on each link when the nodes ``src`` of each tree are added up at its ``dst``. float64[num_links].

    Args:
        grid: The mesh.
        dst: Node that receives in each tree. int[T].
        tree: Tree of each sender, an index into ``dst``. int[N].
        src: Senders of all trees. int[N].
        nbytes: Bytes of the sum in each tree; every link of the tree carries that much. float[T] or one number.

    Raises:
        RoutingError: A node or a tree does not exist.
    """
    there = multicast_link_bytes(grid, dst, tree, src, nbytes)
    back = np.empty_like(there)
    back[grid.reversed_links(np.arange(grid.num_links))] = there
    return back


@dataclass(frozen=True, eq=False)
class _Runs:
    """Straight runs that tile the trees, no link twice in one tree."""

    src: IntArray
    dst: IntArray
    tree: IntArray


def _tree_runs(grid: MeshGrid, roots: IntArray, tree: IntArray, dst: IntArray) -> _Runs:
    """Runs of each tree: east and west along the root's row, then south and north in each column with a receiver."""
    dst = dst.astype(np.int64)
    if dst.size and (min(dst.min(), roots.min()) < 0 or max(dst.max(), roots.max()) >= grid.num_nodes):
        raise RoutingError(
            f"mesh {grid.rows}x{grid.cols}: a tree has a node outside 0 to {grid.num_nodes - 1}. Check src and dst."
        )
    if tree.size != dst.size or (tree.size and (tree.min() < 0 or tree.max() >= roots.size)):
        raise RoutingError(f"trees: each receiver needs a tree in 0 to {roots.size - 1}. Check 'tree'.")
    row0, col0 = np.divmod(roots, grid.cols)
    row, col = np.divmod(dst, grid.cols)
    east = _furthest(np.maximum, col0, tree, col)
    west = _furthest(np.minimum, col0, tree, col)
    branch, of_branch = np.unique(tree * grid.cols + col, return_inverse=True)
    owner, column = np.divmod(branch, grid.cols)
    south = _furthest(np.maximum, row0[owner], of_branch, row)
    north = _furthest(np.minimum, row0[owner], of_branch, row)
    fork = grid.node(row0[owner], column)
    every = np.arange(roots.size)
    return _Runs(
        np.concatenate([roots, roots, fork, fork]),
        np.concatenate(
            [grid.node(row0, east), grid.node(row0, west), grid.node(south, column), grid.node(north, column)]
        ),
        np.concatenate([every, every, owner, owner]),
    )


def _furthest(extreme: np.ufunc, start: IntArray, group: IntArray, place: IntArray) -> IntArray:
    """For each group the extreme of its start and its places."""
    reached = start.copy()
    extreme.at(reached, group, place)
    return reached
