"""A chip's mesh for the engine: blocks of cores as nodes, the links side by side between two blocks as one link."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import to_ticks
from accelsim.engine.taskgraph import TaskGraph, make_task_graph
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.network.noc.detour import around_dead
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid, MeshLinkNames, MeshRoutes, xy_route_links

#: Two neighbouring cores as ((row, column), (row, column)).
CorePair = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True)
class CoarseMesh:
    """Blocks of at most ``block`` x ``block`` cores joined by links that stand for all core links between two blocks.

    A link has the capacity of the core links side by side and the hops between the middles of its blocks; blocks on
    the last row and column may be smaller. With ``block`` 1 it is the chip's own mesh. Bytes x hops of data spread
    evenly over whole blocks are the same coarse and fine; a rectangle that covers blocks in part is off by less than
    a block per dimension.

    A dead core link narrows the cut it lies on: a coarse link has as many wires as the narrowest cut between the
    middles of its blocks, and the bytes of a dead wire take the row beside it, two hops more. Where a whole cut is
    dead, routes in dimension order that would cross it give way to a shortest one (lowest block first on a tie).

    Not modelled: uneven use of the links side by side, traffic inside a block.

    Attributes:
        name: What to call it in messages.
        core_grid: Rows and columns of cores.
        block: Rows and columns of cores in a block.
        link_bandwidth_bytes_per_s: Bandwidth of one core link.
        hop_latency_s: Time of one hop between cores.
        dead_links: Pairs of neighbouring cores whose link does not work, either way.

    Raises:
        ConfigError: The block is not positive, or a dead link joins no neighbours.
    """

    name: str
    core_grid: tuple[int, int]
    block: int
    link_bandwidth_bytes_per_s: float
    hop_latency_s: float
    dead_links: tuple[CorePair, ...] = ()

    #: Level that traffic over it is booked on where that is not the chip's own mesh.
    level: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ConfigError(f"{self.name}: block={self.block}; a block has at least 1 x 1 cores.")
        check_links(self.name, self.core_grid, self.dead_links)

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
        """Core links side by side in each link that work. int64[num_links]."""
        across = np.repeat(np.diff(self.row_edges), self.grid.cols - 1)
        down = np.tile(np.diff(self.col_edges), self.grid.rows - 1)
        return np.concatenate([across, across, down, down]) - self._dead_wires[0]

    @cached_property
    def dead(self) -> IntArray:
        """Links of which no wire is left, rising. int64[dead]."""
        return np.flatnonzero(self.num_wires == 0)

    @cached_property
    def capacity_bytes_per_s(self) -> FloatArray:
        """Capacity of each link, one direction; of one wire where none is left, which no route uses. float64[links]."""
        return np.asarray(np.maximum(self.num_wires, 1) * self.link_bandwidth_bytes_per_s, dtype=np.float64)

    @cached_property
    def num_hops(self) -> FloatArray:
        """Mean core hops from the middle of one block to that of the next, per link. float64[num_links]."""
        across = np.tile(_between_middles(self.col_edges), self.grid.rows)
        down = np.repeat(_between_middles(self.row_edges), self.grid.cols)
        return np.concatenate([across, across, down, down]) + self._dead_wires[1]

    @cached_property
    def _dead_wires(self) -> tuple[IntArray, FloatArray]:
        """Dead wires of the narrowest cut of each link, and hops of detours. int64 and float64 [num_links]."""
        fewer, longer = np.zeros(self.grid.num_links, dtype=np.int64), np.zeros(self.grid.num_links)
        if not self.dead_links:
            return fewer, longer
        pairs = np.sort(np.array(self.dead_links, dtype=np.int64), axis=1)
        first, is_across = pairs[:, 0], pairs[:, 0, 0] == pairs[:, 1, 0]
        east, west, south, north = self.grid.first_link
        rows, cols = _cuts(first[is_across, 0] // self.block, first[is_across, 1], self.row_edges, self.col_edges)
        fewer[east:west], longer[east:west] = rows.ravel(), cols.ravel()
        rows, cols = _cuts(first[~is_across, 1] // self.block, first[~is_across, 0], self.col_edges, self.row_edges)
        fewer[south:north], longer[south:north] = rows.T.ravel(), cols.T.ravel()
        fewer[west:south], longer[west:south] = fewer[east:west], longer[east:west]
        fewer[north:], longer[north:] = fewer[south:north], longer[south:north]
        return fewer, longer

    def block_of(self, row: npt.ArrayLike, col: npt.ArrayLike) -> IntArray:
        """Node of the block that holds core ``(row, col)``.

        Args:
            row: Row of the core, a number or an array.
            col: Column of the core, likewise.
        """
        return self.grid.node(np.asarray(row) // self.block, np.asarray(col) // self.block)

    def routes(self, src: npt.ArrayLike, dst: npt.ArrayLike) -> MeshRoutes:
        """Dimension-order routes between blocks, as CSR arrays of links; shortest ones where those are dead.

        Args:
            src: Nodes that send, a number or an array.
            dst: Nodes that receive, likewise.

        Raises:
            RoutingError: A block does not exist, or dead links cut it off.
        """
        routes = xy_route_links(self.grid, src, dst)
        return around_dead(self.grid, routes, self.dead, self.num_hops, src, dst) if self.dead.size else routes

    def latency_s(self, routes: MeshRoutes) -> FloatArray:
        """Time of the first byte along each route: core hops times the time of a hop. float64[R]."""
        return routes.sum_over(self.num_hops) * self.hop_latency_s

    def byte_hops(self, link_bytes: FloatArray) -> float:
        """Bytes times core hops of loads on the links; times the chip's ``noc.energy`` it is energy."""
        return float(link_bytes @ self.num_hops)

    def busiest_s(self, link_bytes: FloatArray) -> float:
        """Time the busiest link needs for its bytes: no schedule of these loads is faster."""
        return float(np.max(link_bytes / self.capacity_bytes_per_s, initial=0.0))


