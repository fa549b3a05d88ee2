"""The ``accelsim`` command: a thin layer of typer over the library."""

from __future__ import annotations

import logging
import sys

import typer

from accelsim.cli import (
    calibrate,
    collective,
    compare,
    cost,
    diff,
    experts,
    explain,
    place,
    run,
    sensitivity,
    show,
    validate,
)
from accelsim.errors import AccelsimError, CapacityError

EXIT_BAD_INPUT = 2
EXIT_DOES_NOT_FIT = 3

app = typer.Typer(
    name="accelsim",
    help="How long a transformer takes on a machine, which bytes move where, what limits it, what would change it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help; rich alone takes longer to import than all the rest
    pretty_exceptions_enable=False,
)
run.register(app)
compare.register(app)
diff.register(app)
sensitivity.register(app)
show.register(app)
explain.register(app)
place.register(app)
cost.register(app)
collective.register(app)
experts.register(app)
validate.register(app)
calibrate.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors a user can cause are printed as text and set the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    logging.basicConfig(format="%(message)s", level=logging.DEBUG if debug else logging.WARNING)
    try:
        app(args=arguments, prog_name="accelsim")
    except AccelsimError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(EXIT_DOES_NOT_FIT if isinstance(error, CapacityError) else EXIT_BAD_INPUT)
    except BrokenPipeError:
        sys.exit(0)


if __name__ == "__main__":
    main()
