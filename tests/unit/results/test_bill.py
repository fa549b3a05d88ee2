"""Cost and carbon: only at stated prices, by hand."""

from dataclasses import replace

import pytest

from accelsim import Decode, simulate
from accelsim.errors import ConfigError
from accelsim.results.bill import Rates


@pytest.fixture(scope="module")
def result():
    return simulate("llama3-8b", "nvidia-dgx-h100:2", Decode(4, 256), "tp=2", what_ifs=False)


def test_nothing_is_billed_without_prices(result):
    assert result.bill == {}
    assert not {"cost", "carbon"} & set(result.to_dict())


def test_cost_is_chip_hours_and_carbon_the_energy_in_kwh(result):
    data = replace(result, rates=Rates(price_per_chip_hour=3.6, grid_gco2_per_kwh=400.0)).to_dict()
    # 2 chips at 3.6 an hour are 0.002 a second; 4 tokens come out of each step.
    assert data["cost"]["total"] == pytest.approx(0.002 * result.latency_s)
    assert data["cost"]["per_million_tokens"] == pytest.approx(0.002 * result.latency_s / 4 * 1e6)
    assert data["carbon"]["total_g"] == pytest.approx(result.energy.total_j / 3.6e6 * 400)
    assert data["carbon"]["per_million_tokens_g"] == pytest.approx(data["carbon"]["total_g"] / 4 * 1e6)


def test_free_chips_cost_nothing_and_impossible_prices_are_refused(result):
    assert replace(result, rates=Rates(price_per_chip_hour=0.0)).bill["cost"]["total"] == 0.0
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="is not a rate"):
            Rates(grid_gco2_per_kwh=wrong)
