"""A command whose options are given once each, unless they are lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperOption

from accelsim.errors import ConfigError


class StrictCommand(TyperCommand):
    """A command that refuses an option with one value that is given twice, instead of keeping the last."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse doubled options, then parse as ever.

        Args:
            ctx: The command's context.
            args: What was written.

        Raises:
            ConfigError: An option with one value is given more than once.
        """
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option, times in Counter(given).items():
            takes_one = isinstance(option, TyperOption) and not option.multiple and not option.is_flag
            if times > 1 and takes_one:
                name = option.opts[-1]
                raise ConfigError(f"{name} is given {times} times and takes one value. Leave all but one out.")
        return super().parse_args(ctx, args)


def add_command(app: typer.Typer, name: str, function: Callable[..., Any]) -> None:
    """Enter a command into an application.

    Args:
        app: The application.
        name: Of the command.
        function: What it does; its parameters are the options.
    """
    app.command(name, cls=StrictCommand)(function)
