"""Numbers of the golden matrix move only together with the level of the model, and the changelog says why."""

from __future__ import annotations

import pytest
from golden_matrix import (
    all_runs,
    differences,
    merged,
    newest_level_of_changelog,
    numbers_hash,
    read_levels,
    read_matrix,
    read_model_level,
)


def test_the_level_is_the_same_in_its_file_the_matrix_and_the_changelog():
    assert read_matrix()["model_level"] == read_model_level()
    assert newest_level_of_changelog() == read_model_level(), "say '[MODEL] Model level N: why' in CHANGELOG.md"


def test_every_run_is_stored_once():
    runs = all_runs()
    assert len(set(runs)) == len(runs)
    assert set(runs) == set(read_matrix()["runs"]), "python tests/golden/update.py"


def test_stored_numbers_are_those_recorded_for_their_level():
    levels, level = read_levels(), read_model_level()
    for run, figures in read_matrix()["runs"].items():
        newest = max(levels[run], key=int)
        assert int(newest) <= level
        assert levels[run][newest] == numbers_hash(figures), f"{run}: numbers moved, the level did not"


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
    assert (not list(differences(old, new))) is is_same
    assert (merged(old, new) == old) is is_same


def test_texts_may_change_without_a_level():
    assert numbers_hash({"ticks": 1, "warnings": ["a"]}) == numbers_hash({"ticks": 1, "warnings": []})
    assert numbers_hash({"ticks": 1}) != numbers_hash({"ticks": 2})
