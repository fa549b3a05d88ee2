"""Circuits through an optical switch: on the timeline, cut from a traffic matrix, and when to set them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine import simulate
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical import OpticalSwitch, load_optics
from accelsim.network.optical import (
    CircuitSlot,
    break_even_bytes,
    changed_circuits,
    circuit_graph,
    compare_policies,
    cut_into_slots,
    static_circuits,
)
from accelsim.network.optical.policy import collective_s

LINK = LinkSpec(bandwidth_bytes_per_s=50e9, latency_s=1e-6)
SWITCH = OpticalSwitch(
    schema_version=1,
    kind="optical_switch",
    name="bench",
    description="for tests",
    ports=1024,
    reconfiguration_s=1e-3,
    insertion_loss_db=2.0,
)


def slot(out: list[int], nbytes: int) -> CircuitSlot:
    circuits = np.array(out, dtype=np.int64)
    return CircuitSlot(circuits, np.where(circuits >= 0, nbytes, 0))


def test_a_circuit_is_set_up_once_and_stays() -> None:
    # 1 ms to set up, then twice 1 us + 50 MB / 50 GB/s = 1 ms
    twice = [slot([1, 0], 50_000_000)] * 2
    assert math.isclose(simulate(circuit_graph(twice, SWITCH, LINK)).makespan_s, 1e-3 + 2 * 1.001e-3)
    assert changed_circuits(twice) == 2


def test_circuits_that_are_lit_already_cost_nothing() -> None:
    run = simulate(circuit_graph([slot([1, 0], 50_000_000)], SWITCH, LINK, already=np.array([1, 0])))
    assert math.isclose(run.makespan_s, 1.001e-3)


def test_a_new_circuit_waits_for_both_its_ports_and_others_go_on() -> None:
    # slot 0: 0->1 (short) and 2->3 (long); slot 1: 0->3 waits for output 3, 2 is done by then
    first = CircuitSlot(np.array([1, -1, 3, -1]), np.array([50_000_000, 0, 500_000_000, 0]))
    second = CircuitSlot(np.array([3, -1, -1, -1]), np.array([50_000_000, 0, 0, 0]))
    graph = circuit_graph([first, second], SWITCH, LINK)
    run = simulate(graph)
    # 1 ms + 10.001 ms of 2->3, then 1 ms + 1.001 ms
    assert math.isclose(run.makespan_s, 13.002e-3)
    # port 0 is busy setting up twice and sending twice, whatever it waits for
    assert math.isclose(run.server_busy_ticks[0] * 1e-15, 2 * 1e-3 + 2 * 1.001e-3)


def test_an_output_taken_from_an_input_is_dark_for_it_afterwards() -> None:
    # 0->1, then 2->1, then 0->1 again must be set up anew: three settings
    slots = [slot([1, -1, -1], 1), slot([-1, -1, 1], 1), slot([1, -1, -1], 1)]
    assert changed_circuits(slots) == 3
    assert math.isclose(simulate(circuit_graph(slots, SWITCH, LINK)).makespan_s, 3 * (1e-3 + 1e-6), rel_tol=1e-6)


@given(st.integers(2, 8), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_slots_carry_every_byte_once_over_one_to_one_circuits(num_ports: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traffic = rng.integers(0, 1000, (num_ports, num_ports)) * (rng.random((num_ports, num_ports)) < 0.6)
    np.fill_diagonal(traffic, 0)
    carried = np.zeros_like(traffic)
    for each in cut_into_slots(traffic):
        used = np.flatnonzero(each.out >= 0)
        assert len(set(each.out[used].tolist())) == len(used)
        carried[used, each.out[used]] += each.nbytes[used]
    assert (carried == traffic).all()


def test_equal_all_to_all_is_cut_into_as_few_slots_as_there_are_partners() -> None:
    slots = cut_into_slots(np.full((8, 8), 1_000_000))
    assert len(slots) == 7
    # 7 x (1 ms + 1 us + 20 us)
    assert math.isclose(simulate(circuit_graph(slots, SWITCH, LINK)).makespan_s, 7 * 1.021e-3)


def test_a_permutation_over_1024_ports_takes_one_slot() -> None:
    order = np.random.default_rng(0).permutation(1024)  # each port sends to the next in a random order
    traffic = np.zeros((1024, 1024), dtype=np.int64)
    traffic[order, np.roll(order, -1)] = 50_000_000
    slots = cut_into_slots(traffic)
    assert len(slots) == 1
    assert math.isclose(simulate(circuit_graph(slots, SWITCH, LINK)).makespan_s, 2.001e-3)


def test_static_circuits_serve_the_heaviest_pairs_and_keep_all_joined() -> None:
    traffic = np.ones((6, 6), dtype=np.int64)
    heavy = [3, 4, 5, 0, 1, 2]
    traffic[np.arange(6), heavy] = 1_000_000
    circuits = static_circuits(traffic, 2)
    assert circuits[0].tolist() == heavy
    assert collective_s(traffic, circuits, LINK) > 0  # every pair has a way


def test_a_permutation_needs_no_ring() -> None:
    traffic = np.zeros((4, 4), dtype=np.int64)
    traffic[[0, 1, 2, 3], [1, 0, 3, 2]] = 50_000_000
    assert static_circuits(traffic, 1)[0].tolist() == [1, 0, 3, 2]
    assert math.isclose(collective_s(traffic, static_circuits(traffic, 1), LINK), 1.001e-3)


def test_break_even_size_makes_both_equal() -> None:
    found = break_even_bytes(12.5e9, 50e9, 10e-3, stay_latency_s=4e-6, move_latency_s=1e-6)
    stay_s = 4e-6 + found.nbytes / 12.5e9
    move_s = 10e-3 + 1e-6 + found.nbytes / 50e9
    assert math.isclose(stay_s, move_s)
    assert break_even_bytes(50e9, 50e9, 1e-3).nbytes == math.inf


def two_phases(nbytes: int) -> list[list[np.ndarray]]:
    """Pairs that differ between two phases: neighbours at distance 1, then at distance 4, of 8 ports."""
    found = []
    for shift in (1, 4):
        traffic = np.zeros((8, 8), dtype=np.int64)
        traffic[np.arange(8), (np.arange(8) + shift) % 8] = nbytes
        found.append([traffic] * 3)
    return found


def test_policies_cross_at_the_break_even_size() -> None:
    # One circuit per port: static is a ring, on which distance 4 crosses 4 links and shares them with 3 others, a rate
    # of 12.5 GB/s; circuits of its own carry 50 GB/s. Three messages share one reconfiguration of 1 ms:
    # 3 b / 12.5 GB/s + 3 x 4 us = 1 ms + 3 b / 50 GB/s + 3 x 1 us  ->  b = (1 ms - 9 us) / (180 ps) = 5.506 MB
    even = break_even_bytes(12.5e9 / 3, 50e9 / 3, 1e-3, 12e-6, 3e-6).nbytes
    assert math.isclose(even, 5.5056e6, rel_tol=1e-4)
    below = compare_policies(two_phases(int(even * 0.9)), SWITCH, LINK)
    above = compare_policies(two_phases(int(even * 1.1)), SWITCH, LINK)
    assert below["static"].total_s < below["per_phase"].total_s
    assert above["static"].total_s > above["per_phase"].total_s
    assert [above[policy].reconfigurations for policy in ("static", "per_phase", "per_collective")] == [0, 1, 1]


def test_per_collective_pays_for_every_change() -> None:
    one, two = (phase[0] for phase in two_phases(1000))
    report = compare_policies([[one, two, one, two]], SWITCH, LINK)["per_collective"]
    assert (report.reconfigurations, report.reconfiguration_s) == (3, 3e-3)


def test_misuse_is_named() -> None:
    with pytest.raises(ConfigError, match="slot 0 joins two inputs to one output"):
        circuit_graph([slot([1, 1], 5)], SWITCH, LINK)
    palomar = load_optics("palomar-like-ocs")
    assert isinstance(palomar, OpticalSwitch)
    with pytest.raises(ConfigError, match="200 ports asked, 128 there"):
        circuit_graph([slot(list(range(200)), 5)], palomar, LINK)
    with pytest.raises(ConfigError, match="square matrix"):
        cut_into_slots(np.ones((2, 3)))
    with pytest.raises(ConfigError, match="negative bytes"):
        cut_into_slots(-np.ones((2, 2)))
