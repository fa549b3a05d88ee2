"""Routers, traffic patterns and queues of the on-chip network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError, RoutingError, ShapeError
from accelsim.network.noc import LoadedMesh, MeshGrid, RouterSpec, Traffic, route_link_bytes
from accelsim.network.noc.traffic import bit_complement, hotspot, neighbour, tornado, transpose, uniform

PATTERNS = (uniform, transpose, tornado, neighbour, bit_complement)


def loaded(grid: MeshGrid, flows: list[tuple[int, int, float]], **router: float) -> LoadedMesh:
    matrix = np.zeros((grid.num_nodes, grid.num_nodes))
    for src, dst, rate in flows:
        matrix[src, dst] += rate
    return LoadedMesh(Traffic.from_matrix(grid, matrix), RouterSpec(**router))  # type: ignore[arg-type]


# ---- routers ----


def test_pipeline_cycles_add_up_along_the_way() -> None:
    slow = RouterSpec(
        routing_cycles=2, vc_allocation_cycles=3, switch_allocation_cycles=4, switch_cycles=5, link_cycles=6
    )
    # 14 cycles per router and 6 per link; 2 links between 3 routers and one to each core; 1 at the source
    assert slow.zero_load_cycles(2, 1) == 3 * 14 + 4 * 6 + 1
    assert slow.hop_latency_s(1e9) == pytest.approx(20e-9)


def test_impossible_routers_packets_and_loads_are_refused() -> None:
    with pytest.raises(ConfigError, match="link_cycles=-1"):
        RouterSpec(link_cycles=-1)
    with pytest.raises(ConfigError, match=r"allocation_loss=-0\.1; must be at least 0"):
        RouterSpec(allocation_loss=-0.1)
    mesh = LoadedMesh(uniform(MeshGrid(2, 2)))
    with pytest.raises(ConfigError, match="packet_flits=0"):
        mesh.mean_latency_cycles(0.1, 0)
    with pytest.raises(ConfigError, match=r"load=-0\.1"):
        mesh.mean_latency_cycles(-0.1, 1)


# ---- patterns ----


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("side", [1, 4, 5])
def test_every_node_sends_and_receives_one_flit_per_cycle_at_load_1(pattern: object, side: int) -> None:
    traffic = pattern(MeshGrid(side, side))  # type: ignore[operator]
    for end in (traffic.src, traffic.dst):
        np.testing.assert_allclose(np.bincount(end, traffic.rate, side * side), 1.0)


def test_a_hotspot_gets_its_fraction_and_its_share_of_the_rest() -> None:
    traffic = hotspot(MeshGrid(2, 2), [3], 0.4)
    # 4 senders: 0.4 of each, and a quarter of the remaining 0.6 of each
    np.testing.assert_allclose(np.bincount(traffic.dst, traffic.rate), [0.6, 0.6, 0.6, 4 * 0.4 + 0.6])


def test_impossible_traffic_is_refused() -> None:
    grid = MeshGrid(2, 3)
    with pytest.raises(ShapeError, match="2x3 mesh has no transpose"):
        transpose(grid)
    with pytest.raises(ShapeError, match="6 nodes"):
        Traffic.from_matrix(grid, np.ones((2, 3)))
    with pytest.raises(ShapeError, match="at least 0"):
        Traffic.from_matrix(grid, -np.ones((6, 6)))
    with pytest.raises(RoutingError, match="0 to 5"):
        hotspot(grid, [6], 0.1)
    with pytest.raises(ConfigError, match=r"fraction=1\.5"):
        hotspot(grid, [0], 1.5)


# ---- utilization and saturation ----


def test_uniform_traffic_loads_the_middle_of_a_k_wide_mesh_with_k_quarters() -> None:
    # Half the nodes of a row send half their flits across the middle: 4 x 1/2 flits per cycle at load 1 for k = 8.
    mesh = LoadedMesh(uniform(MeshGrid(8, 8)))
    assert mesh.link_utilization(0.1).max() == pytest.approx(0.2)


@given(st.sampled_from(PATTERNS), st.integers(2, 6))
def test_utilization_is_the_sum_of_routes(pattern: object, side: int) -> None:
    traffic = pattern(MeshGrid(side, side))  # type: ignore[operator]
    expected = route_link_bytes(traffic.grid, traffic.src, traffic.dst, traffic.rate)
    np.testing.assert_allclose(LoadedMesh(traffic).link_utilization(0.5), 0.5 * expected, atol=1e-12)


def test_flows_that_share_a_link_but_want_nothing_else_use_all_of_it() -> None:
    # Nodes 0 and 1 send to node 2 over the link 1 -> 2, half its rate each: no input has flits for another output.
    mesh = loaded(MeshGrid(1, 3), [(0, 2, 1.0), (1, 2, 1.0)])
    assert mesh.saturation_load == pytest.approx(0.5)


def test_an_output_whose_feeders_also_feed_others_saturates_earlier() -> None:
    # As above, but half of node 1's flits go the other way: of the two inputs of the link 1 -> 2 (rates 1 and 0.5) one
    # sends 0.5 elsewhere, so the mean over the link's flits is (1 x 0 + 0.5 x 0.5) / 1.5 = 1/6.
    mesh = loaded(MeshGrid(1, 3), [(0, 2, 1.0), (1, 2, 0.5), (1, 0, 0.5)], allocation_loss=0.3)
    assert mesh.saturation_load == pytest.approx(1 / (1.5 + 0.3 / 6))


def test_a_hotspot_saturates_at_the_port_of_its_core() -> None:
    mesh = LoadedMesh(hotspot(MeshGrid(4, 4), [5], 1.0))
    # 16 cores send everything to one that takes a flit per cycle; no input of its router wants anything else.
    assert mesh.saturation_load == pytest.approx(1 / 16)


# ---- waiting ----


def test_two_flows_that_merge_wait_half_a_packet_for_each_other() -> None:
    mesh = loaded(MeshGrid(1, 3), [(0, 2, 1.0), (1, 2, 1.0)], allocation_loss=0.0, blocking=0.0)
    link = mesh.grid.link_names.index("noc(0,1)->(0,2)")
    # Rates 0.1 and 0.1: competing rate 0.1, half a packet of 5 flits, and the queue's 1 / (1 - 0.2).
    assert mesh.waiting_cycles(0.1, 5)[link] == pytest.approx(0.1 * 5 / 2 / 0.8)
    # They stay on one input from there on and never wait again.
    assert np.count_nonzero(mesh.waiting_cycles(0.1, 5)) == 1
    # Mean of hops 2 and 1, 6 + 4 each, 4 for the packet; source queue 0.1 x 4 / (2 x 0.9).
    expected = 6 + 4 * 1.5 + 4 + 0.1 * 5 / 2 / 0.8 + 0.1 * 4 / (2 * 0.9)
    assert mesh.mean_latency_cycles(0.1, 5) == pytest.approx(expected)


@given(st.floats(0.0, 0.99), st.integers(1, 9))
def test_traffic_that_never_merges_waits_only_at_its_source(load: float, flits: int) -> None:
    mesh = loaded(MeshGrid(2, 3), [(0, 2, 1.0), (5, 3, 1.0)])
    assert not mesh.waiting_cycles(load, flits).any()
    assert mesh.mean_latency_cycles(load, flits) == pytest.approx(
        14 + flits - 1 + load * (flits - 1) / (2 * (1 - load))
    )


@given(st.sampled_from(PATTERNS), st.integers(2, 6), st.integers(1, 8))
def test_latency_rises_with_load_from_the_idle_one_to_infinity_at_saturation(
    pattern: object, side: int, flits: int
) -> None:
    mesh = LoadedMesh(pattern(MeshGrid(side, side)))  # type: ignore[operator]
    loads = np.array([0.0, 0.3, 0.6, 0.9, 0.99]) * mesh.saturation_load
    latencies = [mesh.mean_latency_cycles(load, flits) for load in loads]
    idle = np.average(mesh.router.zero_load_cycles(mesh.routes.hops, flits), weights=mesh.traffic.rate)
    assert latencies[0] == pytest.approx(idle)
    assert np.all(np.diff(latencies) >= -1e-9)
    assert np.all(np.isfinite(latencies))
    assert mesh.mean_latency_cycles(mesh.saturation_load * 1.001, flits) == np.inf


def test_only_flows_over_a_saturated_link_wait_forever() -> None:
    mesh = loaded(MeshGrid(2, 3), [(0, 2, 1.0), (1, 2, 1.0), (3, 4, 0.1)])
    latency = dict(zip(mesh.traffic.src.tolist(), mesh.latency_cycles(0.6, 1), strict=True))
    assert latency[0] == latency[1] == np.inf
    assert latency[3] == pytest.approx(10)


def test_an_idle_pattern_has_no_latency_growth_and_no_saturation() -> None:
    mesh = loaded(MeshGrid(1, 2), [(0, 0, 0.5)])
    assert mesh.saturation_load == pytest.approx(2.0)
    assert mesh.mean_latency_cycles(0.5, 1) == pytest.approx(6.0)
