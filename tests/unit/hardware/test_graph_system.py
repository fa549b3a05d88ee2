"""A graph of networkx as a machine: what runs on it, what is refused, and the files it is written to."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from accelsim import Case, ConfigError, Decode, Prefill, load_system, save_system, simulate, system_of_graph
from accelsim.cost.call import Call
from accelsim.hardware.link import LinkSpec
from accelsim.network.collective import collective_steps
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats
from accelsim.network.topology.base import build_topology
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective

CHIP = "nvidia-h100-sxm"


def two_islands(trunk: Any = "100 GB/s", second: Any = 50e9) -> nx.Graph:
    """Four chips on each of two switches, joined by a trunk."""
    graph = nx.Graph()
    for chip in range(8):
        rate = 50e9 if chip < 4 else second
        graph.add_edge(chip, "A" if chip < 4 else "B", bandwidth=rate, latency="1 us")
    graph.add_edge("A", "B", bandwidth=trunk, latency=2e-6)
    nx.set_node_attributes(graph, {"A": False, "B": False}, "is_chip")
    return graph


def ring(num_chips: int, **edge: Any) -> nx.Graph:
    graph = nx.cycle_graph(num_chips)
    nx.set_edge_attributes(graph, {ends: {"bandwidth": 50e9, "latency": 1e-6, **edge} for ends in graph.edges})
    return graph


def test_chips_switches_and_numbers_of_the_graph_are_those_of_the_topology() -> None:
    system = system_of_graph(CHIP, two_islands(), "islands")
    topology = build_topology(system.levels["graph"])
    assert (system.name, system.num_chips, topology.num_nodes, topology.num_links) == ("islands", 8, 10, 18)
    assert topology.latency_of(topology.route(0, 7)) == pytest.approx(1e-6 + 2e-6 + 1e-6)
    assert system.levels["graph"].link.bandwidth_bytes_per_s == 50e9  # of a chip, not of the trunk


def test_the_trunk_between_two_switches_sets_the_pace_of_what_crosses_it() -> None:
    # all to all of 8 MiB: each of 4 chips sends 4 chunks of 1 MiB across, over 10 or 100 GB/s
    slow, fast = (system_of_graph(CHIP, two_islands(rate)) for rate in ("10 GB/s", 100e9))
    times = [collective_steps(Call("all_to_all", 2**23, 8, "direct"), system).work_s for system in (slow, fast)]
    assert times[0] == pytest.approx(4e-6 + 16 * 2**20 / 10e9, rel=1e-6)
    assert times[1] == pytest.approx(4e-6 + 16 * 2**20 / 100e9, rel=1e-6)


def all_reduce_s(graph: nx.Graph, group: Group) -> float:
    """Time of 1 MiB between the ranks of each group like ``group``, all eight chips at work."""
    pricer = NetworkPricer(system_of_graph(CHIP, graph), Seats(8))
    return pricer.cost(Collective.of("all_reduce", 2**20, group)).work_s


def test_groups_are_priced_where_their_chips_are_and_the_slowest_counts() -> None:
    slow_island, neighbours, across = two_islands(second=5e9), Group("tp", 4, 1), Group("dp", 2, 4)
    # four neighbours, direct: twice 3/4 MiB over the port of a chip, on the slower island
    assert all_reduce_s(two_islands(), neighbours) == pytest.approx(2 * (2e-6 + 3 * 2**18 / 50e9))
    assert all_reduce_s(slow_island, neighbours) == pytest.approx(2 * (2e-6 + 3 * 2**18 / 5e9))
    # pairs across, one shot: four of them share the trunk of 100 GB/s; with slow ports these are the narrower
    assert all_reduce_s(two_islands(), across) == pytest.approx(4e-6 + 4 * 2**20 / 100e9)
    assert all_reduce_s(slow_island, across) == pytest.approx(4e-6 + 2**20 / 5e9)


@pytest.mark.parametrize("plan", ["tp=8", "tp=4,dp=2", "tp=2,pp=4"])
def test_a_model_runs_on_it(plan: str) -> None:
    fast = simulate("llama3-8b", system_of_graph(CHIP, two_islands()), Prefill(4, 512), plan)
    slow = simulate("llama3-8b", system_of_graph(CHIP, two_islands(1e9, 1e9)), Prefill(4, 512), plan)
    assert 0 < fast.latency_s < slow.latency_s


def test_equal_graphs_have_equal_keys_and_others_have_not() -> None:
    keys = [
        Case("llama3-8b", system_of_graph(CHIP, graph), Prefill(1, 512), "tp=8").key()
        for graph in (two_islands("100 GB/s"), two_islands(100e9), two_islands(101e9))
    ]
    assert keys[0] == keys[1] != keys[2]


def test_links_of_a_directed_graph_lead_one_way() -> None:
    graph = nx.DiGraph()
    nx.add_cycle(graph, range(3), bandwidth=50e9)
    graph.add_edge(1, 0, bandwidth=25e9)
    topology = build_topology(system_of_graph(CHIP, graph).levels["graph"])
    assert topology.num_links == 4
    assert [topology.link_name(link) for link in topology.route(0, 2)] == ["chip0->chip1", "chip1->chip2"]
    assert topology.capacity_bytes_per_s[list(topology.route(1, 0))].tolist() == [25e9]


def test_parallel_edges_are_one_link_with_the_sum_of_their_bandwidths() -> None:
    graph = nx.MultiGraph([(0, 1, {"bandwidth": 25e9}), (1, 0, {"bandwidth": "25 GB/s"})])
    topology = build_topology(system_of_graph(CHIP, graph).levels["graph"])
    assert topology.capacity_bytes_per_s.tolist() == [50e9, 50e9]
    graph.add_edge(0, 1, bandwidth=1e9, latency=1e-6)
    with pytest.raises(ConfigError, match="parallel edges of unlike latency"):
        system_of_graph(CHIP, graph)


def test_chips_with_names_keep_the_order_of_the_graph_and_integers_rise() -> None:
    named = nx.Graph([("b", "a", {"bandwidth": 1e9}), ("a", "c", {"bandwidth": 2e9})])
    numbered = nx.relabel_nodes(named, {"b": 9, "a": 4, "c": 7})
    assert system_of_graph(CHIP, named).levels["graph"].spec.options["links"] == ("0 1 1GB/s 0s", "1 2 2GB/s 0s")
    assert system_of_graph(CHIP, numbered).levels["graph"].spec.options["links"] == ("2 0 1GB/s 0s", "0 1 2GB/s 0s")


def test_a_link_gives_what_edges_leave_out() -> None:
    system = system_of_graph(CHIP, nx.cycle_graph(4), link=LinkSpec(bandwidth_bytes_per_s=9e9, latency_s=3e-6))
    assert system.levels["graph"].spec.options["links"][0] == "0 1 9GB/s 3us"


@pytest.mark.parametrize(
    ("edge", "message"),
    [
        ({"bandwidth": 50}, r"edge 0 - 1: bandwidth=50: allowed are 1 MB/s to 1 EB/s. Give e.g. 50e9 or '50 GB/s'"),
        ({"bandwidth": -50e9}, "bandwidth=-5"),
        ({"bandwidth": float("nan")}, "bandwidth=nan"),
        ({"bandwidth": True}, "bandwidth=True"),
        ({"bandwidth": "50"}, "'50' has no unit. Write e.g. '50 GB/s'"),
        ({"bandwidth": None}, "bandwidth: "),
        ({"latency": 5}, "latency=5: allowed are 0 s to 1 s. Give e.g. 1e-6 or '1 us'"),
        ({"latency": -1e-6}, "latency=-1e-06"),
        ({"latency_s": 1e-6}, "states latency and latency_s. Keep one"),
    ],
)
def test_numbers_that_no_link_has_are_refused_with_the_edge(edge: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        system_of_graph(CHIP, ring(4, **edge))


@pytest.mark.parametrize("edge", [{"bandwidth": 1e6}, {"bandwidth": 1e18}, {"latency": 0}, {"latency": 1}])
def test_the_outermost_numbers_are_allowed(edge: dict[str, Any]) -> None:
    assert system_of_graph(CHIP, ring(4, **edge)).num_chips == 4


def test_an_edge_without_a_bandwidth_says_what_it_has() -> None:
    graph = nx.Graph([(0, 1, {"width": 4}), (1, 2, {"bandwidht": 1e9})])
    with pytest.raises(ConfigError, match=r"edge 0 - 1: has no bandwidth. It has 'width'. Give it bandwidth=50e9"):
        system_of_graph(CHIP, graph)
    with pytest.raises(ConfigError, match=r"edge 1 - 2: has no bandwidth. It has 'bandwidht'"):  # a slip of the pen
        system_of_graph(CHIP, graph, link=LinkSpec(bandwidth_bytes_per_s=1e9))


def test_graphs_that_are_no_machine_are_refused() -> None:
    loop = ring(4)
    loop.add_edge(2, 2, bandwidth=1e9)
    with pytest.raises(ConfigError, match="edge 2 - 2: joins a node to itself"):
        system_of_graph(CHIP, loop)
    with pytest.raises(ConfigError, match=r"no way to chip 4 from chip 0 \(4 of 8 chips are cut off\)"):
        system_of_graph(CHIP, nx.disjoint_union(ring(4), ring(4)))
    one_way = nx.DiGraph([(0, 1, {"bandwidth": 1e9})])
    with pytest.raises(ConfigError, match="no way from chip 1 to chip 0"):
        system_of_graph(CHIP, one_way)
    for few in (nx.Graph(), nx.empty_graph(1)):
        with pytest.raises(ConfigError, match="machine of linked chips has 2 or more"):
            system_of_graph(CHIP, few)
    kinds = ring(4)
    kinds.nodes[2]["is_chip"] = "switch"
    with pytest.raises(ConfigError, match="node 2: is_chip='switch'; allowed: True"):
        system_of_graph(CHIP, kinds)


def test_a_run_is_repeated_from_the_file_of_the_machine_with_the_same_key(tmp_path: Path) -> None:
    system = system_of_graph(CHIP, two_islands(123456789012.5), "islands")
    assert save_system(system, tmp_path / "islands.yaml") == [tmp_path / "islands.yaml"]
    here = Case("llama3-8b", system, Decode(1, 512), "tp=8")
    there = here.but(system=str(tmp_path / "islands.yaml"))
    there.save(tmp_path / "case.yaml")
    again = Case.from_file(tmp_path / "case.yaml")
    assert here.key() == there.key() == again.key()
    assert simulate(here).latency_s == simulate(again).latency_s


def test_links_may_lie_in_a_file_beside(tmp_path: Path) -> None:
    system = system_of_graph(CHIP, two_islands())
    written = save_system(system, tmp_path / "islands.yaml", links="links.txt")
    assert [path.name for path in written] == ["links.txt", "islands.yaml"]
    again = load_system(str(tmp_path / "islands.yaml"))
    (tmp_path / "copy").mkdir()
    save_system(again, tmp_path / "copy" / "islands.yaml")  # names the same file, from another folder
    moved = load_system(str(tmp_path / "copy" / "islands.yaml"))
    times = {collective_steps(Call("all_to_all", 2**23, 8), machine).work_s for machine in (system, again, moved)}
    assert len(times) == 1
    with pytest.raises(ConfigError, match="0 levels hold links of a graph"):
        save_system(load_system("nvidia-dgx-h100:8"), tmp_path / "x.yaml", links="links.txt")


@pytest.mark.parametrize("name", ["nvidia-dgx-h100:16", "google-tpu-v4-pod:4x4x4", "graphcore-pod16:8"])
def test_any_machine_can_be_written_and_read_again(name: str, tmp_path: Path) -> None:
    system = load_system(name)
    save_system(system, tmp_path / "again.yaml")
    again = load_system(str(tmp_path / "again.yaml"))
    assert (again.levels, again.host, again.chip) == (system.levels, system.host, system.chip)


def test_a_part_that_a_number_of_chips_does_not_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name 'FILE:4x4x16'"):
        save_system(load_system("google-tpu-v4-pod:4x4x16"), tmp_path / "x.yaml")
    assert not list(tmp_path.iterdir())


def test_a_changed_chip_is_written_beside_the_machine(tmp_path: Path) -> None:
    system = load_system("nvidia-dgx-h100:8", [("chip.clock", "1.5 GHz")])
    assert [path.name for path in save_system(system, tmp_path / "slow.yaml")] == ["slow-chip.yaml", "slow.yaml"]
    assert load_system(str(tmp_path / "slow.yaml")).chip.clock_hz == 1.5e9
