"""Optical links: rates, latency, energy against use, and budgets that must close."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.catalog import Catalog
from accelsim.errors import ConfigError
from accelsim.hardware.optical import CopperLink, OpticalLink, OpticalSwitch, Reach, link_from_optics, load_optics
from accelsim.hardware.optical.decibel import to_dbm, to_watt
from accelsim.hardware.system import load_system

NAMES = Catalog().names("optics")
LINK = """
schema_version: 1
kind: optical_link
name: bench
description: a link for tests
fibres: 2
wavelengths: 4
rate: 32 Gb/s
electro_optic: 3 ns
opto_electric: 2 ns
laser: {power: 10 mW, wall_plug: 0.1}
rings: {through_loss: 0.01 dB, drop_loss: 1 dB, tuning: 1 mW}
medium: {loss: 1 dB/cm, group_index: 2.99792458}
energy: {modulator: 0.5 pJ/bit, receiver: 0.5 pJ/bit}
budget:
  losses: {coupler: {loss: 1.5 dB, count: 2}, crossings: {loss: 0.1 dB, count: 5}}
  receiver_sensitivity: -10 dBm
  margin: 3 dB
"""


def bench(tmp_path: Path, *overrides: tuple[str, str]) -> OpticalLink:
    path = tmp_path / "bench.yaml"
    path.write_text(LINK)
    link = load_optics(str(path), overrides)
    assert isinstance(link, OpticalLink)
    return link


def test_bandwidth_is_fibres_times_wavelengths_times_rate(tmp_path: Path) -> None:
    # 2 x 4 x 32 Gb/s = 256 Gb/s = 32 GB/s
    assert bench(tmp_path).bandwidth_bytes_per_s == 32e9


def test_latency_is_conversion_both_ways_and_time_of_flight(tmp_path: Path) -> None:
    # 3 ns + 2 ns + 0.1 m x 10 ns/m (index 2.998 in vacuum light of 0.2998 m/ns)
    assert math.isclose(bench(tmp_path).latency_s(Reach(0.1)), 6e-9)


def test_idle_power_is_lasers_over_wall_plug_and_two_heaters_per_wavelength(tmp_path: Path) -> None:
    # 8 channels x 10 mW / 0.1 = 0.8 W; 16 rings x 1 mW = 0.016 W
    assert math.isclose(bench(tmp_path).static_w, 0.816)


def test_energy_per_useful_bit_grows_as_the_link_idles(tmp_path: Path) -> None:
    link = bench(tmp_path)
    # 1 pJ/bit and 0.816 W over 256 Gb/s = 3.1875 pJ/bit; at a quarter of the use four times the latter
    assert math.isclose(link.energy_per_useful_byte_j(1.0) / 8e-12, 4.1875)
    assert math.isclose(link.energy_per_useful_byte_j(0.25) / 8e-12, 1 + 4 * 3.1875)
    assert link.energy_per_useful_byte_j(0.0) == math.inf
    with pytest.raises(ValueError, match="utilization must be from 0 to 1"):
        link.energy_per_useful_byte_j(1.5)


def test_budget_adds_all_terms(tmp_path: Path) -> None:
    budget = bench(tmp_path).link_budget(Reach(0.02, switch_loss_db=1.0))
    # 2 x 1.5 + 5 x 0.1 + 6 rings x 0.01 + 1 + 2 cm x 1 + 1 = 7.56 dB; 10 mW = 10 dBm
    assert math.isclose(budget.loss_db, 7.56)
    assert math.isclose(budget.received_dbm, 2.44)
    assert math.isclose(budget.slack_db, 2.44 + 10 - 3)


def test_four_levels_need_three_times_the_power(tmp_path: Path) -> None:
    two, four = bench(tmp_path), bench(tmp_path, ("modulation", "pam4"))
    lost = two.link_budget().slack_db - four.link_budget().slack_db
    assert math.isclose(lost, 10 * math.log10(3))


def test_budget_closes_to_its_longest_length_and_not_beyond(tmp_path: Path) -> None:
    link = bench(tmp_path)
    # slack at length 0: 10 - 4.56 + 10 - 3 = 12.44 dB; at 1 dB/cm that is 12.44 cm
    assert math.isclose(link.longest_m(), 0.1244)
    assert link.to_link(Reach(0.1244)).bandwidth_bytes_per_s == 32e9
    with pytest.raises(ConfigError) as failure:
        link.to_link(Reach(0.1744))
    assert "lacks 5.00 dB" in str(failure.value)
    assert "Largest losses: length 174.4 mm 17.44 dB, coupler x 2 3.00 dB, ring drop 1.00 dB" in str(failure.value)


def test_least_laser_closes_exactly(tmp_path: Path) -> None:
    link = bench(tmp_path).with_least_laser(Reach(0.05))
    assert math.isclose(link.link_budget(Reach(0.05)).slack_db, 0.0, abs_tol=1e-9)
    # 12.44 - 5 = 7.44 dB of slack are saved
    assert math.isclose(link.laser.power_w, 10e-3 * 10**-0.744)


@given(st.floats(1e-9, 1e3))
def test_dbm_and_watts_are_inverse(power_w: float) -> None:
    assert math.isclose(to_watt(to_dbm(power_w)), power_w, rel_tol=1e-12)


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_more_use_never_costs_more_per_bit(a: float, b: float) -> None:
    link = load_optics("teraphy-like")
    assert isinstance(link, OpticalLink)
    low, high = sorted((a, b))
    assert link.energy_per_useful_byte_j(high) <= link.energy_per_useful_byte_j(low)


@pytest.mark.parametrize("name", NAMES)
def test_packaged_optics_load_and_their_budgets_close(name: str) -> None:
    optics = load_optics(name)
    assert optics.name == name
    if isinstance(optics, OpticalLink):
        assert optics.link_budget().closes
        assert optics.longest_m() > 0.05


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_packaged_optics_has_a_source(name: str) -> None:
    from accelsim.config.loader import load_document

    sources = load_document(Catalog().find("optics", name)).sources()
    assert sources and all(source.source and source.kind for source in sources.values())


@pytest.mark.parametrize(
    ("name", "terabits", "picojoules"),
    [
        ("teraphy-like", 4.0, 5.0),  # third generation, 4 Tb/s each way; about 5 pJ/bit
        ("co-packaged-1600g", 1.6, 5.625),  # 9 W at 1.6 Tb/s
        ("pluggable-1600g", 1.6, 18.75),  # 30 W at 1.6 Tb/s
        ("passage-like", 7.168, 2.3),  # 57 Tb/s per direction over 8 tiles; 2.3 pJ/bit from a weak source
    ],
)
def test_published_rate_and_energy_are_reproduced(name: str, terabits: float, picojoules: float) -> None:
    link = load_optics(name)
    assert isinstance(link, OpticalLink)
    assert math.isclose(link.bandwidth_bytes_per_s * 8e-12, terabits, rel_tol=0.01)
    assert math.isclose(link.energy_per_useful_byte_j(1.0) / 8e-12, picojoules, rel_tol=0.06)


def test_the_external_laser_of_co_packaged_optics_takes_its_published_share() -> None:
    link = load_optics("co-packaged-1600g")
    assert isinstance(link, OpticalLink)
    # 5.625 - 4.375 pJ/bit
    assert math.isclose(link.laser_w / link.bandwidth_bytes_per_s / 8e-12, 1.25, rel_tol=0.01)


def test_a_published_figure_that_the_structure_misses_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"checks\.bandwidth: the structure gives 993\.3 GB/s, published is 500 GB/s"):
        load_optics("teraphy-like", [("checks.bandwidth", "4 Tb/s"), ("fibres", "16")])


def test_losses_need_their_unit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"budget\.margin: .*is not a loss\. Write e\.g\. '1\.5 dB'"):
        bench(tmp_path, ("budget.margin", "3"))
    with pytest.raises(ConfigError, match=r"'-3 dB': expected a loss of 0 dB or more"):
        bench(tmp_path, ("budget.margin", "-3 dB"))


def test_copper_needs_retimers_beyond_its_reach() -> None:
    copper = load_optics("copper-1600g")
    assert isinstance(copper, CopperLink)
    # 106.25 GBd: f = 53.125 GHz; 0.95 sqrt(f) + 0.08 f = 6.924 + 4.25 dB/m; 16 dB reach 1.432 m
    assert math.isclose(copper.reach_m, 16 / (0.95 * math.sqrt(53.125) + 0.08 * 53.125))
    assert [copper.retimers(length) for length in (0.1, copper.reach_m, copper.reach_m * 1.01)] == [0, 0, 1]
    with pytest.raises(ConfigError, match=r"5 m lose 55\.9 dB.*2 retimers reach 4\.30 m"):
        copper.to_link(5.0)


def test_a_level_takes_its_link_from_optics() -> None:
    overrides = [
        ("system.levels.ici.link.optical", "cwdm4-bidi"),
        ("system.levels.ici.link.length", "40 m"),
        ("system.levels.ici.link.through", "palomar-like-ocs"),
    ]
    system = load_system("google-tpu-v4-pod:64", overrides)
    link, optics = system.levels["ici"].link, load_optics("cwdm4-bidi")
    assert isinstance(optics, OpticalLink)
    assert link.bandwidth_bytes_per_s == optics.bandwidth_bytes_per_s
    assert math.isclose(link.latency_s, optics.latency_s(Reach(40.0)))
    assert (link.static_w, link.optical, link.length_m) == (optics.static_w, "cwdm4-bidi", 40.0)
    assert system.provenance["system.levels.ici.link.bandwidth"].source == "optics cwdm4-bidi"


def test_an_override_of_a_number_wins_over_the_optics() -> None:
    overrides = [
        ("system.levels.ici.link.optical", "teraphy-like"),
        ("system.levels.ici.link.latency", "1 us"),
    ]
    link = load_system("google-tpu-v4-pod:64", overrides).levels["ici"].link
    assert (link.latency_s, link.length_m) == (1e-6, 0.0)


def test_a_link_that_does_not_close_is_named_with_its_level() -> None:
    overrides = [("system.levels.ici.link.optical", "passage-like"), ("system.levels.ici.link.length", "2 m")]
    with pytest.raises(ConfigError, match=r"levels\.ici\.link: optical link passage-like: budget lacks 12\.9"):
        load_system("google-tpu-v4-pod:64", overrides)


def test_a_file_that_states_both_optics_and_numbers_is_an_error(tmp_path: Path) -> None:
    pod = Catalog().find("systems", "google-tpu-v4-pod").read_text()
    both = tmp_path / "both.yaml"
    both.write_text(
        pod.replace("    link:\n      bandwidth", "    link:\n      optical: cwdm4-bidi\n      bandwidth", 1)
    )
    with pytest.raises(ConfigError, match=r"both\.yaml:\d+: levels\.ici\.link: bandwidth, latency, energy beside 'opt"):
        load_system(str(both))


def test_misuse_of_switches_and_copper_is_named() -> None:
    with pytest.raises(ConfigError, match="palomar-like-ocs is a circuit switch"):
        link_from_optics("palomar-like-ocs", 1.0)
    with pytest.raises(ConfigError, match="switches light, and copper-1600g is copper"):
        link_from_optics("copper-1600g", 1.0, "palomar-like-ocs")
    with pytest.raises(ConfigError, match="through: teraphy-like is no circuit switch"):
        link_from_optics("cwdm4-bidi", 1.0, "teraphy-like")
    with pytest.raises(ConfigError, match="Did you mean 'teraphy-like'"):
        link_from_optics("teraphy-lik", 1.0)


def test_light_reaches_further_than_its_standard_only_on_paper() -> None:
    with pytest.raises(ConfigError, match="600 m is beyond its longest length of 500 m"):
        link_from_optics("pluggable-1600g", 600.0)


def test_a_circuit_switch_carries_no_bandwidth_of_its_own() -> None:
    switch = load_optics("palomar-like-ocs")
    assert isinstance(switch, OpticalSwitch)
    assert (switch.ports, switch.reconfiguration_s, switch.insertion_loss_db) == (128, 0.01, 2.0)
