"""Any graph: from a file that lists its links, or from networkx."""

from __future__ import annotations

import math
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import ConfigError, UnitError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import Topology, register_topology
from accelsim.network.topology.routing import with_ecmp
from accelsim.units import parse_quantity

if TYPE_CHECKING:
    import networkx as nx

_MAX_BYTES = 8 * 2**20
_Edge = tuple[str, str, float, float]


@register_topology("graph")
def graph(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, file: str = "", seed: int = 0) -> Topology:
    """Links from a text file; one line per cable: ``node node [bandwidth [latency]]``, ``#`` starts a comment.

    Nodes called by a number below the number of chips are chips, all others switches. A bandwidth or latency that is
    left out is ``link``'s; quantities are written without a blank (``25GB/s 2us``), ``->`` between the nodes makes a
    link of one direction. Without a file every chip is joined to every other.

    Raises:
        ConfigError: The file cannot be read or a line has another form; names file and line.
    """
    num_chips = math.prod(shape)
    if not file:
        edges = [(str(a), str(b), link.bandwidth_bytes_per_s, link.latency_s) for a in range(num_chips)
                 for b in range(num_chips) if a != b]  # fmt: skip
        return _topology(f"graph {num_chips}", num_chips, edges, seed)
    return _topology(FilePath(file).name, num_chips, _read(FilePath(file), link), seed)


def from_networkx(
    network: nx.Graph[Any], link: LinkSpec, num_chips: int | None = None, name: str = "graph", seed: int = 0
) -> Topology:
    """A topology with the edges of ``network``, both ways unless it is directed.

    Nodes with ``is_chip=False`` are switches, and so are integers from ``num_chips`` up. Edges may carry
    ``capacity_bytes_per_s`` and ``latency_s``; ``link`` fills what is missing. Chips keep the order of nodes.
    """
    nodes = list(network.nodes)
    chips = [n for n in nodes if network.nodes[n].get("is_chip", True) and (num_chips is None or n < num_chips)]
    number = {node: str(index) for index, node in enumerate(chips)}
    number |= {node: f"switch {node}" for node in nodes if node not in number}
    edges: list[_Edge] = []
    for one, other, data in network.edges(data=True):
        rate = float(data.get("capacity_bytes_per_s", link.bandwidth_bytes_per_s))
        ends = [(one, other)] if network.is_directed() else [(one, other), (other, one)]
        edges += [(number[a], number[b], rate, float(data.get("latency_s", link.latency_s))) for a, b in ends]
    return _topology(name, len(chips), edges, seed)


def _read(path: FilePath, link: LinkSpec) -> list[_Edge]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ConfigError(f"{path}: larger than 8 MiB.")
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as err:
        raise ConfigError(f"{path}: {err.strerror}. options.file names a list of links.") from err
    edges: list[_Edge] = []
    for number, text in enumerate(lines, start=1):
        words = text.partition("#")[0].replace("->", " -> ").split()
        if not words:
            continue
        one_way = "->" in words
        words = [word for word in words if word != "->"]
        try:
            rate = parse_quantity(words[2], "bytes_per_s") if len(words) > 2 else link.bandwidth_bytes_per_s
            latency = parse_quantity(words[3], "time") if len(words) > 3 else link.latency_s
        except UnitError as err:
            raise ConfigError(f"{path}:{number}: {err}") from err
        if not 2 <= len(words) <= 4 or rate <= 0:
            raise ConfigError(f"{path}:{number}: {text!r} is no link. Write e.g. '0 1 25GB/s 2us'.")
        edges.append((words[0], words[1], rate, latency))
        if not one_way:
            edges.append((words[1], words[0], rate, latency))
    return edges


def _topology(name: str, num_chips: int, edges: list[_Edge], seed: int) -> Topology:
    number = {str(chip): chip for chip in range(num_chips)}
    for one, other, _, _ in edges:
        for node in (one, other):
            number.setdefault(node, len(number))
    merged = {(number[a], number[b]): (rate, latency) for a, b, rate, latency in edges if a != b}
    ends = np.array(list(merged), dtype=np.int64).reshape(-1, 2)
    numbers = np.array(list(merged.values()), dtype=np.float64).reshape(-1, 2)
    topology = Topology(
        name=name,
        num_chips=num_chips,
        num_nodes=len(number),
        src=ends[:, 0].copy(),
        dst=ends[:, 1].copy(),
        capacity_bytes_per_s=numbers[:, 0].copy(),
        latency_s=numbers[:, 1].copy(),
        coordinates=np.arange(num_chips)[:, None].copy(),
        num_rings=1,
        ring_hops=max(1, num_chips - 1),
    )
    return with_ecmp(topology, seed)
