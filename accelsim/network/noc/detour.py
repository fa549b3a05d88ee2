"""Routes around dead links of a mesh: shortest by hops, the same for the same links, whatever else is routed."""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from accelsim.errors import RoutingError
from accelsim.network.noc.mesh import FloatArray, IntArray, MeshGrid, MeshRoutes


def around_dead(
    grid: MeshGrid, routes: MeshRoutes, dead: IntArray, num_hops: FloatArray, src: npt.ArrayLike, dst: npt.ArrayLike
) -> MeshRoutes:
    """``routes`` with each one that crosses a dead link replaced by a shortest one.

    All replacements from one node follow one tree, so that a multicast along them forks and never joins.

    Args:
        grid: The mesh.
        routes: From ``src`` to ``dst``.
        dead: Links that carry nothing.
        num_hops: Length of each link.
        src: Nodes that send. int[R].
        dst: Nodes that receive. int[R].

    Raises:
        RoutingError: Dead links cut a node off.
    """
    is_dead = np.zeros(grid.num_links)
    is_dead[dead] = 1.0
    blocked = routes.sum_over(is_dead) > 0
    if not blocked.any():
        return routes
    pairs = np.broadcast_arrays(np.atleast_1d(np.asarray(src)), np.atleast_1d(np.asarray(dst)))
    trees: dict[int, IntArray] = {}
    links = []
    for route, is_blocked in enumerate(blocked.tolist()):
        if not is_blocked:
            links.append(routes[route])
            continue
        start, end = int(pairs[0][route]), int(pairs[1][route])
        if start not in trees:
            trees[start] = _links_into(grid, start, is_dead, num_hops)
        links.append(_walk(grid, trees[start], start, end))
    lengths = np.array([len(one) for one in links], dtype=np.int64)
    return MeshRoutes(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), np.concatenate(links))


def _links_into(grid: MeshGrid, start: int, is_dead: FloatArray, num_hops: FloatArray) -> IntArray:
    """For each node the last link of the shortest way from ``start``, -1 where there is none. Dijkstra's algorithm."""
    leaving: list[list[tuple[int, int, float]]] = [[] for _ in range(grid.num_nodes)]
    for link, (a, b) in enumerate(zip(*(side.tolist() for side in grid.ends), strict=True)):
        if not is_dead[link]:
            leaving[a].append((b, link, float(num_hops[link])))
    into = np.full(grid.num_nodes, -1, dtype=np.int64)
    nearest = {start: 0.0}
    done: set[int] = set()
    queue = [(0.0, start)]
    while queue:
        hops, node = heapq.heappop(queue)
        if node in done:
            continue
        done.add(node)
        for other, link, more in leaving[node]:
            if hops + more < nearest.get(other, np.inf):
                nearest[other] = hops + more
                into[other] = link
                heapq.heappush(queue, (hops + more, other))
    return into


def _walk(grid: MeshGrid, into: IntArray, start: int, end: int) -> IntArray:
    """Links from ``start`` to ``end``."""
    found: list[int] = []
    node = end
    while node != start:
        link = int(into[node])
        if link < 0:
            raise RoutingError(
                f"mesh {grid.rows}x{grid.cols}: dead links cut node {divmod(end, grid.cols)} off from "
                f"{divmod(start, grid.cols)}. Forbid its tiles, or repair a link."
            )
        found.append(link)
        node = int(grid.ends[0][link])
    return np.array(found[::-1], dtype=np.int64)
