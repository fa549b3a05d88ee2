"""Which wavelength each light path takes on shared waveguides: a colouring of the graph of paths that meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

if TYPE_CHECKING:
    import networkx as nx

BEST = "best"
#: Deterministic orders of networkx's greedy colouring; ``ends`` takes paths by their first segment, which is optimal on
#: a bus (paths are intervals there).
STRATEGIES = (
    "ends",
    "largest_first",
    "smallest_last",
    "independent_set",
    "connected_sequential_bfs",
    "connected_sequential_dfs",
    "saturation_largest_first",
)


@dataclass(frozen=True, slots=True)
class LightPath:
    """Light from one node to another that keeps its wavelengths all the way.

    Attributes:
        src: Node that sends.
        dst: Node that receives.
        segments: Directed pieces of waveguide on the way.
        count: Wavelengths it needs.
    """

    src: int
    dst: int
    segments: tuple[Hashable, ...]
    count: int = 1


@dataclass(frozen=True)
class Assignment:
    """Wavelengths of every path; two paths that share a segment share no wavelength.

    Attributes:
        wavelengths: Wavelengths of each path, numbered from 0.
        used: Different wavelengths in use.
        lower_bound: No assignment uses fewer: the fullest segment or a set of paths that all meet.
        strategy: Order that found it.
    """

    wavelengths: tuple[tuple[int, ...], ...]
    used: int
    lower_bound: int
    strategy: str

    @property
    def is_optimal(self) -> bool:
        """Whether it is proven that fewer do not do."""
        return self.used == self.lower_bound


def segment_loads(paths: Iterable[LightPath]) -> Counter[Hashable]:
    """Wavelengths that cross each segment."""
    loads: Counter[Hashable] = Counter()
    for path in paths:
        for segment in path.segments:
            loads[segment] += path.count
    return loads


def conflict_graph(paths: Sequence[LightPath]) -> nx.Graph[tuple[int, int]]:
    """One node ``(path, i)`` per wavelength needed; an edge where two need different ones."""
    import networkx as nx

    graph: nx.Graph[tuple[int, int]] = nx.Graph()
    on_segment: dict[Hashable, list[tuple[int, int]]] = {}
    for index, path in enumerate(paths):
        own = [(index, each) for each in range(path.count)]
        graph.add_nodes_from(own)
        for segment in path.segments or (("path", index),):
            on_segment.setdefault(segment, []).extend(own)
    for nodes in on_segment.values():
        graph.add_edges_from((a, b) for i, a in enumerate(nodes) for b in nodes[:i])
    return graph


def assign_wavelengths(paths: Sequence[LightPath], available: int | None = None, strategy: str = BEST) -> Assignment:
    """Give every path its wavelengths, the same ones again on segments that are apart.

    Colouring is NP-hard in general, so the result is a good one with a bound: on a bus ``ends`` is optimal; a ring may
    need up to twice its fullest segment. Not modelled: converters of wavelength, spacing of neighbouring channels.

    Args:
        paths: Light paths.
        available: Wavelengths the waveguides have; None for as many as it takes.
        strategy: One of :data:`STRATEGIES`, or ``best`` for the best of them.

    Raises:
        ConfigError: Unknown strategy, or too few wavelengths; says how many are missing, and how many for certain.
    """
    if strategy not in (BEST, *STRATEGIES):
        known = ", ".join((BEST, *STRATEGIES))
        raise ConfigError(f"unknown strategy {strategy!r}. Known: {known}.{did_you_mean(strategy, list(STRATEGIES))}")
    graph = conflict_graph(paths)
    bound = _bound(paths, graph)
    best: dict[tuple[int, int], int] = {}
    by, used = strategy, -1
    for name in STRATEGIES if strategy == BEST else (strategy,):
        colours = _colours(graph, paths, name)
        count = max(colours.values(), default=-1) + 1
        if used < 0 or count < used:
            best, used, by = colours, count, name
        if used == bound:
            break
    if available is not None and used > available:
        raise ConfigError(_missing(paths, used, bound, available))
    found: list[tuple[int, ...]] = [
        tuple(sorted(best[index, each] for each in range(path.count))) for index, path in enumerate(paths)
    ]
    return Assignment(tuple(found), used, bound, by)


def _colours(graph: nx.Graph[tuple[int, int]], paths: Sequence[LightPath], name: str) -> dict[tuple[int, int], int]:
    import networkx as nx

    strategy: Any = name
    if name == "ends":
        first: dict[Hashable, int] = {}
        for path in sorted(paths, key=lambda path: (path.src, path.dst)):
            for segment in path.segments:
                first.setdefault(segment, len(first))
        starts = [min((_position(segment, first) for segment in path.segments), default=0) for path in paths]

        def strategy(graph: nx.Graph[tuple[int, int]], colours: object) -> list[tuple[int, int]]:
            return sorted(graph, key=lambda node: (starts[node[0]], node))

    return dict(nx.greedy_color(graph, strategy=strategy))


def _position(segment: Hashable, first: dict[Hashable, int]) -> int:
    """Place of a segment along the waveguide: its own number where it is one, else the order of first use."""
    if isinstance(segment, tuple) and segment and isinstance(segment[-1], int):
        return segment[-1]
    return segment if isinstance(segment, int) else first[segment]


def _bound(paths: Sequence[LightPath], graph: nx.Graph[tuple[int, int]]) -> int:
    """The fullest segment, or a larger set of paths that all meet each other."""
    from networkx.algorithms.approximation import large_clique_size

    fullest = max(segment_loads(paths).values(), default=0)
    alone = max((path.count for path in paths), default=0)
    clique = int(large_clique_size(graph)) if graph.number_of_nodes() else 0
    return max(fullest, alone, clique)


def _missing(paths: Sequence[LightPath], used: int, bound: int, available: int) -> str:
    loads = segment_loads(paths)
    segment, load = max(loads.items(), key=lambda item: item[1], default=("none", 0))
    text = f"wavelengths: {used} needed, {available} available: {used - available} missing. "
    if bound > available:
        text += f"At least {bound - available} are missing for certain: segment {segment} carries {load}"
        text += "." if load == bound else f" and {bound} paths all meet."
    else:
        text += f"The bound of {bound} would fit, but no order found it."
    return f"{text} Add waveguides or wavelengths, or shorten paths."


def bus_paths(pairs: Iterable[tuple[int, int]], count: int = 1) -> list[LightPath]:
    """Light paths along a row of nodes, one waveguide per direction; segment ``("up", i)`` is between i and i + 1.

    Args:
        pairs: Source and destination of each path, by place in the row.
        count: Wavelengths of each path.
    """
    found = []
    for src, dst in pairs:
        side = "up" if dst > src else "down"
        found.append(LightPath(src, dst, tuple((side, i) for i in range(min(src, dst), max(src, dst))), count))
    return found


def ring_paths(num_nodes: int, pairs: Iterable[tuple[int, int]], count: int = 1) -> list[LightPath]:
    """Light paths around a ring, the shorter way, one waveguide per direction; upwards and downwards in turn on a tie.

    Args:
        num_nodes: Nodes around the ring.
        pairs: Source and destination of each path.
        count: Wavelengths of each path.

    Raises:
        ConfigError: A node that does not exist.
    """
    found = []
    for src, dst in pairs:
        if not (0 <= src < num_nodes and 0 <= dst < num_nodes):
            raise ConfigError(f"ring of {num_nodes}: no pair {src} -> {dst}. Nodes are 0 to {num_nodes - 1}.")
        up, down = (dst - src) % num_nodes, (src - dst) % num_nodes
        if up < down or (up == down and src % 2 == 0):
            segments = tuple(("up", (src + i) % num_nodes) for i in range(up))
        else:
            segments = tuple(("down", (src - 1 - i) % num_nodes) for i in range(down))
        found.append(LightPath(src, dst, segments, count))
    return found


def grating_wavelength(num_ports: int, src: int, dst: int) -> int:
    """Wavelength that an arrayed waveguide grating router sends from input ``src`` to output ``dst``.

    Each input sees every output on a wavelength of its own, so n wavelengths join n x n ports without a switch.

    Args:
        num_ports: n, the inputs and as many outputs.
        src: Input, from 0.
        dst: Output, from 0.
    """
    return (src + dst) % num_ports
