"""Profiles are fitted to runs: gaps that made the times are found again, and worth nothing where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from accelsim.catalog import Catalog
from accelsim.errors import ConfigError
from accelsim.hardware.profile import LaunchProfile, load_profile
from accelsim.validation.kinds.fastertransformer import read_row
from accelsim.validation.runs.compare import MeasuredRun
from accelsim.validation.runs.fit import fit_profile, gap_fields, runs_of, spread_of
from accelsim.validation.runs.fit_file import profile_yaml
from accelsim.validation.runs.run import ran

FT_ROW = {
    **{"model": "a", "layers": "24", "hidden": "1024", "heads": "16", "ffn": "4096", "vocab": "51200", "chip": "A100"},
    **{"precision": "fp16", "engine": "FasterTransformer", "tp": "1", "pp": "1", "batch": "2", "isl": "128"},
    **{"osl": "9", "latency_ms": "30", "status": "ok"},
}
MADE = LaunchProfile(name="made", layer_gap_s=40e-6, sequence_gap_s=25e-6)
FRAMEWORKS = (
    *("fastertransformer", "trtllm", "vllm-v0", "vllm-v1", "sglang", "megatron"),
    *("torch-eager", "torch-compile", "jax"),
)


def made_runs(profile: LaunchProfile) -> list[MeasuredRun]:
    """Runs of two models whose measured times are what the profile gives."""
    found = []
    for model, layers, batch, output in [("a", "24", "1", "9"), ("a", "24", "64", "9"), ("b", "12", "8", "33")]:
        row = {**FT_ROW, "model": model, "layers": layers, "batch": batch, "osl": output}
        run = read_row(row)
        assert isinstance(run, MeasuredRun)
        found.append(replace(run, measured_s=ran(run.run.with_profile(profile)).seconds))
    return found


def test_gaps_that_made_the_times_are_found_again() -> None:
    fit = fit_profile("graph", made_runs(MADE))
    assert fit.fitted == pytest.approx({"layer_gap_s": 40e-6, "sequence_gap_s": 25e-6}, rel=0.02)
    assert fit.is_worth
    assert fit.error(fit.fitted_s).mape < 0.002 < 0.2 < fit.error(fit.before_s).mape
    assert fit.error(fit.unseen_s).mape < fit.error(fit.before_s).mape


def test_gaps_that_gain_nothing_are_not_stated() -> None:
    fit = fit_profile("graph", made_runs(LaunchProfile(name="none")), ["layer_gap_s"])
    assert fit.fitted["layer_gap_s"] < 1e-6
    text = profile_yaml(replace(fit, unseen_s=2 * fit.before_s))
    assert "layer_gap" not in text and "no gap is stated" in text


def test_a_fitted_profile_is_a_file_that_loads_with_its_numbers(tmp_path) -> None:  # type: ignore[no-untyped-def]
    fit = fit_profile("sglang", made_runs(MADE))
    path = tmp_path / "mine.yaml"
    path.write_text(profile_yaml(fit), encoding="utf-8")
    loaded, _ = load_profile(str(path))
    assert loaded.layer_gap_s == pytest.approx(fit.gaps["layer_gap_s"], rel=0.01)
    assert loaded.library == "sglang"
    assert loaded.spread is not None and loaded.spread.runs == 3 and loaded.spread.models == 2


def test_the_spread_holds_four_fifths_of_the_logarithms() -> None:
    logs = np.linspace(-1.0, 1.0, 1001)
    assert np.mean(np.abs(logs) <= 1.2816 * spread_of(logs)) == pytest.approx(0.8, abs=0.01)


def test_unknown_gaps_and_profiles_without_runs_are_named() -> None:
    assert gap_fields("sequence, layer") == ("layer_gap_s", "sequence_gap_s")
    with pytest.raises(ConfigError, match=r"unknown gap 'layers'\. Known: layer, collective, step, sequence"):
        gap_fields("layers")
    with pytest.raises(ConfigError, match=r"no suite has runs with the profile 'jax'\. Profiles with runs: "):
        runs_of("jax")


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_every_framework_has_a_profile_with_at_most_four_fitted_numbers(name: str) -> None:
    assert name in Catalog().names("profiles")
    profile, _ = load_profile(name)
    gaps = [value for key, value in profile.model_dump().items() if key.endswith("_gap_s")]
    assert sum(value > 0 for value in gaps) <= 4
    assert profile.description
