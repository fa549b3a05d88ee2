"""The application: every command of ``accelsim`` and its flags."""

from __future__ import annotations

from typing import Annotated

import typer

from accelsim.cli import (
    calibrate,
    calibrate_profile,
    collective,
    compare,
    cost,
    diff,
    experts,
    explain,
    measure,
    new,
    optics,
    place,
    plan,
    run,
    sensitivity,
    show,
    validate,
)
from accelsim.version import VERSION


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"accelsim {VERSION}")
        raise typer.Exit


app = typer.Typer(
    name="accelsim",
    help="How long a transformer takes on a machine, which bytes move where, what limits it, what would change it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help; rich alone takes longer to import than all the rest
    pretty_exceptions_enable=False,
)


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options before the command."""


run.register(app)
compare.register(app)
diff.register(app)
sensitivity.register(app)
show.register(app)
explain.register(app)
plan.register(app)
new.register(app)
place.register(app)
cost.register(app)
collective.register(app)
experts.register(app)
optics.register(app)
validate.register(app)
calibrate.register(app)
calibrate_profile.register(app)
measure.register(app)
