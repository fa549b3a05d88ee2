"""Machines of which one resource is faster."""

import pytest

from accelsim.cost.causes import COLLECTIVE_LAUNCH, FIXED_CYCLES, LINK_BYTES, LINK_LATENCY
from accelsim.cost.relieve import reliefs
from accelsim.hardware.system import load_system


def relieved(system, cause):
    return {change: faster for faster, change in reliefs(load_system(system), cause, 2.0)}


def test_latency_launch_and_bandwidth_of_links_are_relieved_each_alone():
    before = load_system("nvidia-dgx-h100").levels["nvlink"].spec
    protocol = before.collectives.protocols["simple"]
    near = relieved("nvidia-dgx-h100", LINK_LATENCY)["1/2 link latency"].levels["nvlink"].spec
    assert near.link.latency_s == before.link.latency_s / 2
    assert near.collectives.protocols["simple"].step_latency_s == protocol.step_latency_s / 2
    assert near.collectives.launch_s == before.collectives.launch_s
    assert near.link.bandwidth_bytes_per_s == before.link.bandwidth_bytes_per_s

    quick = relieved("nvidia-dgx-h100", COLLECTIVE_LAUNCH)["1/2 launch of collectives"].levels["nvlink"].spec
    assert quick.collectives.launch_s == before.collectives.launch_s / 2
    assert quick.collectives.protocols["simple"].step_latency_s == protocol.step_latency_s
    assert quick.link == before.link

    wide = relieved("nvidia-dgx-h100", LINK_BYTES)["2x link bandwidth"].levels["nvlink"].spec
    assert wide.link.bandwidth_bytes_per_s == 2 * before.link.bandwidth_bytes_per_s
    assert wide.collectives == before.collectives


@pytest.mark.parametrize(
    ("system", "cause", "change", "section", "key"),
    [
        ("cerebras-cs2", FIXED_CYCLES, "1/2 fixed cycles", "mesh", "stage_cycles"),
        ("cerebras-cs2", "launch", "1/2 launch overhead", "mesh", "phase_cycles"),
        ("graphcore-m2000", "sync", "1/2 sync time", "bsp", "sync"),
        ("google-tpu-v4", "step", "1/2 step time", "systolic", "step"),
        ("nvidia-h100-sxm", "latency", "1/2 latency of kernels", "rowwise", "kernel"),
        ("amd-mi300x", "latency", "1/2 latency of kernels", "rowwise", "kernel"),  # typical numbers stand in
    ],
)
def test_calibrated_times_behind_a_cause_are_halved_and_no_others(system, cause, change, section, key):
    before, after = load_system(system).chip, relieved(system, cause)[change].chip
    numbers = {name: after.calibration[section][name] for name in before.calibration.get(section, {})}
    changed = {name for name, value in numbers.items() if value != before.calibration[section][name]}
    assert not before.calibration.get(section) or key in changed
    assert after.clock_hz == before.clock_hz
    assert after.memories == before.memories


def test_a_cause_that_no_field_stands_behind_has_no_relief():
    assert relieved("nvidia-h100-sxm", "idle") == {}
    assert relieved("nvidia-h100-sxm", LINK_BYTES) == {}  # one chip has no links
