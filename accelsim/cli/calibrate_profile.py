"""``accelsim calibrate-profile``: fit the gaps of a framework's launch profile to published runs of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.command import add_command

if TYPE_CHECKING:
    from accelsim.validation.runs.fit import ProfileFit


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "calibrate-profile", calibrate_profile)


def calibrate_profile(
    profile: Annotated[str, typer.Argument(help="Launch profile of a framework that a suite has runs of.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="YAML to write: the profile with the new numbers.")
    ] = None,
    free: Annotated[
        str, typer.Option("--free", help="Gaps to fit, of layer, collective, step, sequence.")
    ] = "layer,sequence",
) -> None:
    """Fit a launch profile to whole runs; say what it is worth on models left out of the fit."""
    from accelsim.cli.render import make_console
    from accelsim.errors import ConfigError
    from accelsim.files import write_atomic
    from accelsim.validation.runs.fit import fit_profile, gap_fields, runs_of
    from accelsim.validation.runs.fit_file import profile_yaml

    if output is not None and not output.parent.is_dir():  # before minutes of fitting
        raise ConfigError(f"{output}: the folder {output.parent} does not exist. Make it, or choose another.")
    fit = fit_profile(profile, runs_of(profile), gap_fields(free))
    console = make_console()
    for line in _lines(fit):
        console.print(line)
    if output is not None:
        write_atomic(output, profile_yaml(fit))
        console.print(f"written to {output}", markup=False)


def _lines(fit: ProfileFit) -> list[str]:
    gaps = ", ".join(f"{name.removesuffix('_s')} {value * 1e6:.1f} us" for name, value in fit.fitted.items())
    named = {"without gaps": fit.before_s, "fitted": fit.fitted_s, "models left out": fit.unseen_s}
    errors = [f"{name:<16} {' '.join(str(fit.error(found)).split())}" for name, found in named.items()]
    return [
        f"{fit.profile.name}: {len(fit.models)} runs of {len(set(fit.models))} models: {gaps}",
        *errors,
        "" if fit.is_worth else "the gaps gain nothing on models left out: the profile has none",
        f"spread of runs   log deviation {fit.spread:.3f}",
        f"coverage         {100 * fit.coverage():.0f} % of runs in bands made of the other models' spread",
    ]
