"""Whatever is put in the place of what is meant, the command ends in words, in time and without a Python warning.

Ten thousand inputs by hand: ``python -m tests.fuzz --inputs 10000 --seed 7``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from inputs import KINDS, make_input
from judge import judge

SEED = 7
INPUTS = 500
_PARTS = 10


def test_inputs_are_decided_by_seed_and_number() -> None:
    assert [make_input(SEED, n) for n in range(40)] == [make_input(SEED, n) for n in range(40)]
    assert len({repr(make_input(SEED, n)) for n in range(10 * len(KINDS))}) > 9 * len(KINDS)


@pytest.mark.parametrize("part", range(_PARTS))
def test_no_input_ends_otherwise(part: int, tmp_path: Path) -> None:
    found = []
    for number in range(part * INPUTS // _PARTS, (part + 1) * INPUTS // _PARTS):
        given = make_input(SEED, number)
        verdict = judge(given, tmp_path)
        if verdict.problem:
            found.append(f"{number}: {verdict.problem}\n  {given}\n  {verdict.said[-300:]!r}")
    assert not found, "\n".join(found)
