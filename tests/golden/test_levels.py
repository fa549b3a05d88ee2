"""Numbers of the golden matrix move only together with the level of the model, and the changelog says why."""

from __future__ import annotations

import golden_matrix as golden
import pytest


def test_the_level_is_the_same_in_its_file_the_matrix_and_the_changelog():
    assert golden.read_matrix()["model_level"] == golden.read_model_level()
    assert golden.newest_level_of_changelog() == golden.read_model_level(), (
        "say '[MODEL] Model level N: why' in CHANGELOG.md"
    )


def test_every_run_is_stored_once():
    runs = golden.all_runs()
    assert len(set(runs)) == len(runs)
    assert set(runs) == set(golden.read_matrix()["runs"]), "python tests/golden/update.py"


def test_stored_numbers_are_those_recorded_for_their_level():
    levels, level = golden.read_levels(), golden.read_model_level()
    for run, figures in golden.read_matrix()["runs"].items():
        newest = max(levels[run], key=int)
        assert int(newest) <= level
        assert levels[run][newest] == golden.numbers_hash(figures), f"{run}: numbers moved, the level did not"


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ({"ticks": 10**15}, {"ticks": 10**15 + 1}, False),
        ({"cause_s": {"hbm": 1.0}}, {"cause_s": {"hbm": 1.0 + 9e-13}}, True),
        ({"cause_s": {"hbm": 1.0}}, {"cause_s": {"hbm": 1.0 + 2e-12}}, False),
        ({"traffic_bytes": {"hbm": 1.5}}, {"traffic_bytes": {"hbm": 1.5 + 4e-16}}, False),
        ({"warnings": ["a", "b"]}, {"warnings": ["a"]}, False),
        ({"ticks": 1}, {"error": "PlanError"}, False),
    ],
)
def test_both_sides_of_what_counts_as_moved(old, new, is_same):
    assert (not list(golden.differences(old, new))) is is_same
    assert (golden.merged(old, new) == old) is is_same


def test_texts_may_change_without_a_level():
    assert golden.numbers_hash({"ticks": 1, "warnings": ["a"]}) == golden.numbers_hash({"ticks": 1, "warnings": []})
    assert golden.numbers_hash({"ticks": 1}) != golden.numbers_hash({"ticks": 2})
