"""A chip's mesh for the engine: blocks of cores as nodes, the links side by side between two blocks as one link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_ticks
from accelsim.engine.taskgraph import TaskGraph, make_task_graph
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid, MeshLinkNames, Routes, xy_route_links


@dataclass(frozen=True)
class CoarseMesh:
    """Blocks of at most ``block`` x ``block`` cores joined by links that stand for all core links between two blocks.

    A link has the capacity of the core links side by side and the hops between the middles of its blocks; blocks on
    the last row and column may be smaller. With ``block`` 1 it is the chip's own mesh. Bytes x hops of data spread
    evenly over whole blocks are the same coarse and fine; a rectangle that covers blocks in part is off by less than
    a block per dimension. Not modelled: uneven use of the links side by side, traffic inside a block, dead links.

    Attributes:
        name: What to call it in messages.
        core_grid: Rows and columns of cores.
        block: Rows and columns of cores in a block.
        link_bandwidth_bytes_per_s: Bandwidth of one core link.
        hop_latency_s: Time of one hop between cores.

    Raises:
        ConfigError: The block is not positive.
    """

    name: str
    core_grid: tuple[int, int]
    block: int
    link_bandwidth_bytes_per_s: float
    hop_latency_s: float

    #: Level that traffic over it is booked on where that is not the chip's own mesh.
    level: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ConfigError(f"{self.name}: block={self.block}; a block has at least 1 x 1 cores.")

    @cached_property
    def grid(self) -> MeshGrid:
        """The mesh of blocks."""
        return MeshGrid(len(self.row_edges) - 1, len(self.col_edges) - 1)

    @cached_property
    def row_edges(self) -> IntArray:
        """First row of cores of each row of blocks, and the end. int64[rows + 1]."""
        return _edges(self.core_grid[0], self.block)

    @cached_property
    def col_edges(self) -> IntArray:
        """First column of cores of each column of blocks, and the end. int64[cols + 1]."""
        return _edges(self.core_grid[1], self.block)

    @property
    def link_names(self) -> MeshLinkNames:
        """Names of the links, ``noc(0,0)->(0,1)`` in rows and columns of blocks."""
        return self.grid.link_names

    @cached_property
    def num_wires(self) -> IntArray:
        """Core links side by side in each link. int64[num_links]."""
        across = np.repeat(np.diff(self.row_edges), self.grid.cols - 1)
        down = np.tile(np.diff(self.col_edges), self.grid.rows - 1)
        return np.concatenate([across, across, down, down])

    @cached_property
    def capacity_bytes_per_s(self) -> FloatArray:
        """Capacity of each link, one direction. float64[num_links]."""
        return np.asarray(self.num_wires * self.link_bandwidth_bytes_per_s, dtype=np.float64)

    @cached_property
    def num_hops(self) -> FloatArray:
        """Core hops from the middle of one block to that of the next, per link. float64[num_links]."""
        across = np.tile(_between_middles(self.col_edges), self.grid.rows)
        down = np.repeat(_between_middles(self.row_edges), self.grid.cols)
        return np.concatenate([across, across, down, down])

    def block_of(self, row: npt.ArrayLike, col: npt.ArrayLike) -> IntArray:
        """Node of the block that holds core ``(row, col)``."""
        return self.grid.node(np.asarray(row) // self.block, np.asarray(col) // self.block)

    def routes(self, src: npt.ArrayLike, dst: npt.ArrayLike) -> Routes:
        """Dimension-order routes between blocks, as CSR arrays of links.

        Raises:
            RoutingError: A block does not exist.
        """
        return xy_route_links(self.grid, src, dst)

    def latency_s(self, routes: Routes) -> FloatArray:
        """Time of the first byte along each route: core hops times the time of a hop. float64[R]."""
        return routes.sum_over(self.num_hops) * self.hop_latency_s

    def byte_hops(self, link_bytes: FloatArray) -> float:
        """Bytes times core hops of loads on the links; times the chip's ``noc.energy`` it is energy."""
        return float(link_bytes @ self.num_hops)

    def busiest_s(self, link_bytes: FloatArray) -> float:
        """Time the busiest link needs for its bytes: no schedule of these loads is faster."""
        return float(np.max(link_bytes / self.capacity_bytes_per_s, initial=0.0))


def coarse_topology(chip: Chip, block: int = 1) -> CoarseMesh:
    """The on-chip mesh of ``chip`` in blocks of ``block`` x ``block`` cores, or its optical layer in clusters.

    A grid of 1,000 x 1,000 cores has 4 million links; in blocks of 25 it has 6,240.

    Raises:
        ConfigError: The chip has no on-chip mesh, or the block is not positive.
    """
    if chip.noc is None:
        raise ConfigError(f"chip {chip.name}: no 'noc'. Add noc.link_bandwidth and noc.hop_latency to its file.")
    if chip.noc.optical is not None:
        from accelsim.network.optical.layer import optical_layer  # stands on this module

        return optical_layer(chip)
    return CoarseMesh(
        name=chip.name,
        core_grid=chip.core_grid,
        block=block,
        link_bandwidth_bytes_per_s=chip.noc.link_bandwidth_bytes_per_s,
        hop_latency_s=chip.noc.hop_latency_s,
    )


@dataclass(frozen=True, eq=False)
class Flows:
    """Data from block to block.

    Attributes:
        src: Blocks that send. int64[F].
        dst: Blocks that receive. int64[F].
        nbytes: Bytes of each. int64[F].
    """

    src: IntArray
    dst: IntArray
    nbytes: IntArray


def flow_graph(mesh: CoarseMesh, flows: Flows, label: str = "noc") -> TaskGraph:
    """Tasks that start all flows at once; each is a fluid flow over its route, max-min fair with the others.

    A flow alone takes hops x hop latency + bytes / bandwidth of its narrowest link. Packet headers and router queues
    are not in it: see :mod:`accelsim.network.noc.load` for those.
    """
    routes = mesh.routes(flows.src, flows.dst)
    return make_task_graph(
        len(flows.src),
        links=mesh.link_names,
        capacity_bytes_per_s=mesh.capacity_bytes_per_s,
        nbytes=flows.nbytes,
        latency_ticks=to_ticks(mesh.latency_s(routes)),
        route_ptr=routes.ptr,
        route_link=routes.link,
        labels=(label,),
    )


def _edges(extent: int, block: int) -> IntArray:
    return np.append(np.arange(0, extent, block, dtype=np.int64), extent)


def _between_middles(edges: IntArray) -> FloatArray:
    middle = (edges[1:] + edges[:-1]) / 2
    return np.asarray(np.diff(middle), dtype=np.float64)