def coarse_topology(chip: Chip, block: int = 1) -> CoarseMesh:
    """The on-chip mesh of ``chip`` in blocks of ``block`` x ``block`` cores, whether or not an optical layer is above.

    A grid of 1,000 x 1,000 cores has 4 million links; in blocks of 25 it has 6,240.

    Args:
        chip: The chip with its mesh.
        block: Side of a block in cores; 1 is the mesh itself.

    Raises:
        ConfigError: The chip has no on-chip mesh, or the block is not positive.
    """
    if chip.noc is None:
        raise ConfigError(f"chip {chip.name}: no 'noc'. Add noc.link_bandwidth and noc.hop_latency to its file.")
    return CoarseMesh(
        name=chip.name,
        core_grid=chip.core_grid,
        block=block,
        link_bandwidth_bytes_per_s=chip.noc.link_bandwidth_bytes_per_s,
        hop_latency_s=chip.noc.hop_latency_s,
        dead_links=chip.noc.dead_links,
    )


@dataclass(frozen=True, eq=False)
class MeshFlows:
    """Data from block to block.

    Attributes:
        src: Blocks that send. int64[F].
        dst: Blocks that receive. int64[F].
        nbytes: Bytes of each. int64[F].
    """

    src: IntArray
    dst: IntArray
    nbytes: IntArray


def flow_graph(mesh: CoarseMesh, flows: MeshFlows, label: str = "noc") -> TaskGraph:
    """Tasks that start all flows at once; each is a fluid flow over its route, max-min fair with the others.

    A flow alone takes hops x hop latency + bytes / bandwidth of its narrowest link. Packet headers and router queues
    are not in it: see :mod:`accelsim.network.noc.load` for those.

    Args:
        mesh: Links between blocks.
        flows: Source, destination and bytes of each flow.
        label: What the tasks are called.
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


def check_links(name: str, core_grid: tuple[int, int], links: Iterable[CorePair]) -> None:
    """Refuse pairs of cores that are no neighbours.

    Args:
        name: Of the chip, for the error.
        core_grid: Rows and columns of cores.
        links: Pairs of cores, each ``(row, col)``.

    Raises:
        ConfigError: A pair; it is named.
    """
    rows, cols = core_grid
    for (r0, c0), (r1, c1) in links:
        if abs(r0 - r1) + abs(c0 - c1) != 1 or max(r0, r1) >= rows or max(c0, c1) >= cols:
            raise ConfigError(
                f"chip {name}: noc.dead_links: ({r0}, {c0}) and ({r1}, {c1}) are no neighbours on the grid of "
                f"{rows}x{cols}. Write e.g. [[{r0}, {c0}], [{r0}, {c0 + 1}]]."
            )


def _cuts(lane: IntArray, cut: IntArray, lane_edges: IntArray, edges: IntArray) -> tuple[IntArray, FloatArray]:
    """Dead wires of the narrowest cut, and hops of detours, between neighbouring blocks. [lanes, blocks - 1] each.

    Args:
        lane: Row (column) of blocks that each dead link lies in.
        cut: Its place along the lane: between the cores ``cut`` and ``cut + 1``.
        lane_edges: First cores of the lanes.
        edges: First cores of the blocks along a lane.
    """
    dead = np.zeros((len(lane_edges) - 1, edges[-1]), dtype=np.int64)
    np.add.at(dead, (lane, cut), 1)
    middle = (edges[:-1] + edges[1:]) // 2
    spans = [slice(a, b) for a, b in itertools.pairwise(middle.tolist())]
    worst = np.stack([dead[:, span].max(axis=1) for span in spans], axis=1) if spans else dead[:, :0]
    total = np.stack([dead[:, span].sum(axis=1) for span in spans], axis=1) if spans else dead[:, :0]
    return worst, 2.0 * total / np.diff(lane_edges)[:, None]


def _edges(extent: int, block: int) -> IntArray:
    return np.append(np.arange(0, extent, block, dtype=np.int64), extent)


def _between_middles(edges: IntArray) -> FloatArray:
    middle = (edges[1:] + edges[:-1]) / 2
    return np.asarray(np.diff(middle), dtype=np.float64)
