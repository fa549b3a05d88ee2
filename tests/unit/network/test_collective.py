from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.cost.call import Call, FoldedStep
from accelsim.errors import ConfigError
from accelsim.hardware.system import System, load_system
from accelsim.network.collective import collective_steps
from accelsim.network.pricing import price_collective
from accelsim.workload.group import Group
from accelsim.workload.operators.collective import Collective

POD = load_system("google-tpu-v4-pod:64")
DGX = load_system("nvidia-dgx-a100:32")


def test_ring_all_reduce_on_a_switch_by_hand() -> None:
    # 8 ranks, 64 MiB: 14 steps of 8 MiB; the file's "simple" protocol
    cost = collective_steps(Call("all_reduce", 2**26, 8, "ring"), DGX)
    (phase,) = cost.phases
    assert (cost.call.protocol, phase.level, phase.steps) == ("simple", "nvlink", (FoldedStep(2**23, 14),))
    level = DGX.levels["nvlink"]
    simple = level.collectives.protocols["simple"]
    step_s = 0.5e-6 + simple.step_latency_s + 2**23 / (simple.efficiency * 300e9)
    assert phase.step_s(2**23) == pytest.approx(step_s)
    own_s = 2**23 / level.collectives.copy_bandwidth_bytes_per_s
    assert cost.launch_s == pytest.approx(level.collectives.launch_s + simple.launch_s + own_s)
    assert cost.work_s == pytest.approx(cost.launch_s + 14 * step_s)
    assert cost.traffic_bytes == {"nvlink": 14 * 2**23}
    latency_s = 14 * (0.5e-6 + simple.step_latency_s)
    parts_s = {"launch": cost.launch_s, "link latency": latency_s, "nvlink": 14 * step_s - latency_s}
    assert cost.parts_s == pytest.approx(parts_s)
    assert (cost.limiter, cost.on_cores) == ("nvlink", False)


def test_small_messages_take_a_low_latency_protocol() -> None:
    assert collective_steps(Call("all_reduce", 4096, 8, "ring"), DGX).call.protocol == "ll"


def test_a_ring_over_nodes_uses_the_port_of_every_chip() -> None:
    # 16 ranks on 2 nodes: each of the 8 ports carries an eighth of what a node passes on
    cost = collective_steps(Call("all_reduce", 16 * 2**23, 16, "ring"), DGX)
    assert {phase.level for phase in cost.phases} == {"infiniband"}
    assert sum(step.repeat for phase in cost.phases for step in phase.steps) == 30
    assert cost.phases[0].steps == (FoldedStep(2**20, 4),)


def test_of_the_steps_of_a_ring_two_in_sixteen_wait_for_the_adapters() -> None:
    # the ring of 16 ranks crosses between the two nodes twice: of 30 steps 30 x 2 / 16, rounded up
    across, inside = collective_steps(Call("all_reduce", 16 * 2**23, 16, "ring"), DGX).phases
    levels = DGX.levels
    simple = levels["infiniband"].collectives.protocols["simple"]
    quickest_s = min(spec.step_latency_s for spec in levels["nvlink"].collectives.protocols.values())
    assert across.step_latency_s == pytest.approx(simple.step_latency_s + 2e-6)
    assert (inside.steps[0].repeat, inside.step_latency_s) == (26, pytest.approx(quickest_s + 0.5e-6))


def test_a_group_with_one_rank_per_node_has_one_port() -> None:
    cost = collective_steps(Call("all_reduce", 4 * 2**20, 4, "ring"), DGX, 8)
    assert (cost.phases[0].level, cost.phases[0].steps) == ("infiniband", (FoldedStep(2**20, 6),))


def test_a_torus_with_wraparound_has_two_rings_per_dimension() -> None:
    cost = collective_steps(Call("all_reduce", 64 * 6000, 64, "ring"), POD)
    assert (cost.phases[0].links, cost.phases[0].steps) == (6, (FoldedStep(1000, 126),))


