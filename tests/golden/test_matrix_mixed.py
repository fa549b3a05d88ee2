"""Runs of runs/mixed.txt against their stored figures."""

import pytest
from golden_check import check
from golden_matrix import runs_of


@pytest.mark.parametrize("run", runs_of("mixed"))
def test_figures_are_those_stored(run):
    check(run)
