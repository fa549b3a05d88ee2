"""``accelsim optics``: what its commands print, their JSON, and bad input."""

import json

import pytest


def read(outcome):
    assert outcome.code == 0, outcome.err
    return json.loads(outcome.out)


def test_a_budget_adds_up_and_closes(accelsim):
    found = read(
        accelsim("optics", "budget", "cwdm4-bidi", "--length", "40m", "--through", "palomar-like-ocs", "--json", "-")
    )
    assert found["received_dbm"] == pytest.approx(found["laser_dbm"] - sum(found["losses_db"].values()))
    assert found["slack_db"] == pytest.approx(found["received_dbm"] - found["sensitivity_dbm"] - found["margin_db"])
    assert found["losses_db"]["optical switch"] == 2.0
    assert found["closes"]
    text = accelsim("optics", "budget", "cwdm4-bidi", "--length", "40m").out
    assert "left over" in text
    assert "closes up to 2 km" in text


def test_a_budget_that_does_not_close_prints_its_terms_and_fails(accelsim):
    outcome = accelsim("optics", "budget", "passage-like", "--length", "1 m")
    assert outcome.code == 2
    assert "length 1 m" in outcome.out
    assert "budget lacks 2.92 dB" in outcome.err
    stronger = accelsim("optics", "budget", "passage-like", "--length", "1 m", "--set", "laser.power=10 mW")
    assert stronger.code == 0


def test_a_link_longer_than_its_standard_fails(accelsim):
    outcome = accelsim("optics", "budget", "teraphy-like", "--length", "3km")
    assert outcome.code == 2
    assert "beyond its longest length of 2 km" in outcome.err


def test_energy_rises_as_use_falls(accelsim, tmp_path):
    picture = tmp_path / "energy.png"
    found = read(accelsim("optics", "energy", "teraphy-like", "--use", "0.1,1", "--plot", str(picture), "--json", "-"))
    one = found["links"]["teraphy-like"]
    idle = one["static_w"] / one["bandwidth_bytes_per_s"] / 8
    tenth, full = one["j_per_useful_bit"]
    assert full == pytest.approx(one["dynamic_j_per_bit"] + idle)
    assert tenth == pytest.approx(one["dynamic_j_per_bit"] + 10 * idle)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_light_takes_over_where_copper_ends_or_needs_more(accelsim):
    found = read(accelsim("optics", "crossover", "--use", "0.1,0.5,1", "--rates", "212.5Gb/s", "--json", "-"))
    rare, half, full = found["rows"]
    assert rare["light_from_m"] == pytest.approx(rare["copper_end_m"])  # idle lasers cost more than any copper
    assert half["light_from_m"] == pytest.approx(half["copper_reach_m"])  # from the first retimer on: 9.1 < 10 pJ/bit
    assert full["light_from_m"] == 0


def test_wavelengths_say_what_is_missing(accelsim, tmp_path):
    assert read(accelsim("optics", "wavelengths", "ring", "8", "--json", "-"))["used"] == 8
    outcome = accelsim("optics", "wavelengths", "ring", "8", "--available", "7")
    assert outcome.code == 2
    assert "1 missing" in outcome.err
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("src,dst\n0,3\n3,7\n1,2\n")
    found = read(accelsim("optics", "wavelengths", "bus", "8", "--traffic", str(pairs), "--json", "-"))
    assert found["used"] == 2  # 3 -> 7 takes up the wavelength of 0 -> 3 again


def test_policies_pay_beyond_the_break_even_size(accelsim, tmp_path):
    call = ("optics", "policies", "--shifts", "1,4", "--json", "-", "--bytes")
    small, large = (read(accelsim(*call, size)) for size in ("1MB", "1GB"))
    assert small["best"] == "static"
    assert large["best"] == "per_phase"
    # four messages of a port between two settings
    assert 4e6 < small["break_even_bytes"] < 4e9
    traffic = tmp_path / "traffic.csv"
    traffic.write_text("phase,collective,src,dst,bytes\n0,0,0,1,1000\n0,0,1,0,1000\n1,0,0,1,1000\n")
    found = read(accelsim("optics", "policies", "--traffic", str(traffic), "--json", "-"))
    assert found["policies"]["per_phase"]["reconfigurations"] == 0


