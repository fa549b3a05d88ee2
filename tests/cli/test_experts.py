"""``accelsim experts``: JSON, text and bad input."""

import json

import pytest


def test_json_says_time_by_cause_in_both_directions(accelsim):
    outcome = accelsim("experts", "--on", "nvidia-dgx-h200", "--tokens", "64", "--json", "-")
    assert outcome.code == 0
    content = json.loads(outcome.out)
    for way in ("dispatch", "combine"):
        assert content[way]["time_s"] == pytest.approx(sum(content[way]["parts_s"].values()))
        assert content[way]["level"] == "nvlink"
    assert content["warnings"] == []


def test_text_says_bytes_and_warns_outside_what_was_measured(accelsim):
    outcome = accelsim("experts", "--on", "nvidia-gb200-nvl72:64")
    assert outcome.code == 0
    assert "each chip sends 7.467 MB over nvlink" in outcome.out
    assert "ranks 64 is outside the measured 4" in outcome.out
    assert accelsim("experts", "--on", "nvidia-gb200-nvl72:64", "--strict").code == 2


def test_bad_input_says_what_is_allowed(accelsim):
    outcome = accelsim("experts", "--on", "nvidia-gb200-nvl72")
    assert outcome.code == 2
    assert "256 experts cannot be spread evenly over 72 chips" in outcome.err
    assert accelsim("experts", "--on", "nvidia-dgx-h200", "--kernel", "fast").code == 2
