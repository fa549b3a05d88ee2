"""An optical layer over the cores of a chip, and the same run over it and over the mesh."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.optical import OpticalLink, load_optics
from accelsim.hardware.system import load_chip, load_system
from accelsim.network.on_chip import on_chip_network
from accelsim.network.optical.layer import OPTICAL_NOC, OpticalLayer, optical_layer
from accelsim.network.optical.power import idle_w
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.workload.phase import Prefill

GRID = ("chip.core_grid", "[64, 64]")
OPTICAL = ("chip.noc.optical", "{optics: passage-like, cluster: 8, core_pitch: 0.75 mm}")
CHECKS = [("chip.noc.link_bandwidth", "1 GB/s"), GRID]
MODEL = (
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 512, "num_hidden_layers": 4,'
    ' "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1536, "vocab_size": 8192,'
    ' "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 4096, "rope_theta": 10000.0,'
    ' "torch_dtype": "bfloat16", "tie_word_embeddings": false}'
)


def chip(*overrides: tuple[str, str]) -> Chip:
    return load_chip("sram-array", [GRID, OPTICAL, *overrides])


def test_the_layer_takes_the_place_of_the_mesh() -> None:
    layer = on_chip_network(chip(), block=3)
    assert isinstance(layer, OpticalLayer)
    assert (layer.grid.rows, layer.grid.cols) == (8, 8)  # 64 cores in clusters of 8, whatever block is asked
    optics = load_optics("passage-like")
    assert isinstance(optics, OpticalLink)
    assert set(layer.capacity_bytes_per_s.tolist()) == {optics.bandwidth_bytes_per_s}


def test_transfers_may_stay_on_the_mesh_under_a_layer() -> None:
    mesh = on_chip_network(chip(("chip.noc.optical.transfers", "electrical")), block=4)
    assert not isinstance(mesh, OpticalLayer)
    assert mesh.level is None and mesh.block == 4


def test_latency_is_one_conversion_and_time_of_flight_whatever_the_way() -> None:
    layer = optical_layer(chip())
    routes = layer.routes(np.array([0, 0, 0]), np.array([0, 1, 63]))
    flight_s = 0.75e-3 * 2.1 / 299_792_458  # per core, group index 2.1
    expected = [0.0, 5e-9 + 8 * flight_s, 5e-9 + 14 * 8 * flight_s]
    assert np.allclose(layer.latency_s(routes), expected, rtol=1e-12)


def test_a_layer_needs_an_optical_link_with_as_many_wavelengths_as_a_station_sends() -> None:
    with pytest.raises(ConfigError, match="copper-1600g is no optical link"):
        optical_layer(chip(("chip.noc.optical.optics", "copper-1600g")))
    with pytest.raises(ConfigError, match=r"no 'noc\.optical'"):
        optical_layer(load_chip("sram-array"))
    assert optical_layer(chip(("chip.noc.optical.transceivers", "128"))).light.transceivers == 128
    with pytest.raises(ConfigError, match="transceivers: 129 wavelengths, but passage-like has 128"):
        optical_layer(chip(("chip.noc.optical.transceivers", "129")))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Result]:
    """The same prefill with the same placement over the mesh and over the layer."""
    folder: Path = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text(MODEL)
    plan = "execution=spatial,chunk=16"
    mesh, layer = (
        simulate(str(folder / "config.json"), "sram-array", Prefill(1, 64), plan, what_ifs=False, overrides=overrides)
        for overrides in (CHECKS, [*CHECKS, OPTICAL])
    )
    return mesh, layer


def test_the_same_placement_runs_over_both(runs: tuple[Result, Result]) -> None:
    mesh, layer = runs
    assert mesh.spatial is not None and layer.spatial is not None
    places = [[spot.rectangle for spot in result.spatial.floor.spots] for result in runs if result.spatial]
    assert places[0] == places[1]
    assert mesh.ledger.flops == layer.ledger.flops
    assert layer.latency_s < mesh.latency_s  # hundreds of wires of 1 GB/s against waveguides of 896 GB/s


def test_traffic_over_the_layer_is_booked_on_it_at_its_energy(runs: tuple[Result, Result]) -> None:
    _, layer = runs
    nbytes = layer.ledger.traffic_bytes[OPTICAL_NOC]
    # nine borders: embedding, 4 x (attention, mlp), head; the head takes the last token only
    assert nbytes == 64 * 512 * 2 * 8 + 512 * 2
    table = layer.table("energy")
    booked = table[table["component"] == OPTICAL_NOC]["energy_j"].sum()
    assert math.isclose(booked, nbytes * 1.8e-12 * 8, rel_tol=1e-9)  # 0.4 + 0.5 + 0.9 pJ/bit


def test_a_layer_burns_what_the_paths_of_the_run_need(runs: tuple[Result, Result]) -> None:
    mesh, layer = runs
    assert mesh.energy.static_j == 0.0  # the array idles at 0 W
    assert layer.spatial is not None and layer.spatial.floor.light_w > 0
    assert math.isclose(layer.energy.static_j, layer.spatial.floor.light_w * layer.latency_s)


def test_every_direction_of_every_link_of_a_level_burns() -> None:
    optical = [("system.levels.ici.link.optical", "cwdm4-bidi"), ("system.levels.ici.link.length", "10 m")]
    system = load_system("google-tpu-v4-pod:4x4x4", optical)
    # 6 links leave each of 64 chips
    links_w = 64 * 6 * system.levels["ici"].link.static_w
    assert math.isclose(idle_w(system, 64), 64 * system.chip.idle_w + links_w)
