"""Arguments of the public API that a call cannot take: errors that say what to give, not only what Python missed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from typing import Any, TypeVar

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

Callee = TypeVar("Callee", bound=Callable[..., Any])
Kinds = type | tuple[type, ...]
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
_MOST_SHOWN, _MOST_BITS = 80, 128


def checked_call(example: str, **kinds: Kinds) -> Callable[[Callee], Callee]:
    """Makes a function, or the constructor of a class, refuse a call that it cannot take in words.

    Args:
        example: A right call, for the error.
        **kinds: What an argument of that name has to be; others are not looked at here.
    """

    def decorate(callee: Callee) -> Callee:
        if not inspect.isclass(callee):
            return _checked(callee, callee.__name__, example, kinds, skip=0)  # type: ignore[return-value]
        made = _checked(callee.__init__, callee.__name__, example, kinds, skip=1)
        type.__setattr__(callee, "__init__", made)
        return callee

    return decorate


def check_arguments(
    name: str, parameters: Sequence[inspect.Parameter], args: Sequence[Any], kwargs: Mapping[str, Any], example: str
) -> None:
    """Refuse a call that Python would refuse.

    Args:
        name: Of what is called.
        parameters: What it takes.
        args: Given by position.
        kwargs: Given by name.
        example: A right call.

    Raises:
        ConfigError: An argument is unknown, missing, given twice, or one too many.
    """
    ordered = [one for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    known = [one.name for one in parameters if one.kind in _NAMED]
    kinds = {one.kind for one in parameters}
    write = f" Write e.g. {example}." if example else ""
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        for unknown in (one for one in kwargs if one not in known):
            raise ConfigError(f"{name} has no {unknown!r}. It has: {', '.join(known)}.{did_you_mean(unknown, known)}")
    if len(args) > len(ordered) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        takes = ", ".join(one.name for one in ordered) or "none"
        raise ConfigError(f"{name}: {len(args)} given by their place; it takes {takes} so, others by name.{write}")
    placed = [one.name for one in ordered[: len(args)]]
    if twice := [one for one in placed if one in kwargs]:
        raise ConfigError(f"{name}: {twice[0]} is given twice, by its place and by its name.{write}")
    required = [one.name for one in parameters if one.kind in _NAMED and one.default is inspect.Parameter.empty]
    if missing := [one for one in required if one not in placed and one not in kwargs]:
        raise ConfigError(f"{name}: {listed(missing)} must be given.{write}")


def expect(value: Any, kinds: Kinds, what: str, example: str) -> None:
    """Refuse a value of another kind.

    Args:
        value: What was given.
        kinds: What it has to be one of.
        what: What it is, for the error.
        example: A right value, or a call with one.

    Raises:
        ConfigError: It is none of them.
    """
    if isinstance(value, kinds) and not (isinstance(value, bool) and bool not in _each(kinds)):
        return
    wanted = " or ".join(_NAMES.get(kind, kind.__name__) for kind in _each(kinds))
    raise ConfigError(f"{what}: expected {wanted}, got {shown(value)}. Write e.g. {example}.")


def shown(value: Any) -> str:
    """A value in an error: short, and of a class that it is one."""
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:  # Python writes no number of very many digits
        return f"a whole number of {value.bit_length():,} bits"
    text = f"the class {value.__name__}" if inspect.isclass(value) else repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}... ({type(value).__name__})"


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def whole(value: Any) -> Any:
    """The ``int`` that a whole number of another library (numpy) is; anything else as it is."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return value
    try:
        return index(value)
    except TypeError:  # an array of several
        return value


_NAMES: Mapping[type, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    type(None): "None",
    Iterable: "a list",
    Mapping: "a mapping",
}


def _each(kinds: Kinds) -> tuple[type, ...]:
    return kinds if isinstance(kinds, tuple) else (kinds,)


def _checked(
    function: Callable[..., Any], name: str, example: str, kinds: Mapping[str, Kinds], skip: int
) -> Callable[..., Any]:
    """The function, whose first ``skip`` arguments a caller does not write."""
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    places = {one.name: place for place, one in enumerate(parameters)}

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        written = args[skip:]
        for argument, kind in kinds.items():
            place = places[argument]
            if argument in kwargs or place < len(written):
                value = kwargs[argument] if argument in kwargs else written[place]
                expect(value, kind, f"{name}: {argument}", example)
        try:
            return function(*args, **kwargs)
        except TypeError:
            check_arguments(name, parameters, written, kwargs, example)
            raise

    return call
