"""Fat trees, dragonflies, twisted tori, graphs from files and networkx; ECMP, routing functions, missing links."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path

import networkx as nx
import pytest

from accelsim.cost.call import Call
from accelsim.errors import ConfigError, RoutingError
from accelsim.hardware.level import Level, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import System, load_system
from accelsim.network.collective import collective_steps
from accelsim.network.topology import TOPOLOGIES, Topology, build_topology
from accelsim.network.topology.graph import from_networkx
from accelsim.network.topology.levels import join_levels
from accelsim.network.topology.routing import with_ecmp, with_routing

LINK = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6)


def build(name: str, *shape: int, **options: int | str | tuple[str, ...]) -> Topology:
    return TOPOLOGIES.get(name)(shape, (True,) * len(shape), LINK, **options)


def system_of(topology: str, shape: tuple[int, ...], **options: int | str) -> System:
    level = Level(topology=topology, size=shape, link=LINK, options=options)
    chip, num_chips = load_system("nvidia-a100-sxm-80gb").chip, 1
    for extent in shape:
        num_chips *= extent
    return System("test", chip, {"links": SystemLevel("links", level, shape, (True,) * len(shape))}, num_chips)


def mean_hops(topology: Topology) -> float:
    hops = [len(topology.route(a, b)) for a, b in permutations(range(topology.num_chips), 2)]
    return sum(hops) / len(hops)


def test_a_three_level_fat_tree_has_the_published_size() -> None:
    # k = 4: 4 pods of 2 leaves and 2 aggregation switches, 2 chips a leaf, 4 cores: 16 chips, 20 switches, 48 cables
    topology = build("fat_tree", 4, 2, 2)
    assert (topology.num_chips, topology.num_nodes, topology.num_links) == (16, 36, 2 * 48)
    assert [len(topology.route(0, dst)) for dst in (1, 2, 4)] == [2, 4, 6]


def test_ecmp_spreads_flows_over_spines_the_same_way_for_the_same_seed() -> None:
    first, again, other = (build("fat_tree", 2, 16, seed=seed) for seed in (1, 1, 2))
    flows = [(src, 16 + dst) for src in range(16) for dst in range(16)]
    routes = [first.route(*flow) for flow in flows]
    assert routes == [again.route(*flow) for flow in flows]
    assert routes != [other.route(*flow) for flow in flows]
    uplinks = Counter(route[1] for route in routes)
    assert max(uplinks.values()) < 3 * 256 / 16  # no spine of a leaf gets three times its share
    assert len({first.dst[link] for link in uplinks}) == 16


def test_fewer_uplinks_slow_an_all_to_all_between_leaves() -> None:
    full = collective_steps(Call("all_to_all", 2**26, 16, "direct"), system_of("fat_tree", (4, 4)))
    thin = collective_steps(Call("all_to_all", 2**26, 16, "direct"), system_of("fat_tree", (4, 4), uplinks=1))
    # each leaf sends 4 x 12 of 4 x 15 chunks up one cable instead of four: at least 48 chunks of 4 MiB
    assert thin.work_s >= 48 * 2**22 / 100e9
    assert thin.work_s > 1.5 * full.work_s


def test_chips_of_a_rail_meet_on_one_switch_and_others_over_a_spine() -> None:
    topology = build("rail_fat_tree", 4, 8)
    assert len(topology.route(3, 3 + 8 * 2)) == 2
    assert len(topology.route(3, 4 + 8 * 2)) == 4


def test_a_dragonfly_reaches_every_chip_within_three_router_links() -> None:
    topology = build("dragonfly", 9, 4, 2)  # canonical: a = 4, h = 2, p = 2, g = a h + 1
    assert topology.num_chips == 72
    assert max(len(topology.route(0, dst)) for dst in range(1, 72)) == 2 + 3
    out = Counter(int(node) for node in topology.src if node >= 72)
    assert set(out.values()) == {2 + 3 + 2}  # chips, routers of the group, other groups


def test_a_twist_shortens_the_ways_of_a_k_by_2k_torus() -> None:
    # the chip half way along both dimensions is nearer over a twisted link
    assert mean_hops(build("twisted_torus", 4, 8)) < mean_hops(build("torus", 4, 8))
    assert mean_hops(build("twisted_torus", 4, 8, twist=0)) == pytest.approx(mean_hops(build("torus", 4, 8)))


def test_a_hypercube_corrects_one_bit_per_hop() -> None:
    topology = build("hypercube", 16)
    assert [len(topology.route(0b0101, dst)) for dst in (0b0100, 0b0110, 0b1010)] == [1, 2, 4]


def test_links_from_a_file_may_be_slow_one_way_and_lead_over_switches(tmp_path: Path) -> None:
    path = tmp_path / "links.txt"
    path.write_text("# three chips, one switch\n0 hub\n1 hub 25GB/s\n2 -> hub 50GB/s 3us\nhub -> 2\n\n")
    topology = build("graph", 3, file=str(path))
    assert [topology.link_name(link) for link in topology.route(2, 1)] == ["chip2->switch3", "switch3->chip1"]
    rates = {topology.link_name(i): rate for i, rate in enumerate(topology.capacity_bytes_per_s.tolist())}
    assert (rates["chip1->switch3"], rates["switch3->chip1"], rates["chip2->switch3"]) == (25e9, 25e9, 50e9)
    assert topology.latency_of(topology.route(2, 0)) == pytest.approx(4e-6)
    # the slow cable of chip 1 sets the pace of a ring: 4 steps of 1 MiB at 25 GB/s
    cost = collective_steps(Call("all_reduce", 3 * 2**20, 3, "ring"), system_of("graph", (3,), file=str(path)))
    assert cost.work_s == pytest.approx(4 * (4e-6 + 2**20 / 25e9), rel=1e-3)


def test_a_bad_line_is_named_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "links.txt"
    for line, complaint in [
        ("0 2 fast", "does not start with a number"),
        ("0 2 0GB/s", "must be above 0"),
        ("0 2 1GB/s -1us", "is negative"),
        ("2", "is no link"),
        ("0 -> 2 -> 1", "is no link"),
        ("2 2", "joins a node to itself"),
        ("1 -> 0", "the link 1->0 stands in line 1 already"),
    ]:
        path.write_text(f"0 1\n{line}  # here\n")
        with pytest.raises(ConfigError, match=rf"links.txt:2:.*{complaint}"):
            build("graph", 3, file=str(path))
        with pytest.raises(ConfigError, match=rf"options.links:2:.*{complaint}"):
            build("graph", 3, links=("0 1", line))
    with pytest.raises(ConfigError, match="from 'file' or from 'links'"):
        build("graph", 2, file=str(path), links=("0 1",))
    with pytest.raises(ConfigError, match="no such file"):
        build("graph", 2, file=str(tmp_path / "none.txt"))


def test_chips_that_are_not_connected_are_a_clear_error() -> None:
    islands = build("graph", 4, links=("0 1", "2 3"))
    with pytest.raises(RoutingError, match="no route from chip 0 to chip 2: they are not connected"):
        islands.route(0, 2)


def test_a_networkx_graph_keeps_its_rates_and_switches() -> None:
    star = nx.star_graph(4)  # node 0 in the middle
    star.nodes[0]["is_chip"] = False
    star.edges[0, 3]["capacity_bytes_per_s"] = 10e9
    topology = from_networkx(star, LINK)
    assert (topology.num_chips, topology.num_nodes, topology.num_links) == (4, 5, 8)
    assert sorted(topology.capacity_bytes_per_s.tolist())[:3] == [10e9, 10e9, 100e9]


def test_a_routing_function_is_followed_and_checked() -> None:
    ring = build("ring", 4)
    long_way = with_routing(ring, lambda src, dst: [(src - i) % 4 for i in range((src - dst) % 4 + 1)])
    assert len(long_way.route(0, 1)) == 3
    assert len(long_way.route(0, 1, dead=[long_way.link_between[0, 3]])) == 1
    with pytest.raises(RoutingError, match="must lead from 0 to 2 over links that exist"):
        with_routing(ring, lambda src, dst: [src, dst]).route(0, 2)


def test_ecmp_on_any_topology_takes_shortest_ways() -> None:
    plain, spread = build("torus", 4, 4), with_ecmp(build("torus", 4, 4), seed=3)
    assert mean_hops(plain) == mean_hops(spread)


def test_levels_are_joined_into_one_graph() -> None:
    system = load_system("nvidia-dgx-a100:16")
    topology = join_levels(list(system.levels.values())).topology
    names = [topology.link_name(link) for link in topology.route(3, 12)]
    assert names == ["chip3->switch18", "switch18->chip12"]  # straight over the port of either chip
    assert len(topology.route(3, 4)) == 2


def test_options_that_a_topology_has_not_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"fat_tree has no option 'uplink'.*Did you mean 'uplinks'"):
        build_topology(system_of("fat_tree", (2, 2), uplink=3).levels["links"])


def test_a_grating_router_gives_every_pair_its_wavelengths() -> None:
    # 4 chips, 6 wavelengths: residues 0 and 1 of s + d have two, 2 and 3 have one; a chip's fibre carries six
    topology = build("awgr", 4, wavelengths=6)
    rate = {pair: float(topology.capacity_bytes_per_s[link]) for pair, link in topology.link_between.items()}
    assert rate[0, 1] == pytest.approx(100e9 * 2 / 6)
    assert rate[0, 2] == pytest.approx(100e9 / 6)
    assert len(rate) == 4 * 3


def test_too_few_wavelengths_for_a_grating_router_are_counted() -> None:
    with pytest.raises(ConfigError, match="16 wavelengths reach 16 of 32 chips: 16 missing"):
        build("awgr", 32, wavelengths=16)
    with pytest.raises(ConfigError, match="at most 128 ports"):
        build("awgr", 129)


def test_an_all_to_all_fills_all_wavelengths_of_a_grating_router() -> None:
    # 8 chips, 8 wavelengths, one dark: a chip sends 7/8 of 64 MiB, each eighth over an eighth of its fibre
    cost = collective_steps(Call("all_to_all", 2**26, 8, "direct"), system_of("awgr", (8,)))
    assert cost.work_s == pytest.approx(1e-6 + 2**26 / 8 / (100e9 / 8), rel=1e-6)


SYSTEM = """
schema_version: 1
kind: system
name: mine
description: Two unequal groups of a cluster.
chip: nvidia-h100-sxm
default_chips: 5
levels:
  net:
    topology: graph
    size: 5
    options: {file: cluster.txt}
    link: {bandwidth: 50 GB/s, latency: 1 us}
"""


def test_a_systems_graph_file_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SYSTEM)
    (tmp_path / "cluster.txt").write_text("0 A\n1 A\n2 B\n3 B\n4 B\nA B 10GB/s 2us\n")
    system = load_system(str(tmp_path / "mine.yaml"))
    cost = collective_steps(Call("send_recv", 2**20, 2), system)
    assert cost.work_s == pytest.approx(2e-6 + 2**20 / 50e9)
    # across the trunk, which three of five chips share in an all_to_all
    assert collective_steps(Call("all_to_all", 5 * 2**20, 5), system).work_s > 6 * 2**20 / 10e9


def test_groups_that_are_not_joined_are_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(SYSTEM)
    (tmp_path / "cluster.txt").write_text("0 A\n1 A\n2 B\n3 B\n4 B\n")
    with pytest.raises(RoutingError, match="no route from chip 0 to chip 2: they are not connected"):
        collective_steps(Call("all_to_all", 2**20, 5), load_system(str(tmp_path / "mine.yaml")))
