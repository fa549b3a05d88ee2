"""``accelsim sensitivity``: table, JSON, picture, break-even point, bad input."""

import json

import pytest

RUN = ("sensitivity", "llama3-8b", "--on", "nvidia-a100-sxm-80gb", "--context", "256")
ONLY = ("--only", "chip.memories")


def test_the_table_names_the_parameter_and_the_assumption_that_matter_most(accelsim, tmp_path):
    done = accelsim(*RUN, *ONLY, "--png", str(tmp_path / "t.png"), "--json", str(tmp_path / "t.json"))
    assert (done.code, done.err) == (0, "")
    found = json.loads((tmp_path / "t.json").read_text())
    assert found["parameters"][0]["path"] == "chip.memories.hbm.bandwidth"  # a decode is bound by HBM
    assert found["parameters"][0]["latency_elasticity"] < -0.5
    assert "chip.memories.hbm.bandwidth" in done.out
    assert "Of the assumed values the energy depends most on chip.memories.hbm.energy" in done.out
    assert (tmp_path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_break_even_says_where_the_order_turns(accelsim):
    done = accelsim(
        "sensitivity", "llama3-8b", "--on", "nvidia-h100-sxm", "--context", "256",
        "--against", "nvidia-a100-sxm-80gb", "--vary", "chip.memories.hbm.bandwidth", "--json", "-",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["latency_s"] < found["against_latency_s"]
    (crossing,) = found["crossings"]
    assert 0.3 < crossing["factor"] < 1.0
    assert crossing["wins_above"]
    assert crossing["value"] == pytest.approx(crossing["factor"] * 3.35e12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--against", "nvidia-h100-sxm"), "--against and --vary belong together"),
        (("--vary", "chip.clock"), "--against and --vary belong together"),
        (("--step", "5 GB"), "--step: "),
        (("--step", "1000%"), "step: 1000% is not above 0 and at most 900%"),
        (("--against", "nvidia-h100-sxm", "--vary", "chip.clok"), "Did you mean 'chip.clock'?"),
        (("--against", "nvidia-h100-sxm", "--vary", "chip.clock", *ONLY), "leave them out with --against"),
    ],
)
def test_bad_input_is_refused_in_words(accelsim, options, message):
    done = accelsim(*RUN, *options)
    assert done.code == 2, done
    assert message in done.err
