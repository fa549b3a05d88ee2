"""A graph of networkx as a machine: its nodes are chips and switches, its edges links."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeAlias

from accelsim.arguments import checked_call, shown
from accelsim.catalog import Catalog
from accelsim.errors import ConfigError, UnitError
from accelsim.hardware.cable import Cable
from accelsim.hardware.chip import Chip
from accelsim.hardware.level import Level, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System, load_system
from accelsim.units import format_quantity, parse_quantity

if TYPE_CHECKING:
    import networkx as nx

    Network: TypeAlias = nx.Graph[Any]

#: Name of the level that the links of a graph form.
GRAPH_LEVEL = "graph"
IS_CHIP = "is_chip"


@dataclass(frozen=True, slots=True)
class _EdgeQuantity:
    """What edges carry, and the numbers beyond which another unit was meant."""

    names: tuple[str, ...]
    dimension: str
    least: float
    most: float
    example: str


_BANDWIDTH = _EdgeQuantity(
    ("bandwidth", "bandwidth_bytes_per_s", "capacity_bytes_per_s"), "bytes_per_s", 1e6, 1e18, "50e9 or '50 GB/s'"
)
_LATENCY = _EdgeQuantity(("latency", "latency_s"), "time", 0.0, 1.0, "1e-6 or '1 us'")


@checked_call('system_of_graph("nvidia-h100-sxm", graph)', chip=(Chip, System, str))
def system_of_graph(
    chip: Chip | System | str,
    graph: Network,
    name: str = GRAPH_LEVEL,
    link: LinkSpec | None = None,
    catalog: Catalog | None = None,
) -> System:
    """A machine whose chips and switches are the nodes of a graph and whose links are its edges.

    Nodes are chips, but those with ``is_chip=False`` are switches.  Chips are numbered in rising order where they are
    all integers, else in the order of the graph's nodes; rank ``r`` of a plan sits on chip ``r``.  Edges carry
    ``bandwidth`` and ``latency``: bytes per second and seconds, or text with a unit; of an edge without a latency it is
    0.  An edge of an undirected graph is a link each way with that bandwidth, one of a directed graph a link of its
    direction.  Parallel edges of a multigraph are one link with the sum of their bandwidths.

    Routes are shortest ways, spread over equal ones.  Not modelled: unlike chips, calibration of collectives
    (:class:`System.levels` takes it: ``collectives``).

    Args:
        chip: A chip, or the name of one; of a system, its chip and host.
        graph: Any graph of networkx.
        name: What to call the machine.
        link: Bandwidth and latency of edges that state none, and energies of every link.  Without it, the level's
            link is the fastest one that ends at a chip.
        catalog: Where the name of the chip is looked up.

    Returns:
        A system of one level, ``graph``, that holds the links as text: equal graphs make equal systems.

    Raises:
        ConfigError: Fewer than two chips, chips that cannot reach each other, a self loop, an edge without a
            bandwidth, or a bandwidth or latency that no link has.

    Examples:
        >>> import networkx as nx
        >>> ring = nx.cycle_graph(8)
        >>> nx.set_edge_attributes(ring, "50 GB/s", "bandwidth")
        >>> nx.set_edge_attributes(ring, 1e-6, "latency")
        >>> str(system_of_graph("nvidia-h100-sxm", ring, "my-ring"))
        'my-ring:8 (nvidia-h100-sxm; graph: graph 8)'
    """
    base = _machine_of(chip, catalog)
    num_chips, cables = cables_of_graph(graph, link)
    if num_chips < 2:
        raise ConfigError(f"graph: {num_chips} chips; a machine of linked chips has 2 or more. Add nodes.")
    spec = Level(
        topology="graph",
        size=num_chips,
        options={"links": tuple(str(cable) for cable in cables)},
        link=link or _fastest(cables, num_chips),
    )
    level = SystemLevel(GRAPH_LEVEL, spec, (num_chips,), spec.wraps((num_chips,)))
    return replace(base, name=name, levels={GRAPH_LEVEL: level}, num_chips=num_chips, max_chips=num_chips)


def cables_of_graph(graph: Network, link: LinkSpec | None = None) -> tuple[int, tuple[Cable, ...]]:
    """Number of chips, and the edges as cables between numbered chips and named switches.

    Args:
        graph: As for :func:`system_of_graph`.
        link: Bandwidth and latency of edges that state none.

    Raises:
        ConfigError: As :func:`system_of_graph`.
    """
    if not hasattr(graph, "edges"):
        raise ConfigError(f"graph: expected a graph of networkx, got {shown(graph)}. Write e.g. nx.cycle_graph(8).")
    names = _names(graph)
    links: dict[tuple[str, str], tuple[float, float]] = {}
    for src, dst, data in graph.edges(data=True):
        where = f"graph: edge {src!r} - {dst!r}"
        if src == dst:
            raise ConfigError(f"{where}: joins a node to itself. Leave it out: graph.remove_edge({src!r}, {src!r}).")
        bandwidth = _number(where, data, _BANDWIDTH, None if link is None else link.bandwidth_bytes_per_s)
        latency = _number(where, data, _LATENCY, 0.0 if link is None else link.latency_s)
        ends = names[src], names[dst]
        if not graph.is_directed() and ends not in links and ends[::-1] in links:
            ends = ends[::-1]
        before = links.get(ends, (0.0, latency))
        if before[1] != latency:
            raise ConfigError(f"{where}: parallel edges of unlike latency. Keep one, with the sum of their bandwidths.")
        links[ends] = before[0] + bandwidth, latency
    num_chips = sum(name.isdecimal() for name in names.values())
    _check_connected(graph, [node for node, name in names.items() if name.isdecimal()])
    return num_chips, _cables(links, graph.is_directed())


def _machine_of(chip: Chip | System | str, catalog: Catalog | None) -> System:
    if isinstance(chip, str):
        return load_system(chip, catalog=catalog)
    return chip if isinstance(chip, System) else System(chip.name, chip)


def _names(graph: Network) -> dict[Hashable, str]:
    """Number of each chip as text, and of each switch a name that is one word and no number."""
    for node, given in graph.nodes(data=IS_CHIP, default=True):
        if not isinstance(given, bool):
            raise ConfigError(f"graph: node {node!r}: {IS_CHIP}={given!r}; allowed: True (a chip), False (a switch).")
    chips = [node for node, is_chip in graph.nodes(data=IS_CHIP, default=True) if is_chip]
    if all(isinstance(node, Integral) for node in chips):
        chips.sort()
    names: dict[Hashable, str] = {node: str(number) for number, node in enumerate(chips)}
    taken = set(names.values())
    for node in graph.nodes:
        if node not in names:
            word = re.sub(r"[^\w.:/()-]+|->", "_", str(node)) or "_"
            word = f"switch{word}" if word.isdecimal() else word
            while word in taken:
                word += "_"
            names[node] = word
            taken.add(word)
    return names


def _number(where: str, data: Mapping[str, Any], quantity: _EdgeQuantity, default: float | None) -> float:
    """The quantity of an edge in SI."""
    stated = [name for name in quantity.names if name in data]
    what = quantity.names[0]
    if len(stated) > 1:
        raise ConfigError(f"{where}: states {' and '.join(stated)}. Keep one.")
    if not stated:
        near = [name for name in map(str, data) if difflib.get_close_matches(name.lower(), quantity.names, 1, 0.8)]
        if default is not None and not near:
            return default
        has = f" It has {', '.join(map(repr, data))}." if data else ""
        raise ConfigError(f"{where}: has no {what}.{has} Give it {what}={quantity.example}.")
    raw = data[stated[0]]
    try:
        value = parse_quantity(raw, quantity.dimension) if isinstance(raw, str) else float(raw)
    except (UnitError, TypeError, ValueError) as err:
        raise ConfigError(f"{where}: {stated[0]}: {err}. Give e.g. {quantity.example}.") from err
    if isinstance(raw, bool) or not math.isfinite(value) or not quantity.least <= value <= quantity.most:
        low, high = (format_quantity(edge, quantity.dimension) for edge in (quantity.least, quantity.most))
        raise ConfigError(f"{where}: {stated[0]}={raw!r}: allowed are {low} to {high}. Give e.g. {quantity.example}.")
    return value


def _check_connected(graph: Network, chips: Sequence[Hashable]) -> None:
    """Every chip has a way to every other."""
    import networkx as nx

    if not chips:
        return
    reached = [("to chip {} from chip", nx.descendants(graph, chips[0]))]
    if graph.is_directed():
        reached.append(("from chip {} to chip", nx.ancestors(graph, chips[0])))
    for way, nodes in reached:
        cut_off = [node for node in chips[1:] if node not in nodes]
        if cut_off:
            raise ConfigError(
                f"graph: no way {way.format(repr(cut_off[0]))} {chips[0]!r} "
                f"({len(cut_off)} of {len(chips)} chips are cut off). Add edges, or remove the nodes."
            )


def _cables(links: Mapping[tuple[str, str], tuple[float, float]], is_directed: bool) -> tuple[Cable, ...]:
    """Links of one direction each, but where both directions are alike."""
    found = []
    for (src, dst), numbers in links.items():
        is_same_back = links.get((dst, src)) == numbers
        if is_directed and is_same_back and (dst, src) < (src, dst):
            continue  # told by the link back
        found.append(Cable(src, dst, *numbers, is_one_way=is_directed and not is_same_back))
    return tuple(found)


def _fastest(cables: Sequence[Cable], num_chips: int) -> LinkSpec:
    """The fastest link that ends at a chip, of these the one of least latency."""
    chips = {str(chip) for chip in range(num_chips)}
    numbers = [(c.bandwidth_bytes_per_s or 0.0, -(c.latency_s or 0.0)) for c in cables if {c.src, c.dst} & chips]
    bandwidth, latency = max(numbers)
    return LinkSpec(bandwidth_bytes_per_s=bandwidth, latency_s=-latency)
