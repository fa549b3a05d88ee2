"""``accelsim diff``: two runs side by side, and what the difference is made of."""

from __future__ import annotations

from typing import Annotated

import typer

from accelsim.cli import options as o
from accelsim.cli.command import add_command
from accelsim.cli.output import write_json
from accelsim.cli.runspec import load_or_run
from accelsim.cli.wrap import tell
from accelsim.errors import ConfigError, UnitError

EXIT_DIFFERENT = 1

_RUN = 'A folder of --save, a file of --json, a case file, or a run in quotes: "MODEL --on SYSTEM ...".'


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "diff", diff)


def diff(
    before: Annotated[str, typer.Argument(help=_RUN)],
    after: Annotated[str, typer.Argument(help="The run to compare with it, in one of the same forms.")],
    fail_above: Annotated[
        str | None,
        typer.Option("--fail-above", help="Exit with 1 when the second run is slower by more than this, e.g. 2%."),
    ] = None,
    json_: o.JsonOption = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Every operator.")] = False,
) -> None:
    """Compare two runs: figures, traffic, and the operators and causes that make up the difference in latency."""
    limit = _fraction(fail_above)
    from accelsim.results.difference import difference

    found = difference(load_or_run(before), load_or_run(after))
    if json_ is not None:
        write_json(found.to_dict(), json_)
    if json_ != "-":
        from accelsim.cli.render_diff import print_difference

        print_difference(found, verbose)
    slower = found.latency_s.fraction
    if limit is not None and slower > limit:
        tell(f"the second run is {slower:.2%} slower, more than {limit:.2%}")
        raise typer.Exit(EXIT_DIFFERENT)


def _fraction(text: str | None) -> float | None:
    from accelsim.units import parse_quantity

    if text is None:
        return None
    try:
        value = parse_quantity(text, "ratio")
    except UnitError as error:
        raise ConfigError(f"--fail-above: {error}") from error
    if value < 0:
        raise ConfigError(f"--fail-above: {text!r} is negative. Write e.g. 2%.")
    return value
