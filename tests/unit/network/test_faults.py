"""Dead and slow links of a level in collectives over all of it, over a part of it, and over several levels."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from accelsim.cost.call import Call
from accelsim.errors import AccelsimError, ConfigError, RoutingError
from accelsim.hardware.system import System, load_system
from accelsim.network.collective import collective_steps

MIB = 2**20


def faulty(reference: str, level: str, faults: str) -> System:
    return load_system(reference, ((f"system.levels.{level}.faults", faults),))


def seconds(system: System, kind: str, ranks: int, algorithm: str, nbytes: int = 64 * MIB) -> float:
    return collective_steps(Call(kind, nbytes, ranks, algorithm), system).work_s


@pytest.mark.parametrize("algorithm", ["in_network", "ring"])
def test_a_port_at_full_speed_is_no_fault_and_at_half_speed_doubles_what_it_carries(algorithm: str) -> None:
    whole, slow = (
        faulty("nvidia-dgx-h100", "nvlink", f"[{{src: 0, dst: 8, capacity_fraction: {share}}}]") for share in (1, 0.5)
    )
    by_formula_s = seconds(load_system("nvidia-dgx-h100"), "all_reduce", 8, algorithm)
    assert seconds(whole, "all_reduce", 8, algorithm) == pytest.approx(by_formula_s, rel=2e-3)
    more = collective_steps(Call("all_reduce", 64 * MIB, 8, algorithm), slow)
    base = collective_steps(Call("all_reduce", 64 * MIB, 8, algorithm), whole)
    largest, of_base = (max(step.nbytes for step in cost.phases[0].steps) for cost in (more, base))
    assert largest == pytest.approx(2 * of_base, rel=1e-6)


def test_a_dead_port_leaves_in_network_no_way() -> None:
    with pytest.raises(RoutingError, match="no route"):
        seconds(faulty("nvidia-dgx-h100", "nvlink", "[{src: 0, dst: 8}]"), "all_reduce", 8, "in_network")


def test_a_group_on_a_part_of_a_switch_has_the_faults_of_the_slowest_group() -> None:
    slow = faulty("nvidia-dgx-h100", "nvlink", "[{src: 5, dst: 8, capacity_fraction: 0.5}]")
    of_four = faulty("nvidia-dgx-h100:4", "nvlink", "[{src: 1, dst: 4, capacity_fraction: 0.5}]")  # 5 is second of 4..7
    assert seconds(slow, "all_reduce", 4, "ring") == seconds(of_four, "all_reduce", 4, "ring")
    assert seconds(slow, "all_reduce", 4, "ring") > seconds(load_system("nvidia-dgx-h100"), "all_reduce", 4, "ring")


@pytest.mark.parametrize(("fault", "is_inside"), [("{src: 0, dst: 1", True), ("{src: 3, dst: 4", False)])
def test_links_between_groups_of_a_ring_slow_no_group(fault: str, is_inside: bool) -> None:
    overrides = (("system.levels.nvlink.topology", "line"),)
    whole = load_system("nvidia-dgx-a100:8", overrides)
    slow = load_system(
        "nvidia-dgx-a100:8", (*overrides, ("system.levels.nvlink.faults", f"[{fault}, capacity_fraction: 0.1}}]"))
    )
    extra_s = seconds(slow, "all_to_all", 4, "direct") - seconds(whole, "all_to_all", 4, "direct")
    assert (extra_s > 0.1 * seconds(whole, "all_to_all", 4, "direct")) is is_inside


def test_the_slowest_link_of_a_torus_sets_the_pace_of_the_bucket_algorithm_and_a_dead_one_rules_it_out() -> None:
    pod, slow, dead = (
        faulty("google-tpu-v4-pod:4x4x4", "ici", faults)
        for faults in ("[]", "[{src: 0, dst: 1, capacity_fraction: 0.5}]", "[{src: 0, dst: 1}]")
    )
    base, more = (collective_steps(Call("all_reduce", 64 * MIB, 64, "torus_bucket"), s) for s in (pod, slow))
    sizes, of_base = ([step.nbytes for step in cost.phases[0].steps] for cost in (more, base))
    assert sizes == pytest.approx([2 * size for size in of_base], abs=1)
    with pytest.raises(AccelsimError, match="does not suit"):
        seconds(dead, "all_reduce", 64, "torus_bucket")


def test_a_fault_of_a_node_is_one_of_all_its_ports() -> None:
    slow = faulty("nvidia-dgx-h100:16", "infiniband", "[{src: 0, dst: 2, capacity_fraction: 0.5}]")
    base_s, slow_s = (seconds(s, "all_to_all", 16, "direct") for s in (load_system("nvidia-dgx-h100:16"), slow))
    assert 1.5 * base_s < slow_s < 2.1 * base_s


def test_a_fault_between_two_nodes_under_one_switch_is_refused_with_the_numbers_to_use() -> None:
    slow = faulty("nvidia-dgx-h100:16", "infiniband", "[{src: 0, dst: 1}]")
    wanted: Sequence[str] = ("system.levels.infiniband", "groups of 8 chips, 0 to 1", "the switch, 2")
    with pytest.raises(ConfigError) as caught:
        seconds(slow, "all_to_all", 16, "direct")
    assert all(text in str(caught.value) for text in wanted)
