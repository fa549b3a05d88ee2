"""Trees, reduction in switches and channels between nodes, by hand."""

from __future__ import annotations

import pytest

from accelsim.cost.call import Call
from accelsim.hardware.level import ChannelSpec
from accelsim.hardware.system import load_system
from accelsim.network.channels import filled_share, send_channels, tree_channels
from accelsim.network.collective import collective_choices, collective_steps
from accelsim.network.on_graph import Pipeline
from accelsim.network.sweep import bus_bytes_per_s, sweep_collective
from accelsim.workload.group import Group

ROCE = load_system("nvidia-h100-roce:40")
GIB = 2**30


def test_a_tree_of_five_nodes_of_eight_by_hand() -> None:
    # Up and down the chain of 8: 2 x 7 hops inside. Up and down a binary tree of 5 nodes: 2 x ceil(log2 5) = 6 hops.
    # Each node sends the buffer twice over 4 ports: 1/2 GiB a port. Its busiest chip has two nodes and the chain below
    # it and a parent: 2 x 3 + 2 + 2 = 10 passes, which 16 channels (one per 12.5 GB/s of 200, at most 16) take in turn.
    level = ROCE.levels["roce"]
    spec, simple = level.collectives, level.collectives.protocols["simple"]
    most = 16 * spec.channels.tree_bandwidth_bytes_per_s / 10  # bytes of the buffer in a second
    port = 4 * simple.efficiency * 50e9 / 2
    pieces = max(min(GIB / 16 / 2**15, 8 * (3 + 7)), GIB / 16 / 2**19)  # 128 chunks of 512 KiB a channel
    seconds = GIB / min(most, port) * (pieces + 6) / pieces
    inside_s = min(one.step_latency_s for one in ROCE.levels["nvlink"].collectives.protocols.values()) + 0.5e-6
    hops_s = 14 * inside_s + 6 * (simple.step_latency_s + 2e-6)
    cost = collective_steps(Call("all_reduce", GIB, 40, "double_binary_tree"), ROCE)
    assert cost.call.protocol == "simple"
    assert cost.work_s == pytest.approx(spec.launch_s + simple.launch_s + hops_s + seconds, rel=1e-3)
    assert bus_bytes_per_s(cost) / 1e9 == pytest.approx(150, rel=0.1)  # measured


def test_of_two_nodes_a_tree_passes_the_ports_once_and_of_three_twice() -> None:
    two, three = (load_system(f"nvidia-dgx-a100:{8 * nodes}") for nodes in (2, 3))
    sent = [
        collective_steps(Call("all_reduce", 2**24, system.num_chips, "double_binary_tree"), system).traffic_bytes
        for system in (two, three)
    ]
    assert [one["infiniband"] for one in sent] == [2**24 // 8, pytest.approx(2 * 2**24 / 8, abs=8)]


def test_of_algorithms_over_five_nodes_the_tree_is_first_for_small_calls_and_the_ring_for_large_ones() -> None:
    swept = sweep_collective("all_reduce", [2**10, 2**20, 2**30], Group("ranks", 40, 1), ROCE)
    assert [cost.call.algorithm for cost in swept.fastest] == ["double_binary_tree", "double_binary_tree", "ring"]
    assert [(one.before, one.after) for one in swept.crossovers] == [("double_binary_tree", "ring")]


@pytest.mark.parametrize(("nodes", "order"), [(2, ["in_network", "ring"]), (4, ["ring", "in_network"])])
def test_switches_with_a_tree_across_win_over_two_nodes_and_the_ring_over_four(nodes: int, order: list[str]) -> None:
    # measured on H200 over EFA: 463 (NVLSTree) over two nodes; 365 (ring) against 310 over four
    system = load_system(f"aws-p5en:{8 * nodes}")
    found = collective_choices(Call("all_reduce", 4 * GIB, 8 * nodes), system)
    ranked = sorted(found, key=lambda cost: cost.work_s)
    assert [cost.call.algorithm for cost in ranked if cost.call.algorithm in order] == order


@pytest.mark.parametrize("nodes", [4, 16, 32])
def test_over_many_nodes_the_ring_beats_switches_with_a_tree_and_these_a_tree_of_chips(nodes: int) -> None:
    # measured on B200 over InfiniBand, 16 GiB: ring 305 to 335, NVLSTree 289 to 291, tree 191 to 193 GB/s
    found = collective_choices(Call("all_reduce", 16 * GIB, 8 * nodes), load_system(f"nvidia-dgx-b200:{8 * nodes}"))
    ranked = sorted(found, key=lambda cost: cost.work_s)
    assert [cost.call.algorithm for cost in ranked] == ["ring", "in_network", "double_binary_tree"]


def test_one_chip_per_node_has_no_switch_to_reduce_in() -> None:
    system = load_system("nvidia-dgx-h100:32")
    names = {cost.call.algorithm for cost in collective_choices(Call("all_reduce", GIB, 4), system, 8)}
    assert names == {"ring", "double_binary_tree"}


def test_switches_outside_reduce_only_where_their_library_is_asked_for() -> None:
    system = load_system("nvidia-dgx-b200:128")
    own, sharp = (
        bus_bytes_per_s(collective_steps(Call("all_reduce", 16 * GIB, 128, library=name), system))
        for name in ("", "sharp")
    )
    assert own < 400e9 < sharp  # measured over 16 nodes: 305 and 547 GB/s


def test_ports_collide_where_all_of_over_two_nodes_send() -> None:
    share = load_system("nvidia-dgx-b200:32").levels["infiniband"].spec.full_load
    two, four = (
        collective_steps(Call("all_gather", 8 * GIB, 8 * nodes, "ring"), load_system(f"nvidia-dgx-b200:{8 * nodes}"))
        for nodes in (2, 4)
    )
    rates = [cost.phases[0].bandwidth_bytes_per_s for cost in (two, four)]
    assert rates[1] == pytest.approx(share * rates[0])


def test_channels_follow_the_ports_of_a_node_up_to_sixteen() -> None:
    assert [tree_channels(ChannelSpec(), ports, 25e9) for ports in (1, 2, 8, 9)] == [2, 4, 16, 16]


def test_a_send_has_fewer_channels_the_more_ranks_share_them() -> None:
    # 32 channels for sends: 4 a peer up to 32 ranks, 2 up to 64, one beyond
    assert [send_channels(ranks, 8) for ranks in (32, 33, 64, 65)] == [4, 2, 2, 1]


def test_a_pipeline_of_as_many_pieces_as_hops_works_half_of_the_time() -> None:
    assert filled_share(Pipeline(6 * 2**19, 1, 6, 1), 2**19) == pytest.approx(8 / 14)  # halved to 8 chunks a rank
    assert filled_share(Pipeline(600 * 2**19, 1, 6, 1), 2**19) == pytest.approx(600 / 606)
    assert filled_share(None, 2**19) == 1.0


def test_sends_of_small_ranks_fill_a_port_and_of_many_one_channel() -> None:
    system = load_system("nvidia-dgx-b200:16")
    few, many = (
        collective_steps(Call("send_recv", GIB, 2, channels=channels), system, 8).phases[0].bandwidth_bytes_per_s
        for channels in (4, 1)
    )
    channel = system.levels["infiniband"].collectives.channels.send_bandwidth_bytes_per_s
    assert (many, few > 3 * many) == (channel, True)