def test_four_neighbours_on_a_torus_are_one_of_its_rings() -> None:
    cost = collective_steps(Call("all_reduce", 4 * 2000, 4, "ring"), POD)
    assert (cost.phases[0].links, cost.phases[0].steps) == (2, (FoldedStep(1000, 6),))


def test_a_sub_block_of_the_torus_is_a_block_whatever_its_last_extent() -> None:
    # 48 of 4x4x4 are three whole planes: a ring both ways through the block, every step one hop, nothing to warn of
    cost = collective_steps(Call("all_reduce", 48 * 2000, 48, "ring"), POD)
    assert (cost.phases[0].links, cost.phases[0].steps, cost.warnings) == (2, (FoldedStep(1000, 94),), ())


def test_ranks_that_are_no_block_run_a_ring_along_a_snake() -> None:
    # six of 4x4x4: a row and two of the next; the way back is at most 2 hops in the row that wraps and 1 between rows
    cost = collective_steps(Call("all_reduce", 6 * 1000, 6, "ring"), POD)
    wire_s = POD.levels["ici"].link.latency_s
    spec = POD.levels["ici"].collectives.protocols[cost.call.protocol]
    assert cost.phases[0].step_latency_s == pytest.approx(spec.step_latency_s + (5 + 3) / 6 * wire_s)
    assert any("ranks-apart" in text and "3 hops apart" in text for text in cost.warnings)


def test_a_column_of_the_torus_is_as_good_as_a_row() -> None:
    row = collective_steps(Call("all_reduce", 8000, 4, "ring"), POD)
    column = collective_steps(Call("all_reduce", 8000, 4, "ring"), POD, 16)
    assert row.work_s == column.work_s


def test_a_group_that_is_no_block_is_priced_as_a_line_and_says_so() -> None:
    cost = collective_steps(Call("all_reduce", 6000, 6, "ring"), POD)
    assert any("are no block of" in text for text in cost.warnings)
    assert cost.phases[0].links == 1


def test_bucket_phases_on_a_cube_by_hand() -> None:
    # 4x4x4: 6 parts of 64 chunks of 1000 B; 3 steps per phase with 16, 4, 1 chunks, and back again: 18 steps
    cost = collective_steps(Call("all_reduce", 6 * 64 * 1000, 64, "torus_bucket"), POD)
    there = (FoldedStep(16000, 3), FoldedStep(4000, 3), FoldedStep(1000, 3))
    assert cost.phases[0].steps == (*there, *there[::-1])
    assert cost.phases[0].links == 6
    # as many bytes as one ring: 2 (n - 1) / n of the buffer
    assert cost.traffic_bytes == {"ici": 2 * 63 * 6 * 1000}


def test_small_all_reduce_on_a_cube_takes_the_bucket_algorithm_because_it_has_fewer_steps() -> None:
    assert collective_steps(Call("all_reduce", 65536, 64), POD).call.algorithm == "torus_bucket"


def test_bucket_needs_a_block_of_two_dimensions() -> None:
    with pytest.raises(ConfigError, match="torus_bucket needs a block of two or more dimensions"):
        collective_steps(Call("all_reduce", 4000, 4, "torus_bucket"), POD)
    with pytest.raises(ConfigError, match="torus_bucket needs a block of two or more dimensions"):
        collective_steps(Call("all_reduce", 4000, 8, "torus_bucket"), DGX)


def test_a_group_of_one_costs_nothing() -> None:
    cost = collective_steps(Call("all_reduce", 1 << 20, 1), DGX)
    assert (cost.work_s, cost.traffic_bytes, cost.energy_j, cost.phases) == (0.0, {}, 0.0, ())


def test_energy_is_that_of_the_bytes_sent() -> None:
    cost = collective_steps(Call("all_gather", 8 * 1000, 8, "ring"), DGX)
    assert cost.energy_j == pytest.approx(7 * 1000 * 8e-12 * 8)  # 7 steps of 1000 B at 8 pJ/bit


