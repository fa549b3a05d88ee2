"""Packages: dies joined by electrical or optical links, as a level between chip and system."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.optical import DieLink, link_from_optics, load_optics
from accelsim.hardware.system import load_system
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.workload.phase import Decode

UCIE = "ucie-advanced-like"


def die_link(*overrides: tuple[str, str]) -> DieLink:
    link = load_optics(UCIE, overrides)
    assert isinstance(link, DieLink)
    return link


def test_a_die_link_is_whole_modules_of_edge_times_lanes_times_rate() -> None:
    link = die_link()
    # 8 mm / 0.3888 mm = 20.6: 20 modules x 64 lanes x 4 GB/s x 0.97
    assert link.num_modules == 20
    assert math.isclose(link.bandwidth_bytes_per_s, 20 * 64 * 4e9 * 0.97)
    # the published 1,317 GB/s per mm are both directions of the raw rate
    assert math.isclose(2 * 64 * 4e9 / 0.3888e-3, 1317e12, rel_tol=1e-3)


def test_an_edge_holds_its_last_module_to_the_micrometre() -> None:
    assert die_link(("edge", "0.3888 mm")).num_modules == 1
    assert die_link(("edge", "0.7775 mm")).num_modules == 1
    assert die_link(("edge", "0.7776 mm")).num_modules == 2
    with pytest.raises(ConfigError, match="hold no module of"):
        die_link(("edge", "0.3887 mm"))


def test_latency_is_interface_and_time_of_flight_up_to_the_longest_way() -> None:
    link = link_from_optics(UCIE, 2e-3)
    # 2 ns and 2 mm at half the speed of light
    assert math.isclose(link.latency_s, 2e-9 + 2e-3 / (299_792_458 / 2))
    assert math.isclose(link.energy_j_per_byte, 8 * 0.3e-12)
    with pytest.raises(ConfigError, match=r"2\.1 mm is beyond its longest length of 2 mm"):
        link_from_optics(UCIE, 2.1e-3)
    with pytest.raises(ConfigError, match="switches light, and ucie-advanced-like is copper"):
        link_from_optics(UCIE, 1e-3, "palomar-like-ocs")


def test_light_takes_the_place_of_wires_by_name() -> None:
    electrical, optical = load_system("sram-package").levels, load_system("sram-package-optical").levels
    assert electrical["package"].link.static_w == 0.0
    assert optical["package"].link.bandwidth_bytes_per_s == 16 * 8 * 7e9  # passage-like
    assert optical["package"].link.static_w > 0.0
    assert optical["network"] == electrical["network"]


@pytest.fixture(scope="module")
def decoded() -> Result:
    plan = "execution=spatial,pieces=8,chunk=1"
    return simulate("llama3-8b", "sram-package", Decode(1, 2048), plan, what_ifs=False)


def test_results_name_the_package_in_traffic_time_and_energy(decoded: Result) -> None:
    table = decoded.table("traffic").set_index("level")
    link = decoded.machine.levels["package"].link
    nbytes = decoded.ledger.traffic_bytes["package"]
    assert nbytes > 0
    assert table.loc["package", "bytes"] == nbytes
    # energy of the bytes; transfers take their bytes over one link and its latency
    assert math.isclose(table.loc["package", "energy_j"], nbytes * link.energy_j_per_byte)
    spent_s = sum(row.parts_s.get("package", 0.0) for row in decoded.ledger.rows)
    assert table.loc["package", "time_s"] == spent_s > nbytes / link.bandwidth_bytes_per_s
    assert math.isclose(decoded.to_dict()["energy"]["by_component_j"]["package"], nbytes * link.energy_j_per_byte)


def test_levels_of_the_table_sum_to_the_dynamic_energy_but_for_the_cores(decoded: Result) -> None:
    by_component = decoded.to_dict()["energy"]["by_component_j"]
    moved = decoded.table("traffic")["energy_j"].sum()
    assert math.isclose(moved + by_component["cores"], decoded.energy.dynamic_j)


def test_a_package_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        "schema_version: 1\nkind: system\nname: two\ndescription: x\nchip: sram-die\n"
        "levels:\n  package:\n    topology: line\n    size: 2\n    link: {optical: ucie-advanced-like, length: 3 mm}\n"
    )
    with pytest.raises(ConfigError, match=r"two\.yaml:10: levels\.package\.link: die link"):
        load_system(str(path))
    path.write_text(path.read_text().replace("3 mm", "2 mm"))
    assert load_system(str(path)).num_chips == 2
