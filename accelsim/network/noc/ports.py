"""Bytes from the ports of a memory to the cores of a chip, and what its on-chip network makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.network.noc.mesh import MeshGrid, route_link_bytes


@dataclass(frozen=True, slots=True)
class Spread:
    """One byte from the ports, spread evenly over the cores of a grid.

    Attributes:
        busiest: Share of the byte that the busiest link carries.
        hops: Links that it crosses in the mean.
    """

    busiest: float
    hops: float


def spread_from_ports(ports: Sequence[tuple[int, int]], core_grid: tuple[int, int]) -> Spread:
    """How a byte that comes evenly from all ports, as interleaved addresses do, loads the links of a mesh.

    Every port sends the same to every core, along its row first; a port's own core takes its part off no link.
    Without ports the memory lies above every core and nothing crosses the network.

    Args:
        ports: Cores at which the memory joins, as (row, column).
        core_grid: Rows and columns of cores.

    Raises:
        RoutingError: A port is not on the grid.
    """
    grid = MeshGrid(*core_grid)
    if not ports or grid.num_nodes == 1:
        return Spread(0.0, 0.0)
    sources = grid.node([row for row, _ in ports], [col for _, col in ports])
    cores = np.tile(np.arange(grid.num_nodes), len(ports))
    loads = route_link_bytes(grid, np.repeat(sources, grid.num_nodes), cores, 1.0 / len(cores))
    return Spread(float(loads.max()), float(loads.sum()))
