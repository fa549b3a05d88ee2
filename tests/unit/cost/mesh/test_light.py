"""Sums and gathers over waveguides, by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from accelsim.cost.base import Region
from accelsim.cost.mesh import MeshCostModel, MeshMachine, mesh_machine
from accelsim.cost.mesh.kernels import all_reduce, gather
from accelsim.cost.mesh.light import exchanges, stages
from accelsim.cost.mesh.machine import MeshCost
from accelsim.dtypes import DType
from accelsim.hardware.optical.array import OPTICAL_NOC, LightArray
from accelsim.hardware.system import load_chip
from accelsim.workload.operators.norm import Norm

OPTICAL = "{optics: passage-like, cluster: 16, core_pitch: 0.75 mm, sums: best, transceivers: 16}"


def machine(**changes: str) -> MeshMachine:
    sets = [(f"chip.noc.optical.{key}", value) for key, value in changes.items()]
    return mesh_machine(load_chip("sram-array", [("chip.noc.optical", OPTICAL), *sets]), DType.BF16)[0]


def light_of(of: MeshMachine) -> LightArray:
    assert of.light is not None
    return of.light


def number(value: float) -> np.ndarray:
    return np.asarray(float(value))


def by_radix(of: MeshMachine, elements: float, line: float, lines: float, gathers: bool = False) -> list[MeshCost]:
    found = exchanges(of, light_of(of), number(elements), number(line), number(lines), gathers=gathers)
    return list(found)


def test_a_tree_of_sixteen_stations_has_four_stages_of_pairs() -> None:
    found = list(stages(light_of(machine()), number(16), 2))
    assert [stage.apart for stage in found] == [1, 2, 4, 8]
    assert [float(stage.readers) for stage in found] == [1, 1, 1, 1]
    # 128 wavelengths over 2, 4, 8, 16 senders on the fullest stretch leave 64 to 8; a station sends 16
    assert [float(stage.wavelengths) for stage in found] == [16, 16, 16, 8]
    assert [float(stage.rounds) for stage in found] == [1, 1, 1, 1]


def test_a_bus_of_sixteen_stations_reads_fifteen_at_once() -> None:
    (bus,) = stages(light_of(machine()), number(16), 16)
    assert (float(bus.readers), float(bus.wavelengths), float(bus.rounds)) == (15, 1, 1)
    # with 8 receivers the 15 senders take two turns
    (narrow,) = stages(light_of(machine(transceivers="8")), number(16), 16)
    assert (float(narrow.wavelengths), float(narrow.rounds)) == (1, 2)


def test_a_bus_closes_for_as_many_readers_as_its_light_allows() -> None:
    # passage-like leaves 7.08 dB at no length (laser 6.99 dBm, losses 6.90, receiver -11, margin 3, rings 0.14 + 1 dB)
    light = light_of(machine())
    assert math.isclose(light.budget(0).slack_db, light.link.link_budget().slack_db)
    for radix, closes in ((2, True), (4, True), (8, False), (16, False)):
        first = next(iter(stages(light, number(16), radix)))
        # r - 1 readers, (r - 1) x 16 cores x 0.75 mm of 0.1 dB/cm
        slack_db = light.link.link_budget().slack_db - 10 * math.log10(radix - 1) - (radix - 1) * 1.2 * 0.1
        assert math.isclose(float(first.slack_db), slack_db)
        assert bool(first.closes) is closes is (slack_db >= 0)


def test_the_time_of_a_reduction_tree() -> None:
    # 256 cores of a line are 16 stations; 16 lines share one: 16 x 8 elements x 2 B = 256 B a message, 1 GHz.
    # Each of four stages: conversion 5 ns, 12 mm x distance of flight at index 2.1, 256 B over k wavelengths of 7 GB/s,
    # 14 cycles to add; before and after, 16 B over a port of 8 B a cycle
    tree = by_radix(machine(), 8, 256, 256)[0]
    flight = 12e-3 * 2.1 / 299_792_458 * 1e9
    words = 256 / 7 * (1 / 16 + 1 / 16 + 1 / 16 + 1 / 8)
    assert math.isclose(float(tree.optical_noc), 4 * (5 + 14) + 15 * flight + words + 2 * 2, rel_tol=1e-12)


def test_bytes_are_those_that_stations_read() -> None:
    # 4 stages x 256 B x 16 stations on each of 16 rows of stations
    tree = by_radix(machine(), 8, 256, 256)[0]
    assert float(tree.optical_bytes) == 4 * 256 * 16 * 16
    # a gather doubles what it passes on: 1 + 2 + 4 + 8 parts of 1/16
    doubling = by_radix(machine(), 8, 256, 256, gathers=True)[0]
    assert float(doubling.optical_bytes) == 256 * 15 / 16 * 16 * 16


def test_lasers_are_as_strong_as_the_hungriest_stage() -> None:
    light = light_of(machine())
    tree = by_radix(machine(), 8, 256, 256)[0]
    # 16 wavelengths 4 stations far need more than 8 wavelengths 8 stations far; a sender and a reader, both directions
    far = [(16, 4), (8, 8)]
    each = [k * (float(light.laser_w(light.slack_db(number(n), number(1)))) + 2 * light.ring_w) for k, n in far]
    assert math.isclose(float(tree.light_w), 2 * max(each) * 256)


def test_sums_take_the_faster_way() -> None:
    with_light = machine()
    mesh = replace(with_light, light=None)
    line = number(256)
    # 16 groups of 16: 16 stages of 14 cycles, 256 hops, 3 x 2 words
    assert float(all_reduce(mesh, number(8), line, line).cycles) == 16 * 14 + 256 + 6 + 100
    assert float(all_reduce(with_light, number(8), line, line).cycles) < 300
    # a line within one cluster has no use for light
    short = number(16)
    assert all_reduce(with_light, number(8), short, short) == all_reduce(mesh, number(8), short, short)
    # with conversions of a microsecond the mesh wins
    light = light_of(with_light)
    slow = replace(with_light, light=replace(light, link=light.link.model_copy(update={"electro_optic_s": 1e-6})))
    assert float(all_reduce(slow, number(8), line, line).cycles) == 16 * 14 + 256 + 6 + 100
    assert float(gather(with_light, number(8), line, line).cycles) < float(gather(mesh, number(8), line, line).cycles)


@pytest.mark.parametrize("stations", [2, 3, 5, 16, 17, 64])
@pytest.mark.parametrize("radix", [2, 4, 8])
def test_stages_reach_every_station(stations: int, radix: int) -> None:
    """After the stages each station has read, directly or through others, all others of its line."""
    reached = 1
    for stage in stages(light_of(machine()), number(stations), radix):
        reached *= int(stage.readers) + 1
    assert reached >= stations


def test_an_operator_books_its_light() -> None:
    chip = load_chip("sram-array", [("chip.noc.optical", OPTICAL)])
    norm = Norm.of(rows=1, width=4096)
    found = MeshCostModel().cost(norm, chip, Region(256, 256))
    dark = MeshCostModel().cost(norm, load_chip("sram-array"), Region(256, 256))
    assert found.work_s < dark.work_s
    assert found.parts_s[OPTICAL_NOC] > 0 and math.isclose(sum(found.parts_s.values()), found.work_s)
    assert found.traffic_bytes[OPTICAL_NOC] > 0
    assert found.light_w > 0 == dark.light_w
    # its only sum goes along the rows, but the stations of rows and columns have lasers of their own
    (alone,) = {float(one.light_w) for one in [all_reduce(machine(), number(1), number(256), number(256))]}
    assert math.isclose(found.light_w, 2 * alone)
    assert any("predicted-kernels" in text for text in found.warnings)
    moved = (
        found.traffic_bytes["noc"] - dark.traffic_bytes["noc"],
        found.traffic_bytes["sram"] - dark.traffic_bytes["sram"],
    )
    noc = chip.noc
    assert noc is not None
    energy_j = found.traffic_bytes[OPTICAL_NOC] * 1.8e-12 * 8
    energy_j += moved[0] * noc.energy_j_per_byte + moved[1] * chip.sram_energy_j_per_byte
    assert math.isclose(found.energy_j - dark.energy_j, energy_j, rel_tol=1e-6)
