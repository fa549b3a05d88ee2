"""What a topology is: nodes, directed links and the route between any two chips."""

from __future__ import annotations

import inspect
import itertools
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError, RoutingError
from accelsim.hardware.level import LinkFault, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.registry import Registry, did_you_mean

if TYPE_CHECKING:
    import networkx as nx

    Graph: TypeAlias = nx.DiGraph[int]

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

#: Nodes on the preferred way from one chip to another, both ends included; a member may offer it.
Path = Callable[[int, int], list[int]]


@dataclass(frozen=True, eq=False)
class Topology:
    """Chips and switches joined by directed links; read-only.

    Nodes ``0 .. num_chips - 1`` are chips, any further ones are switches. A cable is two links, one per direction.

    Attributes:
        name: What to call it in messages, e.g. ``torus 4x4``.
        num_chips: Chips.
        num_nodes: Chips and switches.
        src: Node each link leaves. int64[L].
        dst: Node each link enters. int64[L].
        capacity_bytes_per_s: Capacity of each link. float64[L].
        latency_s: Latency of each link. float64[L].
        coordinates: Place of each chip, for plots and dimension-order routing. int64[num_chips, D].
        path: Preferred way between two nodes; None means a shortest one.
        dead: Links that carry nothing; routes go around them.
        num_rings: Directed rings through all chips that can run at once without sharing a link; a lower bound.
        ring_hops: Hops of the longest step of such a ring, in links of full latency (of a snake: in the mean).
    """

    name: str
    num_chips: int
    num_nodes: int
    src: IntArray
    dst: IntArray
    capacity_bytes_per_s: FloatArray
    latency_s: FloatArray
    coordinates: IntArray
    path: Path | None = field(default=None, repr=False)
    num_rings: int = 1
    ring_hops: float = 1
    dead: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for array in (self.src, self.dst, self.capacity_bytes_per_s, self.latency_s, self.coordinates):
            array.flags.writeable = False

    @property
    def num_links(self) -> int:
        """Directed links."""
        return len(self.src)

    @cached_property
    def link_between(self) -> dict[tuple[int, int], int]:
        """Link id by ``(src, dst)``."""
        return {pair: link for link, pair in enumerate(zip(self.src.tolist(), self.dst.tolist(), strict=True))}

    @cached_property
    def neighbours(self) -> list[list[int]]:
        """For each node the nodes its links enter, rising."""
        found: list[list[int]] = [[] for _ in range(self.num_nodes)]
        for src, dst in sorted(self.link_between):
            found[src].append(dst)
        return found

    @property
    def networkx(self) -> Graph:
        """The same graph for networkx; edges carry ``link``, ``capacity_bytes_per_s`` and ``latency_s``."""
        import networkx as nx

        graph: Graph = nx.DiGraph(name=self.name)
        graph.add_nodes_from((node, {"is_chip": node < self.num_chips}) for node in range(self.num_nodes))
        for (src, dst), link in self.link_between.items():
            capacity, latency = float(self.capacity_bytes_per_s[link]), float(self.latency_s[link])
            graph.add_edge(src, dst, link=link, capacity_bytes_per_s=capacity, latency_s=latency)
        return graph

    def link_name(self, link: int) -> str:
        """``chip3->chip4`` or ``chip3->switch8``."""
        return f"{self._node_name(int(self.src[link]))}->{self._node_name(int(self.dst[link]))}"

    def route(self, src: int, dst: int, dead: Collection[int] = ()) -> tuple[int, ...]:
        """Links from chip (or switch) ``src`` to chip ``dst``, in order; none for a chip to itself.

        The topology's own way (dimension order on a torus or mesh) where no link of it is dead, else a shortest way
        over the links that live, lowest node first.

        Args:
            src: Chip.
            dst: Chip.
            dead: Link ids that carry nothing, beside those of :attr:`dead`.

        Raises:
            RoutingError: A chip that does not exist, or no way between the two.
        """
        for node in (src, dst):
            if not 0 <= node < self.num_nodes:
                raise RoutingError(f"{self.name}: no chip {node}. Chips are 0 to {self.num_chips - 1}.")
        if src == dst:
            return ()
        avoided = self.dead.union(dead)
        if self.path is not None:
            links = self._links(self.path(src, dst))
            if not avoided.intersection(links):
                return links
        return self._links(self._shortest(src, dst, avoided))

    def latency_of(self, route: Collection[int]) -> float:
        """Sum of the latencies of a route's links, in seconds."""
        return math.fsum(float(self.latency_s[link]) for link in route)

    def _links(self, nodes: list[int]) -> tuple[int, ...]:
        return tuple(self.link_between[pair] for pair in itertools.pairwise(nodes))

    def _shortest(self, src: int, dst: int, dead: frozenset[int]) -> list[int]:
        """Breadth-first search; chips are passed through only where the topology has no switch for it."""
        came_from = {src: src}
        queue = deque([src])
        while queue and dst not in came_from:
            node = queue.popleft()
            for neighbour in self.neighbours[node]:
                if neighbour not in came_from and self.link_between[node, neighbour] not in dead:
                    came_from[neighbour] = node
                    queue.append(neighbour)
        if dst not in came_from:
            cause = f"with {len(dead)} dead links" if dead else "they are not connected"
            raise RoutingError(f"{self.name}: no route from chip {src} to chip {dst}: {cause}. Add a link.")
        nodes = [dst]
        while nodes[-1] != src:
            nodes.append(came_from[nodes[-1]])
        return nodes[::-1]

    def _node_name(self, node: int) -> str:
        return f"chip{node}" if node < self.num_chips else f"switch{node}"


