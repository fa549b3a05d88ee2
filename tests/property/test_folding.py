"""Folding ranks is exact: one representative rank gives what all ranks with real links give, to the tick."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim import simulate
from accelsim.engine import simulate as play
from accelsim.errors import ConfigError, RoutingError
from accelsim.hardware.level import Level, LinkFault, SystemLevel
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.system import load_system
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.lower import lower
from accelsim.mapping.plan import Plan
from accelsim.mapping.price import Pricer
from accelsim.mapping.shard import shard
from accelsim.mapping.unfold import unfold_block
from accelsim.network.seats import Seats
from accelsim.workload.build import build_workload
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode, Prefill

SYSTEMS = ["nvidia-dgx-a100:2", "nvidia-dgx-a100:8", "nvidia-dgx-h100:4", "google-tpu-v4-pod:4", "google-tpu-v4-pod:8"]
OTHER_TOPOLOGIES = ["ring", "line", "switch", "torus", "mesh"]
# Widths divisible by the ranks, so that chunks are equal: folding counts the largest chunk for all.
MODEL = load_model("llama3-8b")


def priced_blocks(system, phase):
    plan = Plan(tp=system.num_chips)
    return Pricer(system, region_of(plan, system.chip)).price(shard(build_workload(MODEL, phase), plan))


def compare(system, phase):
    blocks = priced_blocks(system, phase)
    for block, stage in zip(blocks, lower([blocks], system).program.stages, strict=True):
        folded = play(stage.graph, engine="simpy")
        graph = unfold_block(block, system, Seats(system.num_chips))
        unfolded = play(graph, engine="simpy")
        later = unfolded.makespan_ticks - folded.makespan_ticks
        assert 0 <= later <= steps_of(block), block.name
        # Every rank loads its memory as the one did, and is busy as long.
        memory = system.chip.main_memory
        ranks = [list(graph.links).index(name) for name in graph.links if name.partition("@")[0] == memory]
        assert len(ranks) == system.num_chips
        one = list(stage.graph.links).index(memory)
        assert set(unfolded.link_bytes[ranks].tolist()) == {int(folded.link_bytes[one])}
        streams = unfolded.server_busy_ticks[: system.num_chips]
        assert set(streams.tolist()) == {int(folded.server_busy_ticks[0])}
        assert_links_carry_what_the_price_says(block, graph, unfolded, system)


def steps_of(block):
    """Steps of the collectives; one in which flows share a link (all into one port of a switch) may end a tick later.

    A share of a link is a whole number of 2**-14 bytes/s, rounded down; the folded rank has the link to itself.
    """
    phases = [phase for priced in block.operators for phase in priced.cost.phases]
    return sum(step.repeat for phase in phases for step in phase.steps)


def assert_links_carry_what_the_price_says(block, graph, timeline, system):
    collectives = [p.cost for p in block.operators if p.operator.kind == "collective"]
    sent = sum(sum(cost.traffic_bytes.values()) for cost in collectives) * system.num_chips
    hops = np.diff(graph.route_ptr)
    of_collective = np.isin(graph.label, [i for i, p in enumerate(block.operators) if p.operator.kind == "collective"])
    # Chunks of a buffer that does not divide differ by a byte; folding counts the largest for all of them.
    assert 0 <= sent - graph.nbytes[of_collective].sum() <= np.count_nonzero(graph.nbytes[of_collective])
    assert (graph.nbytes * hops)[of_collective].sum() == timeline.link_bytes[system.num_chips :].sum()


@pytest.mark.parametrize("phase", [Prefill(1, 256), Decode(16, 500)], ids=str)
@pytest.mark.parametrize("name", SYSTEMS)
def test_folded_and_unfolded_ranks_agree_to_the_tick_on_shipped_systems(name, phase):
    compare(load_system(name), phase)


def with_topology(topology):
    """Four A100 joined by another topology, uncalibrated."""

    system = load_system("nvidia-dgx-a100:4")
    shape, wrap = ((2, 2), (True, True)) if topology in ("torus", "mesh") else ((4,), (True,))
    link = LinkSpec(bandwidth_bytes_per_s=100e9, latency_s=1e-6)
    level = SystemLevel("links", Level(topology=topology, size=shape, link=link), shape, wrap)
    return replace(system, levels={"links": level})


@pytest.mark.parametrize("topology", OTHER_TOPOLOGIES)
def test_folded_and_unfolded_ranks_agree_on_every_topology(topology):
    compare(with_topology(topology), Prefill(1, 256))


def with_faults(system, *faults):

    (level,) = system.levels.values()
    spec = level.spec.model_copy(update={"faults": faults})
    return replace(system, levels={level.name: replace(level, spec=spec)})


def test_a_slow_link_switches_folding_off_and_slows_the_whole_group():
    system = load_system("nvidia-dgx-a100:4")
    slow = with_faults(system, LinkFault(src=2, dst=4, capacity_fraction=0.25))  # chip 2 up to the switch
    healthy = simulate("llama3-8b", system, Prefill(1, 512), "tp=4", what_ifs=False)
    limping = simulate("llama3-8b", slow, Prefill(1, 512), "tp=4", what_ifs=False)
    assert not any("folding" in warning for warning in healthy.warnings)
    assert "folding-off: nvlink has 0 dead and 1 slow links, so all 4 ranks are simulated" in limping.warnings
    assert limping.latency_s > healthy.latency_s
    assert limping.ledger.exposed_s > healthy.ledger.exposed_s


def test_a_dead_link_is_routed_around_where_there_is_another_way():
    system = with_topology("ring")
    dead = with_faults(system, LinkFault(src=0, dst=1))
    healthy = simulate("llama3-8b", system, Prefill(1, 512), "tp=4", what_ifs=False)
    around = simulate("llama3-8b", dead, Prefill(1, 512), "tp=4", what_ifs=False)
    assert any(warning.startswith("folding-off: links has 1 dead") for warning in around.warnings)
    assert around.latency_s > healthy.latency_s


def test_a_dead_port_of_a_switch_leaves_no_route_and_says_so():
    dead = with_faults(load_system("nvidia-dgx-a100:4"), LinkFault(src=2, dst=4))
    with pytest.raises(RoutingError, match="no route from chip 2 to chip 3"):
        simulate("llama3-8b", dead, Prefill(1, 512), "tp=4", what_ifs=False)


def test_a_fault_of_a_link_that_does_not_exist_is_refused():
    dead = with_faults(load_system("nvidia-dgx-a100:4"), LinkFault(src=0, dst=1))
    with pytest.raises(ConfigError, match="has no link from node 0 to 1"):
        simulate("llama3-8b", dead, Prefill(1, 512), "tp=4", what_ifs=False)


@pytest.mark.parametrize(
    ("name", "plan", "level"),
    [
        ("nvidia-dgx-a100:8", "tp=4,dp=2,order=dp-tp-pp", "nvlink"),  # every second chip of a node
        ("nvidia-dgx-h100:16", "tp=2,dp=8,order=dp-tp-pp", "infiniband"),  # one chip of each node
        ("google-tpu-v4-pod:4x4x1", "tp=4,dp=4,order=dp-tp-pp", "ici"),  # columns of the torus
    ],
)
def test_folded_and_unfolded_ranks_agree_for_groups_of_ranks_apart(name, plan, level):
    system, plan = load_system(name), Plan.parse(plan)
    seats = Seats(plan.num_ranks)
    share = shard(build_workload(MODEL, Prefill(1, 256)), plan)
    blocks = Pricer(system, region_of(plan, system.chip), seats).price(share)
    costs = [p.cost for block in blocks for p in block.operators if p.operator.kind == "collective"]
    assert {name for cost in costs for name in cost.traffic_bytes} == {level}
    for block, stage in zip(blocks, lower([blocks], system).program.stages, strict=True):
        folded, unfolded = play(stage.graph), play(unfold_block(block, system, seats))
        assert unfolded.makespan_ticks == folded.makespan_ticks, block.name


@pytest.mark.parametrize("name", ["nvidia-dgx-h100:16", "google-tpu-v4-pod:4x4x1"])
def test_ranks_seated_at_random_are_no_slower_one_by_one_than_their_price(name):
    # The price has all groups of a step meet at the busiest link; played, each waits for its own partners only.
    system, plan = load_system(name), Plan(tp=4, dp=4)
    chips = np.random.default_rng(3).permutation(16).tolist()
    seats = Seats(16, tuple(chips))
    share = shard(build_workload(MODEL, Prefill(1, 256)), plan)
    blocks = Pricer(system, region_of(plan, system.chip), seats).price(share)
    for block, stage in zip(blocks, lower([blocks], system).program.stages, strict=True):
        folded, unfolded = play(stage.graph), play(unfold_block(block, system, seats))
        assert 0.6 * folded.makespan_ticks <= unfolded.makespan_ticks <= folded.makespan_ticks, block.name