def test_the_best_torus_of_128_chips_is_the_twisted_one(accelsim):
    found = read(accelsim("optics", "torus", "128", "--json", "-"))["tori"]
    assert found[0]["twist"] is not None
    regular = read(accelsim("optics", "torus", "128", "--regular", "--json", "-"))["tori"]
    assert regular[0]["busiest_link_s"] / found[0]["busiest_link_s"] == pytest.approx(1.745, rel=0.001)
    assert "4x4x8" in accelsim("optics", "torus", "128").out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("energy", "palomar-like-ocs"), "is no optical link"),
        (("energy", "--use", "2"), "is no share above 0 and up to 1"),
        (("budget", "cwdm4-bidi", "--through", "teraphy-like"), "is no circuit switch"),
        (("torus", "100"), "multiples of 4"),
        (("policies", "--shifts", "1,16"), "is no whole number from 1 to 15"),
        (("policies", "--traffic", "missing.csv"), "no such file"),
        (("wavelengths", "star", "4"), "unknown waveguide 'star'"),
    ],
)
def test_bad_input_says_what_is_allowed(accelsim, arguments, text):
    outcome = accelsim("optics", *arguments)
    assert outcome.code == 2
    assert text in outcome.err


def test_array_compares_a_sum_over_the_mesh_with_one_over_light(accelsim, tmp_path):
    picture = tmp_path / "gain.png"
    sizes = ("--cores", "16,256", "--elements", "8", "--transceivers", "4,16")
    found = read(accelsim("optics", "array", *sizes, "--plot", str(picture), "--json", "-"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    short, long, _, wide = found["rows"]
    assert short["speedup"] == 1 and short["light_w"] == 0  # 16 cores share one station
    # 16 stages of 14 cycles, 256 hops, three times two words, and the start of a phase of 100 cycles at 1 GHz
    assert long["mesh_s"] == pytest.approx(16 * 14e-9 + 256e-9 + 6e-9 + 100e-9)
    assert long["speedup"] > 1 and wide["speedup"] > long["speedup"] and wide["light_w"] > long["light_w"] > 0
    assert "lasers" in accelsim("optics", "array", "--cores", "64", "--elements", "1").out
    assert "stay on the mesh" in accelsim("optics", "array", "sram-array").err
    assert "no whole number" in accelsim("optics", "array", "--cores", "0").err
    assert "129, but passage-like has 1 to 128" in accelsim("optics", "array", "--transceivers", "129").err


def test_policies_take_the_traffic_of_a_saved_run(accelsim, tmp_path):
    plan = ("--plan", "tp=4,dp=2,ep=8", "--phase", "decode", "--batch", "64", "--context", "2048")
    assert (
        accelsim("run", "mixtral-8x7b", "--on", "nvidia-h100-ocs:8", *plan, "--save", str(tmp_path / "run")).code == 0
    )
    how = ("--switch", "thermo-optic-switch", "--link", "co-packaged-1600g", "--length", "10m", "--json", "-")
    found = read(accelsim("optics", "policies", "--traffic", str(tmp_path / "run"), *how))
    again = read(accelsim("optics", "policies", "--traffic", str(tmp_path / "run" / "between_chips.csv"), *how))
    assert found == again
    # the run sets circuits twice in each of 32 layers
    assert found["policies"]["per_collective"]["reconfigurations"] == 64
    assert found["policies"]["per_collective"]["reconfiguration_s"] == pytest.approx(64 * 10e-6)
    alone = accelsim("run", "llama3-8b", "--on", "nvidia-h100-sxm", "--prompt", "64", "--save", str(tmp_path / "alone"))
    assert alone.code == 0
    assert "send each other nothing" in accelsim("optics", "policies", "--traffic", str(tmp_path / "alone")).err