def test_errors_name_what_is_known() -> None:
    with pytest.raises(ConfigError, match=r"unknown collective 'allreduce'.*Did you mean 'all_reduce'"):
        collective_steps(Call("allreduce", 1, 8), DGX)
    with pytest.raises(ConfigError, match=r"no algorithm 'rng' for all_reduce.*Did you mean 'ring'"):
        collective_steps(Call("all_reduce", 1, 8, "rng"), DGX)
    with pytest.raises(ConfigError, match=r"-1 bytes; expected 0 to"):
        collective_steps(Call("all_reduce", -1, 8), DGX)
    with pytest.raises(ConfigError, match="do not fit 32 chips"):
        collective_steps(Call("all_reduce", 1, 64), DGX)


def test_an_operator_is_priced_by_its_function_size_and_group() -> None:
    operator = Collective.of("all_reduce", 1 << 20, Group("tp", 8))
    assert price_collective(operator, DGX) == collective_steps(Call("all_reduce", 1 << 20, 8), DGX)


def test_a_level_without_calibration_warns() -> None:
    bare = load_system("nvidia-dgx-a100")
    spec = bare.levels["nvlink"].spec
    plain = spec.model_copy(update={"collectives": type(spec.collectives)()})
    level = type(bare.levels["nvlink"])("nvlink", plain, (8,), (True,))
    system = System("bare", bare.chip, {"nvlink": level}, 8)
    cost = collective_steps(Call("all_reduce", 1 << 20, 8), system)
    assert any("not calibrated" in text for text in cost.warnings)


@given(st.integers(0, 2**34), st.integers(0, 2**34), st.sampled_from(["all_reduce", "all_gather", "reduce_scatter"]))
@settings(max_examples=60)
def test_more_bytes_never_take_less_time(first: int, second: int, kind: str) -> None:
    small, large = sorted((first, second))
    for system, ranks in ((DGX, 8), (DGX, 16), (POD, 64)):  # a pipelined tree may: one piece more fills it better
        first_s, second_s = (collective_steps(Call(kind, n, ranks, "ring"), system).work_s for n in (small, large))
        assert first_s <= second_s


@given(st.integers(1, 2**30), st.sampled_from([2, 4, 8]))
def test_auto_is_never_slower_than_any_algorithm(nbytes: int, ranks: int) -> None:
    auto = collective_steps(Call("all_reduce", nbytes, ranks), DGX).work_s
    assert auto <= collective_steps(Call("all_reduce", nbytes, ranks, "ring"), DGX).work_s


def test_a_call_outside_what_was_measured_says_so() -> None:
    system = load_system("nvidia-dgx-h100")
    inside = collective_steps(Call("all_reduce", 2**29, 8), system)
    outside = collective_steps(Call("all_reduce", 2**29 + 1, 8), system)
    assert inside.warnings == ()
    text = "all_reduce over nvlink: 536870913 bytes are outside the measured 512 to 536870912."
    assert outside.warnings == (f"collective-outside-measured: {text}",)


def test_an_algorithm_may_have_numbers_for_one_collective_alone() -> None:
    system = load_system("nvidia-dgx-h100")
    spec = system.levels["nvlink"].collectives.algorithms["direct/send_recv"]
    cost = collective_steps(Call("send_recv", 2**26, 2), system)
    assert cost.call.algorithm == "direct"
    rate = cost.phases[0].bandwidth_bytes_per_s
    assert rate == 450e9 * spec.protocols["simple"].efficiency
    assert collective_steps(Call("all_to_all", 2**26, 8), system).phases[0].bandwidth_bytes_per_s != rate


def test_an_unknown_algorithm_in_a_system_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    level = "levels:\n  nvlink:\n    collectives:\n      algorithms: {rnig: {}}\n"
    file.write_text(f"extends: nvidia-dgx-h100\nname: mine\ndescription: mine\n{level}")
    with pytest.raises(ConfigError, match=r"unknown algorithm 'rnig'.*Did you mean 'ring'"):
        collective_steps(Call("all_reduce", 1024, 8), load_system(str(file)))
