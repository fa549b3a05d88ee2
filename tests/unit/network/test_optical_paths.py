"""Light paths over an array: budgets of the way taken, whole wavelengths, transceivers, turns."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import ConfigError
from accelsim.hardware.optical.array import LightArray
from accelsim.hardware.optical.link import OpticalLink
from accelsim.hardware.optical.load import load_optics
from accelsim.network.optical.paths import LightPaths, Way, assign_paths
from accelsim.pipeline import simulate
from accelsim.workload.phase import Prefill

LINK = """
schema_version: 1
kind: optical_link
name: bench
description: a link for tests
fibres: 1
wavelengths: 8
rate: 32 Gb/s
electro_optic: 3 ns
opto_electric: 2 ns
laser: {power: 10 mW, wall_plug: 0.1}
medium: {loss: 1 dB/cm, group_index: 2.99792458}
energy: {both ends: 1 pJ/bit}
idle: {circuits: 16 mW}
budget:
  losses: {coupler: {loss: 3 dB}}
  receiver_sensitivity: -7 dBm
  margin: 2 dB
"""
MODEL = (
    '{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 512, "num_hidden_layers": 4,'
    ' "num_attention_heads": 8, "num_key_value_heads": 4, "intermediate_size": 1536, "vocab_size": 8192,'
    ' "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 4096, "rope_theta": 10000.0,'
    ' "torch_dtype": "bfloat16", "tie_word_embeddings": false}'
)


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> OpticalLink:
    path = tmp_path_factory.mktemp("optics") / "bench.yaml"
    path.write_text(LINK)
    found = load_optics(str(path))
    assert isinstance(found, OpticalLink)
    return found


def array(link: OpticalLink, transceivers: int = 8) -> LightArray:
    """Stations 8 mm apart, each of which takes 0.2 dB of what passes: 1 dB per station."""
    return LightArray("bench", link, cluster=8, core_pitch_m=1e-3, station_loss_db=0.2, transceivers=transceivers)


def straight(*stretches: int) -> Way:
    return Way((stretches,))


def test_the_budget_is_that_of_the_way_taken(link: OpticalLink) -> None:
    # laser 10 dBm, coupler 3 dB, receiver -7 dBm, margin 2 dB: 12 dB for 1 dB per station
    assert math.isclose(array(link).budget(0).slack_db, 12.0)
    assert math.isclose(array(link).budget(5).slack_db, 7.0)
    # four readers take a quarter each: 6.02 dB
    assert math.isclose(array(link).budget(5, 4).slack_db, 7.0 - 10 * math.log10(4))


def test_a_laser_is_as_strong_as_its_way_needs(link: OpticalLink) -> None:
    # 10 mW / 0.1 = 100 mW of electrical power leave 12 dB; a way of 2 stations needs 10 dB less: 10 mW.
    # 16 mW of circuits over 8 wavelengths and two ends: 1 mW at each end of the 8 wavelengths that the only path has
    paths = assign_paths(array(link), [straight(0, 1)])
    assert paths.bundles[0].wavelengths == 8
    assert math.isclose(paths.light_w, 8 * (10e-3 + 2e-3))
    # 12 stations need all of it
    assert math.isclose(assign_paths(array(link), [straight(*range(12))]).light_w, 8 * (100e-3 + 2e-3))


def test_light_that_does_not_reach_is_an_error_with_the_missing_decibels(link: OpticalLink) -> None:
    assign_paths(array(link), [straight(*range(12))])
    with pytest.raises(ConfigError, match=r"budget lacks 1\.00 dB"):
        assign_paths(array(link), [straight(*range(13))])


def test_paths_that_meet_share_the_wavelengths_in_whole_numbers(link: OpticalLink) -> None:
    # three paths over stretch 1: 8 // 3 = 2 wavelengths each; one apart has all 8
    paths = assign_paths(array(link), [straight(0, 1), straight(1, 2), straight(3, 1, 4), straight(5)])
    assert [bundle.wavelengths for bundle in paths.bundles] == [2, 2, 2, 8]
    assert len({bundle.first for bundle in paths.bundles[:3]}) == 3
    assert math.isclose(paths.bytes_per_s(0), 2 * 4e9)
    assert not any(bundle.takes_turns for bundle in paths.bundles)


def test_a_station_sends_and_reads_on_as_many_wavelengths_as_it_has_transceivers(link: OpticalLink) -> None:
    assert assign_paths(array(link, 3), [straight(0, 1)]).bundles[0].wavelengths == 3
    # two paths leave through stretch 0, and 3 // 2 = 1; two arrive through stretch 9
    assert [b.wavelengths for b in assign_paths(array(link, 3), [straight(0, 1), straight(0, 2)]).bundles] == [1, 1]
    assert [b.wavelengths for b in assign_paths(array(link, 3), [straight(7, 9), straight(8, 9)]).bundles] == [1, 1]


def test_paths_beyond_the_transceivers_take_turns(link: OpticalLink) -> None:
    leaving = [straight(0, 1), straight(0, 2), straight(0, 3)]
    assert len(assign_paths(array(link, 3), leaving).bundles) == 3
    (one,) = assign_paths(array(link, 2), leaving).bundles
    assert one.takes_turns and one.ways == (0, 1, 2)
    # it has the two wavelengths of the sender all the same
    assert one.wavelengths == 2


def test_more_readers_than_the_light_allows_are_sent_to_again(link: OpticalLink) -> None:
    # the farthest reader is 8 stations away: 4 dB to spare are a factor of 2.5, so two readers share the light at once
    near, far = tuple(range(3)), tuple(range(8))
    ways = [Way((far, *((*near, 20 + more) for more in range(readers - 1)))) for readers in (1, 2, 3, 4, 5)]
    assert [assign_paths(array(link), [way]).bundles[0].copies for way in ways] == [(1,), (1,), (2,), (2,), (3,)]
    # sent twice, each time over all 8 wavelengths of 4 GB/s
    assert math.isclose(assign_paths(array(link), [ways[3]]).bytes_per_s(0), 16e9)


@given(
    ends=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), min_size=1, max_size=40),
    transceivers=st.integers(1, 8),
)
def test_no_wavelength_and_no_transceiver_is_used_twice(
    link: OpticalLink, ends: list[tuple[int, int]], transceivers: int
) -> None:
    """Paths on a bus of 12 stations; stretch ``i`` leads from station ``i`` to the next, ``100 + i`` back."""
    ways = [straight(*(range(a, b) if a < b else range(100 + a - 1, 100 + b - 1, -1))) for a, b in ends if a != b]
    paths = assign_paths(array(link, transceivers), ways)
    _check_whole(paths, transceivers)
    assert sorted(way for bundle in paths.bundles for way in bundle.ways) == list(range(len(set(ways))))


def _check_whole(paths: LightPaths, transceivers: int) -> None:
    lit: Counter[tuple[int, int]] = Counter()
    ends: Counter[tuple[str, int]] = Counter()
    for bundle in paths.bundles:
        assert bundle.wavelengths >= 1 and bundle.first + bundle.wavelengths <= 8
        ways = [paths.ways[way] for way in bundle.ways]
        numbers = range(bundle.first, bundle.first + bundle.wavelengths)
        lit.update(itertools.product(frozenset().union(*(way.stretches for way in ways)), numbers))
        for side in ("senders", "readers"):
            for stretch in frozenset().union(*(getattr(way, side) for way in ways)):
                ends[side, stretch] += bundle.wavelengths
    assert max(lit.values(), default=1) == 1
    assert max(ends.values(), default=1) <= transceivers


def test_turns_are_set_on_the_timeline_and_cost_time(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(MODEL)
    optical = "{optics: passage-like, cluster: 8, core_pitch: 0.75 mm, transceivers: %d, switch: %s}"
    runs = [
        simulate(
            str(tmp_path / "config.json"),
            "sram-array",
            Prefill(1, 64),
            "execution=spatial,chunk=16",
            what_ifs=False,
            overrides=[("chip.core_grid", "[64, 64]"), ("chip.noc.optical", optical % how)],
        )
        for how in ((128, "1 us"), (1, "0 s"), (1, "1 us"))
    ]
    wide, quick, slow = runs
    assert "setting light paths" not in wide.ledger.cause_s
    assert "setting light paths" not in quick.ledger.cause_s
    assert slow.ledger.cause_s["setting light paths"] >= 1e-6
    assert wide.latency_s <= quick.latency_s < slow.latency_s
    # the same bytes go over the layer
    assert len({run.ledger.traffic_bytes["optical_noc"] for run in runs}) == 1
