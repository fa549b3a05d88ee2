"""The fit recovers numbers it was not told, and says when it cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim.cost.systolic.fit import FITTED, MeasuredModules, cross_validated_errors, fit_parameters
from accelsim.cost.systolic.parameters import SystolicParameters
from accelsim.errors import ConfigError

from .machines import MACHINE

TRUTH = SystolicParameters(
    launch_s=2e-6,
    second_core_s=1e-5,
    step_s=3e-7,
    core_hbm_share=0.4,
    matrix_efficiency=0.6,
    conversion_ops=4.0,
    reduction_setup_s=3e-6,
    reduction_s=2e-8,
)
FP16 = replace(MACHINE, macs_per_s=7e13, vector_ops_per_s=2e12, hbm_bytes_per_s=1.2e12, is_converted=True)


def modules_of(truth: SystolicParameters, count: int = 120) -> MeasuredModules:
    """Products, additions and norms of random extents, timed by the model itself."""
    rng = np.random.default_rng(3)
    m, n, k = (128.0 * rng.integers(1, 24, size=count) for _ in range(3))
    kind = np.arange(count) % 3
    unmeasured = MeasuredModules(kind == 0, m, n, k, np.where(kind == 1, 3.0, 2.0), np.ones(count), kind == 2, m)
    return replace(unmeasured, time_s=unmeasured.predicted_s(FP16, truth))


def test_numbers_that_made_the_data_are_found_again() -> None:
    start = replace(TRUTH, launch_s=1e-6, second_core_s=2e-5, core_hbm_share=0.5, matrix_efficiency=0.5)
    fit = fit_parameters(modules_of(TRUTH), FP16, start)
    for name in FITTED:
        assert getattr(fit.parameters, name) == pytest.approx(getattr(TRUTH, name), rel=0.05), name
    assert np.abs(fit.errors).max() < 0.02


def test_each_row_is_tested_once_under_a_fit_that_did_not_see_it() -> None:
    modules = modules_of(TRUTH)
    errors = cross_validated_errors(modules, FP16, TRUTH, folds=3)
    assert errors.shape == modules.time_s.shape
    assert np.abs(errors).max() < 0.02


def test_fewer_rows_than_numbers_are_refused() -> None:
    with pytest.raises(ConfigError, match="fit of 8 numbers needs at least as many rows, got 7"):
        fit_parameters(modules_of(TRUTH, count=7), FP16, TRUTH)
