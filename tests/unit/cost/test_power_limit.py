"""Clocks that fall at the power limit: by hand, at both sides of the limit, and through a whole run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim import Decode, Prefill, simulate
from accelsim.cost.power_limit import WAITING_SHARE, Draw, held_at_limit
from accelsim.hardware.chip import Voltage
from accelsim.hardware.system import load_chip

CHIP = load_chip("nvidia-h100-sxm").model_copy(
    update={"idle_w": 50.0, "busy_w": 100.0, "tdp_w": 300.0, "voltage": Voltage(slope=0.5, floor=0.8)}
)


def draw(total_s=1.0, compute_s=1.0, waiting_s=0.0, cores_j=0.0, bytes_j=0.0):
    return Draw(*(np.array([float(value)]) for value in (total_s, compute_s, waiting_s, cores_j, bytes_j)))


def power_w(one, held, chip=CHIP, share=1.0):
    seconds = one.total_s + held.longer_s
    busy_j = share * chip.busy_w * (seconds - held.rest_s)
    return share * chip.idle_w + (busy_j + held.cores_j + one.bytes_j) / seconds


def test_an_operator_at_the_limit_is_left_as_it_is_to_the_bit():
    one = draw(cores_j=150.0)  # 50 + 100 + 150 = 300 W
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert held.longer_s[0] == 0.0 and held.clock[0] == 1.0
    assert held.cores_j is one.cores_j


def test_one_joule_more_lowers_the_clock():
    one = draw(cores_j=151.0)
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert 0.0 < held.longer_s[0] < 0.01
    assert power_w(one, held)[0] == pytest.approx(300.0)


def test_a_clock_is_that_of_a_calculation_by_hand():
    # At r = 0.6: v = max(0.8, 1 - 0.5 x 0.4) = 0.8; T = 1 / 0.6 s; busy 100 x 0.6 x 0.64 = 38.4 W; E_cores x 0.64.
    # 50 + 38.4 + 0.64 x E x 0.6 = 300 W for E = 551.04 J.
    one = draw(cores_j=211.6 / (0.64 * 0.6))
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert held.clock[0] == pytest.approx(0.6)
    assert held.longer_s[0] == pytest.approx(1 / 0.6 - 1)
    assert held.cores_j[0] == pytest.approx(0.64 * one.cores_j[0])


def test_what_memory_decides_takes_no_longer_at_a_lower_clock():
    one = draw(compute_s=0.0, cores_j=200.0, bytes_j=20.0)
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert held.clock[0] < 1.0 and held.longer_s[0] == 0.0
    assert power_w(one, held)[0] <= 300.0 * (1 + 1e-9)


def test_bytes_that_alone_pass_the_limit_wait():
    one = draw(compute_s=0.1, bytes_j=500.0)  # no clock helps: 50 W idle and 500 J have to last 2 s
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert power_w(one, held)[0] == pytest.approx(300.0)
    assert held.longer_s[0] > 0.9


def test_cores_that_wait_draw_a_share_of_busy_power():
    one = draw(compute_s=0.0, waiting_s=1.0)
    held = held_at_limit(one, CHIP, CHIP.num_cores)
    assert power_w(one, held)[0] == pytest.approx(50.0 + 100.0 * WAITING_SHARE)


def test_half_the_cores_have_half_the_limit():
    one = draw(cores_j=151.0)
    half = draw(cores_j=75.5)
    whole, part = held_at_limit(one, CHIP, CHIP.num_cores), held_at_limit(half, CHIP, CHIP.num_cores // 2)
    assert part.clock[0] == pytest.approx(whole.clock[0])


@settings(max_examples=60, deadline=None)
@given(
    compute=st.floats(0.0, 1.0),
    waiting=st.floats(0.0, 1.0),
    cores_j=st.floats(0.0, 5000.0),
    bytes_j=st.floats(0.0, 1000.0),
    slope=st.floats(0.0, 1.0),
    floor=st.floats(0.1, 1.0),
)
def test_power_is_never_above_the_limit_and_nothing_gets_faster(compute, waiting, cores_j, bytes_j, slope, floor):
    chip = CHIP.model_copy(update={"voltage": Voltage(slope=slope, floor=floor)})
    one = draw(1.0, compute, waiting * (1.0 - compute), cores_j, bytes_j)
    held = held_at_limit(one, chip, chip.num_cores)
    assert power_w(one, held, chip)[0] <= chip.tdp_w * (1 + 1e-9)
    assert held.longer_s[0] >= 0.0
    more = held_at_limit(draw(1.0, compute, waiting * (1.0 - compute), cores_j + 10.0, bytes_j), chip, chip.num_cores)
    assert more.clock[0] <= held.clock[0] + 1e-9


@pytest.fixture(scope="module")
def small_board():
    return simulate("llama3-8b", "nvidia-l4", Prefill(1, 1024), ignore_capacity=True)


def test_a_board_of_72_watts_keeps_its_limit_and_says_what_it_costs(small_board):
    assert small_board.power.peak_w <= 72.0 * (1 + 1e-9)
    assert small_board.ledger.cause_s["power limit"] > 0.0
    assert small_board.ledger.cause_s == pytest.approx(small_board.ledger.critical_cause_s)


def test_a_higher_limit_is_a_way_out(small_board):
    unlimited = simulate(
        "llama3-8b", "nvidia-l4", Prefill(1, 1024), ignore_capacity=True, overrides={"chip.tdp": "1000 W"}
    )
    assert "power limit" not in unlimited.ledger.cause_s
    saved_s = small_board.latency_s - unlimited.latency_s
    assert saved_s == pytest.approx(small_board.ledger.cause_s["power limit"], rel=1e-6)
    gains = [one.change for one in small_board.bottleneck.what_ifs]
    assert "2x power limit" in gains


def test_a_run_below_the_limit_does_not_know_of_it():
    plain = simulate("llama3-8b", "nvidia-a100-sxm-80gb", Decode(4, 2048), what_ifs=False)
    unlimited = simulate(
        "llama3-8b", "nvidia-a100-sxm-80gb", Decode(4, 2048), what_ifs=False, overrides={"chip.tdp": "10 kW"}
    )
    assert plain.latency_s == unlimited.latency_s
    assert plain.energy == unlimited.energy
    assert "power limit" not in plain.ledger.cause_s


def test_steps_of_a_decode_that_pass_the_limit_are_priced_alike_in_columns_and_alone():
    overrides = {"chip.tdp": "330 W"}
    steps = simulate("llama3-8b", "nvidia-h100-sxm", Decode(64, 8192, steps=3), what_ifs=False, overrides=overrides)
    one = simulate("llama3-8b", "nvidia-h100-sxm", Decode(64, 8192, steps=1), what_ifs=False, overrides=overrides)
    assert steps.power.peak_w <= 330.0 * (1 + 1e-9)
    assert one.latency_s <= steps.latency_s / 3
