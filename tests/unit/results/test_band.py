"""The error band against its definition: sums of log-normal factors, drawn at random."""

import math

import numpy as np
import pytest

from accelsim import Decode, Prefill, simulate
from accelsim.cost.residual import INHERITED, OUTSIDE, Residual, log_deviation_of, residual_of
from accelsim.hardware.system import load_chip
from accelsim.results.band import band_of
from accelsim.results.difference import difference

GEMM, ATTENTION = Residual("gemm", 0.1), Residual("attention_prefill", 0.15)
Z80 = 1.2816


def drawn(times, num=200_000):
    """10th and 90th percentile of the sum with one random factor per family."""
    rng = np.random.default_rng(1)
    factor = {family: rng.standard_normal(num) for family in sorted({r.family for r in times})}
    total = sum(s * np.exp(r.log_deviation * factor[r.family]) for r, s in times.items())
    return np.quantile(total, [0.1, 0.9])


def test_one_family_gives_the_quantiles_of_its_log_normal():
    band = band_of({GEMM: 2.0})
    assert band.low_s == pytest.approx(2.0 * math.exp(-0.1 * Z80), rel=1e-4)
    assert band.high_s == pytest.approx(2.0 * math.exp(0.1 * Z80), rel=1e-4)


@pytest.mark.parametrize(
    "times",
    [
        {GEMM: 1.0, ATTENTION: 1.0},
        {GEMM: 3.0, GEMM.outside(): 0.5, ATTENTION: 0.5, Residual("idle", 0.0): 1.0},
        {Residual(name, 0.33): 1.0 for name in ("gemm", "mesh", "collectives")},
    ],
    ids=["two families", "a family inside and outside its range", "three wide ones"],
)
def test_sums_agree_with_random_draws(times):
    band = band_of(times)
    assert (band.low_s, band.high_s) == pytest.approx(drawn(times), rel=0.01)


def test_a_whole_run_shifts_and_widens_the_band():
    whole = Residual("whole run", 0.2, log_bias=0.1)
    band, bare = band_of({GEMM: 2.0}, whole), band_of({GEMM: 2.0})
    assert band.low_s == pytest.approx(2.0 * math.exp(0.1 - math.hypot(0.1, 0.2) * Z80), rel=1e-4)
    assert band.high_s > bare.high_s


def test_independent_families_widen_less_than_one():
    both = band_of({GEMM: 1.0, Residual("moe", 0.1): 1.0})
    one = band_of({GEMM: 2.0})
    assert one.low_s < both.low_s < 2.0 < both.high_s < one.high_s


def test_nine_of_ten_errors_of_a_normal_residual_lie_within_p90():
    errors = np.exp(np.random.default_rng(0).normal(0.0, log_deviation_of(0.2), 100_000)) - 1
    assert np.mean(np.abs(np.log1p(errors)) < math.log1p(0.2)) == pytest.approx(0.9, abs=0.005)


def test_residuals_widen_outside_the_range_and_on_chips_that_inherit():
    own = residual_of(load_chip("nvidia-h100-sxm"), "gemm")
    assert not own.is_widened
    assert own.outside().log_deviation == 2 * own.log_deviation
    assert own.outside().basis == OUTSIDE
    assert residual_of(load_chip("google-tpu-v5p"), "systolic").basis == INHERITED
    assert residual_of(load_chip("google-tpu-v5p"), "systolic").log_deviation > own.log_deviation


SHORT = Prefill(1, 512)


def relative_width(system, phase=SHORT, plan="tp=1"):
    result = simulate("llama3-8b", system, phase, plan, what_ifs=False)
    assert result.band.low_s < result.latency_s < result.band.high_s
    assert result.tokens / result.tokens_per_s_band[0] == pytest.approx(result.band.high_s)
    return (result.band.high_s - result.band.low_s) / result.latency_s, result


def test_a_chip_without_measurements_has_a_wider_band_and_says_so():
    measured, _ = relative_width("nvidia-h100-sxm")
    inherited, gb200 = relative_width("nvidia-gb200")
    typical, mi300x = relative_width("amd-mi300x")
    assert measured < inherited < typical * 1.2
    assert any(text.startswith("wider-band: ") and "inherited" in text for text in gb200.warnings)
    assert any(text.startswith("wider-band: ") and "typical values" in text for text in mi300x.warnings)


def test_collectives_and_context_beyond_the_measured_range_are_parts_of_the_band():
    _, result = relative_width("nvidia-dgx-h100:2", Decode(1, 200_000), "tp=2")
    parts = {part.residual.family: part for part in result.band.parts}
    assert parts["collectives"].time_s > 0
    assert parts["attention_decode"].residual.basis == OUTSIDE
    assert sum(part.time_s for part in result.band.parts) == pytest.approx(result.latency_s)


def test_a_difference_says_whether_it_is_inside_the_band():
    base = simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 512), what_ifs=False).to_dict()
    assert difference(base, {**base, "latency_s": base["latency_band_s"][1] * 0.999}).is_within_band
    assert not difference(base, {**base, "latency_s": base["latency_band_s"][1] * 1.001}).is_within_band
    assert difference({k: v for k, v in base.items() if "band" not in k}, base).is_within_band is None
