"""Flags in groups: a parameter of a command that is a dataclass stands for one flag per field.

Fields are declared like parameters of a typer command::

    @dataclass(frozen=True)
    class Shown:
        verbose: Annotated[bool, typer.Option("-v", help="Everything.")] = False
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

Command = Callable[..., None]


def grouped(function: Command) -> Command:
    """The command with each parameter that is a dataclass taken apart into flags."""
    written = inspect.signature(function, eval_str=True).parameters.values()
    groups: dict[str, Any] = {one.name: one.annotation for one in written if is_dataclass(one.annotation)}

    @functools.wraps(function)
    def command(**given: Any) -> None:
        made = {name: of(**{one.name: given.pop(one.name) for one in fields(of)}) for name, of in groups.items()}
        function(**given, **made)

    parameters = [flag for one in written for flag in (_flags(one.annotation) if one.name in groups else [one])]
    set_parameters(command, parameters)
    return command


def set_parameters(command: Command, parameters: list[inspect.Parameter]) -> None:
    """Make typer see these parameters, all of them by name.

    Args:
        command: Function of a command.
        parameters: Its parameters, a flag each.
    """
    by_name = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    command.__signature__ = inspect.Signature(by_name)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in by_name}


def _flags(of: Any) -> Iterator[inspect.Parameter]:
    types = typing.get_type_hints(of, include_extras=True)
    for one in fields(of):
        default = inspect.Parameter.empty if one.default is MISSING else one.default
        yield inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[one.name])
