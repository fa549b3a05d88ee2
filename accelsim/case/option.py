"""Options: a field of a dataclass that is declared once and known everywhere by that declaration.

The field's declaration says how its value is read from text, how it is written as plain data, and what it means.  Flags
of the command line, arguments in Python, keys of a case file and of a manifest follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

_KEY = "accelsim.option"


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: Name of the field, of the argument in Python and of the key in files.
        help: Meaning, in one line.
        flag: On the command line; by default ``--name-with-dashes``.
        parse: Text or value to value.
        plain: Value to plain data for files: text, number, bool, None, list or mapping.
        default: Value, or text that means it, when nothing is said.
        is_required: Whether there is no default.
        is_switch: Whether the flag takes no value.
        is_repeated: Whether the flag may be given often.
    """

    name: str
    help: str
    flag: str
    parse: Callable[[Any], Any]
    plain: Callable[[Any], Any]
    default: Any
    is_required: bool
    is_switch: bool
    is_repeated: bool

    def read(self, value: Any) -> Any:
        """The value that is meant by one in any of its forms.

        Raises:
            ConfigError: It cannot be the option's value; the text begins with the option's name.
        """
        try:
            return self.parse(value)
        except ConfigError as error:
            text = str(error)
            raise type(error)(text if text.startswith(f"{self.name}: ") else f"{self.name}: {text}") from error


def option(
    default: Any,
    help: str,
    *,
    flag: str = "",
    parse: Callable[[Any], Any] = _same,
    plain: Callable[[Any], Any] = _same,
    is_repeated: bool = False,
) -> Any:
    """A dataclass field that is an :class:`Option`; ``default`` may be ``MISSING`` for one that must be given.

    Args:
        default: Value of a case that does not state it.
        help: What it means, a sentence for the command line.
        flag: Flag with its short forms; empty: the name of the field.
        parse: Makes the value of what a user gives, text among it.
        plain: Makes plain data of the value.
        is_repeated: Whether the flag may be given often.
    """
    return field(default=default, metadata={_KEY: (help, flag, parse, plain, is_repeated)})


def options_of(of: type) -> tuple[Option, ...]:
    """The options among the fields of a dataclass, in order."""
    return tuple(_options(of))


def _options(of: type) -> Iterator[Option]:
    for one in fields(of):
        if _KEY in one.metadata:
            help, flag, parse, plain, is_repeated = one.metadata[_KEY]
            flag = flag or f"--{one.name.replace('_', '-')}"
            default = None if one.default is MISSING else one.default
            required, switch = one.default is MISSING, one.default is False
            yield Option(one.name, help, flag, parse, plain, default, required, switch, is_repeated)


def check_names(given: Iterable[str], known: list[str], what: str, place_of: Callable[[str], str]) -> None:
    """Refuse names that are no option.

    Args:
        given: Names that a user states.
        known: Names there are.
        what: Where they stand, for the error.
        place_of: Says where a name belongs that is no option; blank where it does not know.

    Raises:
        ConfigError: One is unknown; suggests the nearest.
    """
    for name in given:
        if name not in known:
            hint = f" {place_of(str(name))}".rstrip() or did_you_mean(str(name), known)
            raise ConfigError(f"{what}: unknown option {name!r}.{hint} Known: {', '.join(known)}.")
