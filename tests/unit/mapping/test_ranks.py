import itertools

import numpy as np
import pytest

from accelsim.case.case import Case
from accelsim.errors import PlacementError, PlanError
from accelsim.hardware.system import load_system
from accelsim.mapping.placement.base import PLACERS, ItemWire
from accelsim.mapping.ranks import ChipGraph, GroupTraffic, RankTraffic, parse_ranks, place_ranks, rank_traffic
from accelsim.mapping.shard import shard
from accelsim.network.collectives.base import get_algorithm
from accelsim.network.seats import Seats
from accelsim.placing import place_ranks as place_ranks_of
from accelsim.workload.group import Group
from accelsim.workload.phase import Decode, Prefill

MIB = 1 << 20


@pytest.fixture(scope="module")
def torus():
    """16 chips as 4 x 4."""
    return ChipGraph(load_system("google-tpu-v4-pod:16"))


def ring(num_ranks, group):
    schedule = get_algorithm("all_reduce", "ring").messages(MIB, (group,))
    return RankTraffic(num_ranks, (GroupTraffic(Seats(num_ranks).groups(Group("tp", group)), schedule, 1),))


def test_wires_are_the_bytes_of_the_schedule_in_every_group():
    traffic = ring(8, 4)
    # a ring all_reduce sends 2 (n - 1) / n of the buffer to the next rank
    assert traffic.wires == tuple(
        ItemWire(start + a, start + b, 2 * 3 / 4 * MIB) for start in (0, 4) for a, b in ((0, 1), (0, 3), (1, 2), (2, 3))
    )


def test_hops_are_those_of_the_topology(torus):
    assert torus.hops[0, 1] == torus.hops[0, 4] == 1
    assert torus.hops[0, 5] == 2
    assert (np.diag(torus.hops) == 0).all()
    assert torus.link_s_per_byte[0, 5] == pytest.approx(2 / torus.topology.capacity_bytes_per_s[0])


@pytest.mark.parametrize("name", [name for name in PLACERS.names() if name != "exact"])
def test_every_placer_gives_every_rank_a_chip_of_its_own(torus, name):
    found = place_ranks(ring(12, 4), torus, name, seed=1, budget=2000)
    assert len(set(found.chips)) == 12
    assert max(found.chips) < 16
    assert found.link_s >= found.bound_link_s


def test_a_ring_of_eight_on_a_torus_needs_a_snake_and_annealing_finds_one(torus):
    traffic = ring(16, 8)
    by_number, found = (place_ranks(traffic, torus, name, seed=0, budget=5000) for name in ("row_major", "annealing"))
    # by number the ring makes two steps of two hops per group, 10 hops instead of 8
    assert by_number.byte_hops == pytest.approx(found.byte_hops * 10 / 8)
    assert found.gap == pytest.approx(0)
    # 14 steps of an eighth of the buffer, over one hop or over two
    hop_s, step_s = torus.topology.latency_s[0], MIB / 8 / torus.topology.capacity_bytes_per_s[0]
    assert found.collective_s == pytest.approx(14 * (hop_s + step_s), rel=1e-6)
    assert by_number.collective_s == pytest.approx(14 * (2 * hop_s + step_s), rel=1e-6)


def best_of_all(traffic, graph, num_ranks):
    return min(
        sum(w.nbytes * graph.link_s_per_byte[chips[w.a], chips[w.b]] for w in traffic.wires)
        for chips in itertools.permutations(range(graph.topology.num_chips), num_ranks)
    )


def test_exact_is_the_best_of_all_orders():
    graph, traffic = ChipGraph(load_system("graphcore-pod16:4")), ring(4, 2)
    found = place_ranks(traffic, graph, "exact", seed=0, budget=48)  # 4! orders on 1 or 2 shelves
    assert found.link_s == pytest.approx(best_of_all(traffic, graph, 4))
    with pytest.raises(PlacementError, match=r"the time of 48 layouts of 4 items; budget is 47\."):
        place_ranks(traffic, graph, "exact", seed=0, budget=47)


def test_annealing_comes_within_15_percent_of_all_orders():
    graph, traffic = ChipGraph(load_system("graphcore-pod16:8")), ring(6, 3)
    found = place_ranks(traffic, graph, "annealing", seed=0, budget=5000)
    assert found.link_s <= 1.15 * best_of_all(traffic, graph, 6)


def test_a_file_of_chips_round_trips_and_is_used(torus, tmp_path):
    found = place_ranks(ring(8, 4), torus, "greedy", seed=0, budget=0)
    assert parse_ranks(found.to_yaml()) == found.chips
    path = tmp_path / "ranks.yaml"
    path.write_text(found.to_yaml(), encoding="utf-8")
    assert place_ranks(ring(8, 4), torus, str(path), seed=0, budget=0).chips == found.chips
    with pytest.raises(PlacementError, match="8 ranks up to chip"):
        place_ranks(ring(12, 4), torus, str(path), seed=0, budget=0)


def test_what_cannot_be_placed_is_told(torus):
    with pytest.raises(PlacementError, match="chip 3 holds two ranks"):
        parse_ranks("schema_version: 1\nkind: ranks\nplacer: me\nchips: [3, 3]\n")
    with pytest.raises(PlacementError, match="32 ranks on 16 chips"):
        place_ranks(ring(32, 4), torus, "greedy", seed=0, budget=0)
    with pytest.raises(PlanError, match="exchanges nothing between ranks"):
        place_ranks_of(Case("llama3-8b", "google-tpu-v4-pod:16", Decode(16, 64), "dp=16"))
    with pytest.raises(PlanError, match="has one chip"):
        ChipGraph(load_system("nvidia-a100-sxm-80gb"))


@pytest.mark.parametrize("microbatches", [1, 4, 8])
def test_a_stage_sends_for_its_own_layers_and_once_to_the_next(microbatches):
    case = Case("llama3-8b", "google-tpu-v4-pod:16", Prefill(8, 512), f"tp=4,pp=4,microbatches={microbatches}")
    job = case.load(None).job
    whole = shard(job.model.build(job.phase.fullest(), job.recipe), job.plan)
    traffic = rank_traffic(whole, job.plan, job.system)
    activation = 8 * 512 * 4096 * 2
    sent = {(wire.a, wire.b): wire.nbytes for wire in traffic.wires}
    assert all(sent[rank, rank + 4] == activation for rank in range(12))
    assert sum(nbytes for (a, b), nbytes in sent.items() if b == a + 4) == 12 * activation
    # two ring all_reduces in each of 8 layers and one of the embedding: 2 * 3/4 of the buffer between neighbours
    assert sent[4, 5] == 2 * 8 * 2 * 3 / 4 * activation
    assert sent[0, 1] == (2 * 8 + 1) * 2 * 3 / 4 * activation
