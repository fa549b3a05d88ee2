from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from accelsim.cost.calibrate import ErrorSummary, FreeParameter, cross_validate, fit
from accelsim.errors import ConfigError

SIZE = np.logspace(3, 9, 40)
FREE = (FreeParameter("launch_s", 1e-7, 1e-4, 1e-5), FreeParameter("bandwidth", 1e9, 1e13, 1e11))


def predict(values: Mapping[str, float], rows: np.ndarray) -> np.ndarray:
    return values["launch_s"] + SIZE[rows] / values["bandwidth"]


MEASURED = predict({"launch_s": 3e-6, "bandwidth": 1.5e12}, np.arange(40))


def test_a_fit_recovers_the_parameters_that_made_the_data() -> None:
    found = fit(predict, MEASURED, FREE)
    assert found.values["launch_s"] == pytest.approx(3e-6, rel=1e-4)
    assert found.values["bandwidth"] == pytest.approx(1.5e12, rel=1e-4)
    assert found.error.mape < 1e-4


def test_one_odd_point_does_not_bend_the_fit() -> None:
    odd = MEASURED.copy()
    odd[20] *= 10
    assert fit(predict, odd, FREE).values["launch_s"] == pytest.approx(3e-6, rel=0.03)


def test_spread_is_large_for_a_parameter_the_data_do_not_determine() -> None:
    rng = np.random.default_rng(0)
    noisy = MEASURED * np.exp(rng.normal(0, 0.05, 40))
    large = np.arange(30, 40)  # launch is below 1 % of these
    found = fit(predict, noisy, FREE, large)
    assert found.spread["launch_s"] > 0.5 > found.spread["bandwidth"]


def test_cross_validation_predicts_every_row_without_its_group() -> None:
    groups = [i // 2 for i in range(40)]
    assert cross_validate(predict, MEASURED, FREE, groups) == pytest.approx(MEASURED, rel=1e-3)


def test_error_summary_of_two_points_by_hand() -> None:
    # 10 % too long and 30 % too short
    error = ErrorSummary.of(np.array([1.1, 0.7]), np.array([1.0, 1.0]))
    assert (error.points, error.mape, error.bias) == (2, pytest.approx(0.2), pytest.approx(-0.1))
    assert error.p90 == pytest.approx(0.28)


def test_too_few_rows_and_bad_bounds_are_refused() -> None:
    with pytest.raises(ConfigError, match="1 rows cannot determine 2 parameters"):
        fit(predict, MEASURED, FREE, np.array([0]))
    with pytest.raises(ConfigError, match="a start between"):
        FreeParameter("x", 1.0, 2.0, 3.0)
