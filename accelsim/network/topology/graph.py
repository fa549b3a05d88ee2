"""Any graph: from lines or a file that list its links, or from networkx."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.cable import Cable, parse_cables
from accelsim.hardware.graph import cables_of_graph
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import Topology, register_topology
from accelsim.network.topology.routing import with_ecmp
from accelsim.reading import read_text

if TYPE_CHECKING:
    import networkx as nx


@register_topology("graph")
def graph(
    shape: tuple[int, ...],
    wrap: tuple[bool, ...],
    link: LinkSpec,
    file: str = "",
    links: tuple[str, ...] = (),
    seed: int = 0,
) -> Topology:
    """Links from a text file or from lines; one cable per line: ``node node [bandwidth [latency]]``.

    Nodes called by a number below the number of chips are chips, all others switches. A bandwidth or latency that is
    left out is ``link``'s; the form of a line is that of :func:`accelsim.hardware.cable.parse_cables`. Without either
    every chip is joined to every other.

    Args:
        shape: Chips per dimension.
        wrap: Not used: a graph states its links.
        link: Bandwidth and latency of lines that leave them out.
        file: Path of a text file.
        links: The lines themselves.
        seed: Spreads routes over equally short ways.

    Raises:
        ConfigError: The file cannot be read or a line has another form; names file and line.
    """
    num_chips = math.prod(shape)
    if file and links:
        raise ConfigError("options: a graph takes its links from 'file' or from 'links'. Keep one.")
    if file:
        return _topology(
            FilePath(file).name,
            num_chips,
            parse_cables(read_text(file, "a list of links").splitlines(), file),
            link,
            seed,
        )
    if links:
        lines = (links,) if isinstance(links, str) else links
        return _topology(f"graph {num_chips}", num_chips, parse_cables(lines, "options.links"), link, seed)
    pairs = [Cable(str(a), str(b)) for a in range(num_chips) for b in range(a + 1, num_chips)]
    return _topology(f"graph {num_chips}", num_chips, pairs, link, seed)


def from_networkx(network: nx.Graph[Any], link: LinkSpec, name: str = "graph", seed: int = 0) -> Topology:
    """A topology with the edges of a graph of networkx.

    Args:
        network: Nodes and edges as :func:`accelsim.hardware.graph.system_of_graph` reads them.
        link: Bandwidth and latency of edges that state none.
        name: What to call it in messages.
        seed: Spreads routes over equally short ways.

    Raises:
        ConfigError: As :func:`~accelsim.hardware.graph.system_of_graph`.
    """
    num_chips, cables = cables_of_graph(network, link)
    return _topology(name, num_chips, cables, link, seed)


def _topology(name: str, num_chips: int, cables: Sequence[Cable], link: LinkSpec, seed: int) -> Topology:
    number = {str(chip): chip for chip in range(num_chips)}
    for cable in cables:
        for node in (cable.src, cable.dst):
            number.setdefault(node, len(number))
    links = [(number[a], number[b], cable) for cable in cables for a, b in cable.directions]
    topology = Topology(
        name=name,
        num_chips=num_chips,
        num_nodes=len(number),
        src=np.array([src for src, _, _ in links], dtype=np.int64),
        dst=np.array([dst for _, dst, _ in links], dtype=np.int64),
        capacity_bytes_per_s=np.array([c.bandwidth_bytes_per_s or link.bandwidth_bytes_per_s for _, _, c in links]),
        latency_s=np.array([link.latency_s if c.latency_s is None else c.latency_s for _, _, c in links]),
        coordinates=np.arange(num_chips)[:, None].copy(),
        num_rings=1,
        ring_hops=max(1, num_chips - 1),
    )
    return with_ecmp(topology, seed)
