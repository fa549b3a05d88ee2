"""What every topology must do, whatever its links."""

from __future__ import annotations

import itertools
import math

import networkx as nx
import pytest

from accelsim.errors import RoutingError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology import TOPOLOGIES, Topology

LINK = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6)
SHAPES = {
    "fat_tree": [(1,), (4,), (2, 3), (4, 4), (2, 2, 3)],
    "rail_fat_tree": [(1, 1), (1, 4), (4, 3)],
    "dragonfly": [(1,), (1, 3, 2), (3, 2, 2), (5, 4, 1)],
    "hypercube": [(1,), (2,), (8,), (4, 4)],
    "twisted_torus": [(1,), (2, 4), (4, 8), (3, 3), (2, 2, 4)],
    "torus": [(1,), (2,), (5,), (4, 4), (2, 3), (3, 4, 5), (2, 2, 1)],
    "mesh": [(1,), (6,), (3, 4), (2, 3, 2)],
}
CASES = [
    (name, shape, wrapped)
    for name in TOPOLOGIES.names()
    for shape in SHAPES.get(name, [(1,), (2,), (3,), (8,)])
    for wrapped in (True, False)
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{'x'.join(map(str, case[1]))}-{case[2]}")
def topology(request: pytest.FixtureRequest) -> Topology:
    name, shape, wrapped = request.param
    return TOPOLOGIES.get(name)(shape, (wrapped,) * len(shape), LINK)


def all_pairs(topology: Topology) -> list[tuple[int, int]]:
    return list(itertools.permutations(range(topology.num_chips), 2))


def test_routes_are_chains_of_links_from_end_to_end_without_loops(topology: Topology) -> None:
    for src, dst in all_pairs(topology):
        route = topology.route(src, dst)
        ends = [(int(topology.src[link]), int(topology.dst[link])) for link in route]
        assert ends[0][0] == src
        assert ends[-1][1] == dst
        assert all(first[1] == second[0] for first, second in itertools.pairwise(ends))
        assert len(set(route)) == len(route)


def test_routes_are_as_short_as_any(topology: Topology) -> None:
    shortest = dict(nx.all_pairs_shortest_path_length(topology.networkx))
    for src, dst in all_pairs(topology):
        assert len(topology.route(src, dst)) == shortest[src][dst]


def test_a_chip_reaches_itself_over_no_link(topology: Topology) -> None:
    assert topology.route(0, 0) == ()


def test_every_link_has_one_of_the_same_kind_the_other_way(topology: Topology) -> None:
    pairs = set(topology.link_between)
    assert len(pairs) == topology.num_links, "two links join the same nodes in one direction"
    assert {(dst, src) for src, dst in pairs} == pairs
    rate = {pair: float(topology.capacity_bytes_per_s[link]) for pair, link in topology.link_between.items()}
    assert all(rate[dst, src] == rate[src, dst] for src, dst in pairs)
    assert set(rate.values()) <= {100e9} or topology.name.startswith("awgr")  # there a pair has its share of a fibre


def test_networkx_view_has_the_same_links(topology: Topology) -> None:
    graph = topology.networkx
    assert graph.number_of_nodes() == topology.num_nodes
    for src, dst, data in graph.edges(data=True):
        assert (int(topology.src[data["link"]]), int(topology.dst[data["link"]])) == (src, dst)


def test_neighbours_are_one_link_latency_apart(topology: Topology) -> None:
    for src, dst in all_pairs(topology)[:1]:
        hops = len(topology.route(src, dst)) / (2 if topology.num_nodes > topology.num_chips else 1)
        assert math.isclose(topology.latency_of(topology.route(src, dst)), hops * 1e-6)


def test_routes_go_around_a_dead_link_or_say_that_there_is_no_way(topology: Topology) -> None:
    graph = topology.networkx
    for dead in range(min(topology.num_links, 6)):
        src, dst = int(topology.src[dead]), int(topology.dst[dead])
        if max(src, dst) >= topology.num_chips:
            continue
        graph.remove_edge(src, dst)
        if nx.has_path(graph, src, dst):
            assert dead not in topology.route(src, dst, dead=[dead])
        else:
            with pytest.raises(RoutingError, match=f"no route from chip {src} to chip {dst}: with 1 dead links"):
                topology.route(src, dst, dead=[dead])
        graph.add_edge(src, dst)


def test_a_chip_that_does_not_exist_is_an_error(topology: Topology) -> None:
    with pytest.raises(RoutingError, match=f"no chip {topology.num_nodes}"):
        topology.route(0, topology.num_nodes)


def test_no_more_rings_are_promised_than_a_chip_has_links(topology: Topology) -> None:
    if topology.num_chips > 1:
        fewest_out = min(len(topology.neighbours[chip]) for chip in range(topology.num_chips))
        assert 1 <= topology.num_rings <= fewest_out
        assert topology.ring_hops >= 1