#: ``(shape, wrap, link, **options) -> Topology``
TopologyBuilder = Callable[..., Topology]

TOPOLOGIES: Registry[TopologyBuilder] = Registry("topology", "accelsim.network.topology")
register_topology = TOPOLOGIES.register


def build_topology(level: SystemLevel) -> Topology:
    """The graph of a system's level, over the members in use, with its dead and slow links.

    Raises:
        ConfigError: Unknown topology, a shape it does not take, or a fault of a link it has not; names the level.
    """
    try:
        builder = TOPOLOGIES.get(level.topology)
        known = list(inspect.signature(builder).parameters)[3:]
        for option in level.spec.options:
            if option not in known:
                listed = ", ".join(known) or "none"
                raise ConfigError(
                    f"options: {level.topology} has no option {option!r}. Known: {listed}.{did_you_mean(option, known)}"
                )
        topology = builder(level.shape, level.wrap, level.link, **level.spec.options)
        return with_faults(topology, level.spec.faults) if level.spec.faults else topology
    except ConfigError as err:
        raise ConfigError(f"system.levels.{level.name}: {err}") from err


def with_faults(topology: Topology, faults: Iterable[LinkFault]) -> Topology:
    """``topology`` with links that are dead or slow.

    Args:
        topology: The links as built.
        faults: Links by the nodes at their ends, with the share of their capacity that is left; 0 is dead.

    Raises:
        ConfigError: There is no such link.
    """
    capacity = topology.capacity_bytes_per_s.copy()
    dead = set(topology.dead)
    for fault in faults:
        link = topology.link_between.get((fault.src, fault.dst))
        if link is None:
            raise ConfigError(
                f"faults: {topology.name} has no link from node {fault.src} to {fault.dst}. "
                f"Its nodes are 0 to {topology.num_nodes - 1}."
            )
        if fault.capacity_fraction == 0:
            dead.add(link)
        else:
            capacity[link] *= fault.capacity_fraction
    return replace(topology, capacity_bytes_per_s=capacity, dead=frozenset(dead))


class DisjointRings(NamedTuple):
    """Directed rings through all chips that share no link, and the hops of their longest step."""

    num: int = 1
    hops: int = 1


def from_pairs(
    name: str,
    coordinates: IntArray,
    pairs: npt.ArrayLike,
    link: LinkSpec,
    path: Path | None = None,
    rings: DisjointRings = DisjointRings(),  # noqa: B008
) -> Topology:
    """Topology without switches.

    Args:
        name: What to call it in messages.
        coordinates: Place of each chip. int64[num_chips, D].
        pairs: A link from ``src`` to ``dst`` per row. int64[L, 2].
        link: What every link is.
        path: Preferred way between two nodes; None means a shortest one.
        rings: DisjointRings through all chips.
    """
    array = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    return Topology(
        name=name,
        num_chips=len(coordinates),
        num_nodes=len(coordinates),
        src=array[:, 0].copy(),
        dst=array[:, 1].copy(),
        capacity_bytes_per_s=np.full(len(array), link.bandwidth_bytes_per_s),
        latency_s=np.full(len(array), link.latency_s),
        coordinates=coordinates,
        path=path,
        num_rings=rings.num,
        ring_hops=rings.hops,
    )


def from_cables(
    name: str, num_chips: int, num_nodes: int, cables: IntArray, link: LinkSpec, ring_hops: int = 1
) -> Topology:
    """Topology with switches; each row of ``cables`` is a link both ways with half of ``link``'s latency.

    A way between two chips of one switch then has the latency of ``link``.

    Args:
        name: What messages call it.
        num_chips: Nodes ``0 .. num_chips - 1`` are chips.
        num_nodes: Chips and switches together.
        cables: Pairs of nodes, each once. int64[cables, 2].
        link: Capacity of one direction, and the latency of a way over one switch.
        ring_hops: Links between neighbours of a ring through all chips in the order of their numbers.
    """
    ends = np.concatenate([cables, cables[:, ::-1]]).astype(np.int64)
    return Topology(
        name=name,
        num_chips=num_chips,
        num_nodes=num_nodes,
        src=ends[:, 0].copy(),
        dst=ends[:, 1].copy(),
        capacity_bytes_per_s=np.full(len(ends), link.bandwidth_bytes_per_s),
        latency_s=np.full(len(ends), link.latency_s / 2),
        coordinates=np.arange(num_chips)[:, None].copy(),
        ring_hops=ring_hops,
    )


def one_dimension(name: str, shape: tuple[int, ...]) -> int:
    """The extent of a topology that has one dimension only.

    Args:
        name: What the error calls the topology.
        shape: Its extents.

    Raises:
        ConfigError: More dimensions were given.
    """
    if len(shape) != 1:
        raise ConfigError(f"a {name} has one dimension, got {'x'.join(map(str, shape))}. Write e.g. 'size: 8'.")
    return shape[0]
