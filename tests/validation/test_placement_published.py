"""The placers on public problems, with small budgets: at least as good as published, or near the bound."""

from __future__ import annotations

import pytest

from accelsim.validation.placement.judging import instances, judge

#: Greatest gap to the best known value, to UFO 2011, and to the area bound.
MOST = {
    "nug30": 0.001,
    "sko42": 0.001,
    "sko64": 0.01,
    "n30": -0.02,
    "n50": 0.0,
    "n100": 0.0,
    "A": 0.05,
    "C": 0.10,
    "D": 0.10,
}


@pytest.mark.parametrize("name", MOST)
def test_a_public_problem_is_laid_out_as_well_as_promised(name: str) -> None:
    (instance,) = instances(None, [name])
    assert judge(instance, "annealing", budget=200_000).gap <= MOST[name]
