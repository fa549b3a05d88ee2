"""With a framework's profile the band is as wide as the spread of its runs, wider where kernels are less sure."""

from __future__ import annotations

import math

import pytest

from accelsim import Decode, simulate
from accelsim.hardware.profile import LaunchProfile, RunSpread

Z80 = 1.2816


def width(log_deviation: float, system: str = "nvidia-h100-sxm") -> float:
    """Half of the band on a logarithmic scale, in deviations of a normal distribution."""
    spread = RunSpread(log_deviation=log_deviation, runs=10, models=2)
    profile = LaunchProfile(name="spread", spread=spread)
    result = simulate("llama3-8b", system, Decode(8, 2000), "tp=1", profile=profile, what_ifs=False)
    return math.log(result.band.high_s / result.band.low_s) / 2 / Z80


@pytest.mark.parametrize("log_deviation", [0.3, 0.5])
def test_the_band_is_as_wide_as_the_spread_of_runs(log_deviation: float) -> None:
    assert width(log_deviation) == pytest.approx(log_deviation, rel=1e-3)


def test_kernels_that_are_less_sure_than_the_runs_keep_their_own_spread() -> None:
    assert width(0.01) > 0.05
    assert width(0.01) == pytest.approx(width(0.02), rel=1e-6)


def test_a_band_with_a_spread_has_no_bias() -> None:
    spread = RunSpread(log_deviation=0.2, runs=10, models=2)
    profile = LaunchProfile(name="spread", spread=spread)
    result = simulate("llama3-8b", "nvidia-h100-sxm", Decode(8, 2000), "tp=1", profile=profile, what_ifs=False)
    middle = math.sqrt(result.band.low_s * result.band.high_s)
    assert middle == pytest.approx(result.latency_s, rel=0.02)
