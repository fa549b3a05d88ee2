"""Groups are priced where their ranks sit: on whole levels one stands for all, elsewhere on the graph of the chips."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim.cost.call import Call
from accelsim.errors import ConfigError
from accelsim.hardware.level import Level, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import load_system
from accelsim.network.collective import collective_steps
from accelsim.network.placed import PlacedNetwork
from accelsim.network.pricing import NetworkPricer
from accelsim.network.seats import Seats, interleaved
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.exchange import Exchange
from accelsim.workload.operators.send_recv import SendRecv

MB = 1_000_000
FAST, SLOW = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6), LinkSpec(bandwidth_bytes_per_s=10e9, latency_s=5e-6)


def level(name, topology, shape, link, wrap=True, **more):
    spec = Level(topology=topology, size=shape, link=link, **more)
    return SystemLevel(name, spec, shape, (wrap,) * len(shape))


def system_of(*levels):
    chips = int(np.prod([one.size for one in levels]))
    return replace(load_system("nvidia-a100-sxm-80gb"), levels={one.name: one for one in levels}, num_chips=chips)


NODES = system_of(level("inside", "switch", (8,), FAST), level("network", "switch", (4,), SLOW))
SHARED_PORTS = system_of(
    level("inside", "switch", (8,), FAST), level("network", "switch", (4,), SLOW, ports_per_group=4)
)
TORUS = system_of(level("ici", "torus", (4, 4), FAST))


def cost_of(system, num_ranks, group, kind="all_reduce", chips=None):
    pricer = NetworkPricer(system, Seats(num_ranks, chips))
    return pricer.cost(Collective.of(kind, MB, group))


def ring_s(num_ranks, link, step_bytes, hops=1):
    return 2 * (num_ranks - 1) * (hops * link.latency_s + step_bytes / link.bandwidth_bytes_per_s)


@pytest.mark.parametrize(
    ("group", "level", "link"),
    [
        (Group("tp", 8), "inside", FAST),  # a node
        (Group("dp", 4, 2), "inside", FAST),  # 0 2 4 6 of each node
        (Group("dp", 4, 8), "network", SLOW),  # one chip of each node
        (Group("dp", 2, 16), "network", SLOW),  # of every second node
    ],
)
def test_a_stride_chooses_the_level_that_its_ranks_cross(group, level, link):
    cost = cost_of(NODES, 32, group)
    assert cost.phases[0].level == level
    ring = collective_steps(Call("all_reduce", MB, group.size, "ring"), NODES, group.stride)
    assert ring.work_s == pytest.approx(ring_s(group.size, link, MB / group.size))
    assert cost.work_s == collective_steps(Call("all_reduce", MB, group.size), NODES, group.stride).work_s


def test_groups_across_nodes_take_turns_at_shared_ports():
    alone, own, shared = (
        collective_steps(Call("all_reduce", MB, 4, "ring"), SHARED_PORTS, 8),
        cost_of(NODES, 32, Group("dp", 4, 8)),
        cost_of(SHARED_PORTS, 32, Group("dp", 4, 8)),
    )
    assert alone.work_s == pytest.approx(ring_s(4, SLOW, MB / 4))
    # eight groups of one chip per node at once, four ports per node: every port carries two of them
    ring = next(c for c in PlacedNetwork(SHARED_PORTS).choices("all_reduce", MB, Seats(32).groups(Group("dp", 4, 8)))
                if c.call.algorithm == "ring")  # fmt: skip
    assert ring.work_s == pytest.approx(ring_s(4, SLOW, 2 * MB / 4))
    assert shared.work_s > own.work_s


def test_a_column_of_a_torus_is_a_ring_of_its_own():
    column = cost_of(TORUS, 16, Group("dp", 4, 4))
    assert Seats(16).follow_levels(Group("dp", 4, 4), TORUS)
    assert column.work_s == cost_of(TORUS, 16, Group("tp", 4)).work_s  # a row


def test_every_second_chip_of_a_torus_shares_links_with_the_group_between():
    group = Group("dp", 2, 2)  # 0 2 and 1 3 of each row
    assert not Seats(16).follow_levels(group, TORUS)
    costs = {c.call.algorithm: c for c in PlacedNetwork(TORUS).choices("all_reduce", MB, Seats(16).groups(group))}
    # two hops each way, and every link of the row is on the way of both groups; both ways round is no different
    assert costs["ring"].work_s == pytest.approx(ring_s(2, FAST, 2 * MB / 2, hops=2))
    assert cost_of(TORUS, 16, group).work_s == min(cost.work_s for cost in costs.values())


def test_a_stride_that_straddles_nodes_is_priced_on_the_chips_of_all_groups():
    group = Group("dp", 4, 3)  # 0 3 6 9: two levels, unevenly
    assert not Seats(24).follow_levels(group, NODES)
    cost = cost_of(NODES, 24, group)
    assert cost.phases[0].level == "network"
    assert cost.call.num_ranks == 4
    assert not any("do not divide evenly" in warning for warning in cost.warnings)


def test_neighbouring_groups_that_straddle_nodes_are_not_taken_for_groups_inside():
    # ranks 6 7 8 lie on two nodes, 0 1 2 on one
    assert cost_of(NODES, 3, Group("tp", 3)).phases[0].level == "inside"
    assert cost_of(NODES, 15, Group("tp", 3)).phases[0].level == "network"


def test_placed_in_order_a_group_costs_what_its_level_says():
    group = Group("tp", 8)
    chips = tuple(range(32))
    placed = {
        c.call.algorithm: c.work_s
        for c in PlacedNetwork(NODES).choices("all_reduce", MB, Seats(32, chips).groups(group))
    }
    assert placed["ring"] == pytest.approx(collective_steps(Call("all_reduce", MB, 8, "ring"), NODES, 1).work_s)
    assert placed["direct"] == pytest.approx(collective_steps(Call("all_reduce", MB, 8, "direct"), NODES, 1).work_s)


def test_a_ring_of_placed_chips_runs_both_ways_round_where_links_are_between_chips():
    column = Seats(16, tuple(range(16))).groups(Group("dp", 4, 4))
    ring = {c.call.algorithm: c for c in PlacedNetwork(TORUS).choices("all_reduce", MB, column)}["ring"]
    assert ring.phases[0].links == 2
    assert ring.work_s == pytest.approx(ring_s(4, FAST, MB / 4 / 2))
    assert ring.work_s == pytest.approx(collective_steps(Call("all_reduce", MB, 4, "ring"), TORUS, 4).work_s)


def test_ranks_on_other_nodes_cross_the_network():
    swapped = (0, 8, 1, 9, *range(2, 8), *range(10, 16))
    cost = cost_of(NODES, 16, Group("tp", 2), chips=swapped)
    assert cost.phases[0].level == "network"
    assert cost.work_s > cost_of(NODES, 16, Group("tp", 2)).work_s


def test_a_stage_sends_over_the_level_between_it_and_the_next():
    pricer = NetworkPricer(NODES, Seats(16))
    group = Group("pp", 8, 2)
    inside, across = (pricer.cost(SendRecv.of(MB, group, source)) for source in (0, 3))
    assert (inside.phases[0].level, across.phases[0].level) == ("inside", "network")
    assert inside.work_s == pytest.approx(1e-6 + MB / 100e9)
    assert across.work_s == pytest.approx(5e-6 + MB / 10e9)


def test_an_exchange_is_priced_by_the_kernels_of_the_level_it_crosses():
    system = load_system("nvidia-dgx-h800:32")
    near, far = (
        NetworkPricer(system, Seats(32)).cost(Exchange.of(64, 7168, Group("ep", 4, stride))) for stride in (1, 8)
    )
    assert (near.phases[0].level, far.phases[0].level) == ("nvlink", "infiniband")
    assert far.call.algorithm in system.levels["infiniband"].spec.expert_kernels


def test_groups_between_the_ranks_of_the_first_play_beside_it():
    assert interleaved(Group("dp", 3, 2), TORUS).tolist() == [[0, 2, 4], [1, 3, 5]]
    assert interleaved(Group("dp", 2, 15), TORUS).tolist() == [[0, 15]]
    with pytest.raises(ConfigError, match="do not fit 16 chips"):
        interleaved(Group("dp", 2, 16), TORUS)
