"""A fitted launch profile as a file: every number with its source."""

from __future__ import annotations

from accelsim.hardware.profile import LaunchProfile
from accelsim.validation.runs.fit import ProfileFit


def profile_yaml(fit: ProfileFit) -> str:
    """The profile with the fitted gaps, or none where they gain nothing, and the spread of runs around it.

    Args:
        fit: Of :func:`~accelsim.validation.runs.fit.fit_profile`.
    """
    profile, gaps = fit.profile, fit.gaps
    runs, models = len(fit.models), len(set(fit.models))
    before, fitted, unseen = (fit.error(found) for found in (fit.before_s, fit.fitted_s, fit.unseen_s))
    errors = f"{100 * before.mape:.1f} % without gaps, {100 * fitted.mape:.1f} % fitted"
    kept = "" if fit.is_worth else ", so that no gap is stated"
    source = f"accelsim calibrate-profile {profile.name}: {runs} runs of {models} models"
    lines = [
        f"# {runs} runs of {models} models (accelsim calibrate-profile {profile.name}): mean error {errors},",
        f"# {100 * unseen.mape:.1f} % on models left out of the fit{kept}.",
        "schema_version: 1",
        "kind: profile",
        f"name: {profile.name}",
        f'description: "{profile.description}"',
        *_kept(profile),
    ]
    for name, value in gaps.items():
        number = f'value: {value * 1e6:.4g} us, kind: calibrated, source: "{source}"'
        lines.append(f"{name.removesuffix('_s')}: {{{number}}}")
    lines.append(f"spread: {{log_deviation: {fit.spread:.3f}, runs: {runs}, models: {models}}}")
    return "\n".join(lines) + "\n"


def _kept(profile: LaunchProfile) -> list[str]:
    """What a profile states beside its gaps."""
    found = [f"library: {profile.library}"] if profile.library else []
    if profile.dispatch_s:
        found.append(f'dispatch: {{value: {profile.dispatch_s * 1e6:.3g} us, kind: assumed, source: "as eager"}}')
    return found + (["fuses_rows: true"] if profile.fuses_rows else [])
