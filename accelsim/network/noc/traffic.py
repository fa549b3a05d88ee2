"""Who sends to whom on a mesh: the usual synthetic patterns and any matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError, RoutingError, ShapeError
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid


@dataclass(frozen=True, eq=False)
class Traffic:
    """Flows between nodes of a mesh, as rates at load 1; a load of 0.1 is a tenth of each.

    In the patterns below every node sends one flit per cycle at load 1, so load is flits per node and cycle. Nodes may
    send to themselves: such flits pass their own router.

    Attributes:
        grid: The mesh.
        src: Senders. int64[F].
        dst: Receivers. int64[F].
        rate: Flits per cycle at load 1. float64[F].
    """

    grid: MeshGrid
    src: IntArray
    dst: IntArray
    rate: FloatArray

    @classmethod
    def from_matrix(cls, grid: MeshGrid, matrix: npt.ArrayLike) -> Traffic:
        """Flows from a matrix: row sends to column, flits per cycle at load 1.

        Args:
            grid: Rows and columns of nodes.
            matrix: Flits per cycle. float64[nodes, nodes].

        Raises:
            ShapeError: The matrix does not have a row and a column per node, or has a negative or infinite entry.
        """
        rates = np.asarray(matrix, dtype=np.float64)
        if rates.shape != (grid.num_nodes, grid.num_nodes):
            raise ShapeError(
                f"traffic: matrix {rates.shape} for {grid.num_nodes} nodes. It needs a row and column each."
            )
        if not (np.isfinite(rates) & (rates >= 0)).all():
            raise ShapeError("traffic: every entry of the matrix must be finite and at least 0.")
        src, dst = np.nonzero(rates)
        return cls(grid, src, dst, rates[src, dst])


def uniform(grid: MeshGrid) -> Traffic:
    """Every node to every node alike, itself included."""
    nodes = grid.num_nodes
    return Traffic.from_matrix(grid, np.full((nodes, nodes), 1.0 / nodes))


def transpose(grid: MeshGrid) -> Traffic:
    """``(row, col)`` to ``(col, row)``.

    Raises:
        ShapeError: The mesh is not square.
    """
    if grid.rows != grid.cols:
        raise ShapeError(f"transpose traffic: a {grid.rows}x{grid.cols} mesh has no transpose. Use a square one.")
    row, col = _places(grid)
    return _permutation(grid, grid.node(col, row))


def tornado(grid: MeshGrid) -> Traffic:
    """Almost half way round in both dimensions: ``ceil(extent / 2) - 1`` places on, past the end from the start."""
    row, col = _places(grid)
    down, across = (grid.rows - 1) // 2, (grid.cols - 1) // 2
    return _permutation(grid, grid.node((row + down) % grid.rows, (col + across) % grid.cols))


def neighbour(grid: MeshGrid) -> Traffic:
    """One place on in both dimensions, past the end from the start (so nodes at an edge cross the mesh)."""
    row, col = _places(grid)
    return _permutation(grid, grid.node((row + 1) % grid.rows, (col + 1) % grid.cols))


def bit_complement(grid: MeshGrid) -> Traffic:
    """Every node to the one opposite the centre."""
    return _permutation(grid, np.arange(grid.num_nodes)[::-1])


def hotspot(grid: MeshGrid, nodes: Sequence[int], fraction: float) -> Traffic:
    """``fraction`` of each node's flits to ``nodes`` alike, the rest to all alike.

    Args:
        grid: Rows and columns of nodes.
        nodes: Numbers of the hot ones.
        fraction: Share of every node's flits that goes to them, 0 to 1.

    Raises:
        ConfigError: The fraction is not in 0 to 1, or there is no hot node.
        RoutingError: A node does not exist.
    """
    if not 0 <= fraction <= 1 or not nodes:
        raise ConfigError(f"hotspot traffic: fraction={fraction} of {len(nodes)} nodes; needs 0 to 1 and a node.")
    if min(nodes) < 0 or max(nodes) >= grid.num_nodes:
        raise RoutingError(f"hotspot traffic: nodes are 0 to {grid.num_nodes - 1}, got {list(nodes)}.")
    matrix = np.full((grid.num_nodes, grid.num_nodes), (1 - fraction) / grid.num_nodes)
    matrix[:, sorted(set(nodes))] += fraction / len(set(nodes))
    return Traffic.from_matrix(grid, matrix)


def _places(grid: MeshGrid) -> tuple[IntArray, IntArray]:
    row, col = np.divmod(np.arange(grid.num_nodes), grid.cols)
    return row, col


def _permutation(grid: MeshGrid, dst: IntArray) -> Traffic:
    return Traffic(grid, np.arange(grid.num_nodes), dst.copy(), np.ones(grid.num_nodes))
