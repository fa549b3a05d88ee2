"""Flags of a command that takes a case: one per option, made from the option's own declaration.

A command is a function whose first argument is what the flags state; typer sees a flag for every option of a case and
for every size of a phase, and then the command's own.  Nothing is looked up here: ``--help`` answers at once.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from accelsim.case.case import OPTIONS
from accelsim.case.option import Option
from accelsim.cli.groups import Command, set_parameters
from accelsim.workload.phase import PHASES

#: Options with an argument or a flag of their own, which commands declare.
_OWN = ("model", "system", "phase")


@dataclass(frozen=True)
class Stated:
    """What the flags of a command state.

    Attributes:
        model: A model, a case file or a saved result.
        system: One system, or whatever the command reads in its place; None where it is not given.
        options: Values of the flags that were given, by option.
        kind: Kind of phase, if given.
        sizes: Sizes of the phase that were given.
    """

    model: str
    system: str | None
    options: Mapping[str, Any]
    kind: str | None
    sizes: Mapping[str, Any]

    @property
    def flags(self) -> list[str]:
        """The flags of options that were given."""
        return [one.flag for one in OPTIONS if one.name in self.options]


def split(given: Mapping[str, Any]) -> tuple[Stated, dict[str, Any]]:
    """What the flags of a case state among all parameters of a command, and the command's own parameters."""
    own = dict(given)
    options = {one.name: own.pop(one.name) for one in _flagged()}
    sizes = {name: own.pop(name) for name in _sizes()}
    stated = Stated(
        model=own.pop("model"),
        system=own.pop("system"),
        options={name: value for name, value in options.items() if value is not None},
        kind=own.pop("phase"),
        sizes={name: value for name, value in sizes.items() if value is not None},
    )
    return stated, own


def takes_case(
    model: str | None = None, system: str | None = None, lists: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """Makes a command of a function that takes a :class:`Stated` named ``stated``, before or after its own parameters.

    Args:
        model: Model when none is named; None: it must be.
        system: System that the command takes when neither a flag nor a case names one; shown in the help.
        lists: Options that the command takes several values of: their flags may be given often.
    """

    def decorate(function: Command) -> Command:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            stated, own = split(given)
            function(stated=stated, **own)

        written = list(inspect.signature(function, eval_str=True).parameters.values())
        at = [one.name for one in written].index("stated")
        set_parameters(command, [*written[:at], *_parameters(model, system, lists), *written[at + 1 :]])
        return command

    return decorate


def _parameters(model: str | None, system: str | None, lists: tuple[str, ...]) -> Iterator[inspect.Parameter]:
    help = "Model name, YAML, or path to a Hugging Face config.json; or a case file or a saved result to run again."
    yield _parameter("model", Annotated[str, typer.Argument(help=help)], model)
    on = next(one for one in OPTIONS if one.name == "system")
    default = f" Default: that of the case, else {system}." if system else ""
    yield _parameter("system", _option(str | None, on.flag, f"{on.help}{default}"))
    kinds = ", ".join(PHASES.names())
    yield _parameter("phase", _option(str | None, "--phase", f"{kinds}; default: by its sizes."))
    for name, text in _sizes().items():
        yield _parameter(name, _option(str | None, f"--{name.replace('_', '-')}", text))
    for one in _flagged():
        kind = list[str] | None if one.name in lists else _type_of(one)
        yield _parameter(one.name, _option(kind, one.flag, _help(one)))


def _option(kind: Any, flag: str, help: str) -> Any:
    return Annotated[kind, typer.Option(flag, help=help)]


def _parameter(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    is_required = name == "model" and default is None
    default = inspect.Parameter.empty if is_required else default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _flagged() -> list[Option]:
    return [one for one in OPTIONS if one.name not in _OWN]


def _type_of(one: Option) -> Any:
    if one.is_repeated:
        return list[str] | None
    if one.is_switch:
        return bool | None
    return (int if isinstance(one.default, int) else str) | None


def _help(one: Option) -> str:
    shown = one.default is None or one.default in (False, ()) or "default" in one.help
    return one.help if shown else f"{one.help.rstrip('.')}; default: {one.default}."


@functools.cache
def _sizes() -> Mapping[str, str]:
    """Help of every size that a phase has; each reads its own text (``4k``)."""
    found: dict[str, str] = {}
    for _, of in PHASES.items():
        for one in of.fields():
            found.setdefault(one.name, one.help)
    return found
