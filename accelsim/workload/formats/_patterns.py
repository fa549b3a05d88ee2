"""Patterns that mean modules of a checkpoint, as methods of quantisation write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import translate

from accelsim.errors import ConfigError

#: What models put before the name of a module that begins with ``layers``.
_BEFORE = ("model.", "language_model.model.", "model.language_model.", "")
_LAYERS = re.compile(r"(^|\.)(h|blocks|layer)\.(?=[\d*])")


class Patterns:
    """A list of patterns: whole names, parts of names, names with wildcards, ``re:`` and a regular expression.

    A name means a module of that name, wherever it is, and all in it: ``lm_head``, ``layers.0.mlp``, ``self_attn``.

    Args:
        patterns: The list.

    Raises:
        ConfigError: A regular expression that is none.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        plain = [_without_front(pattern) for pattern in patterns if not pattern.startswith("re:")]
        self._names = {pattern for pattern in plain if not _is_wild(pattern)}
        wild = "|".join(_regular(pattern) for pattern in plain if _is_wild(pattern))
        self._wild = re.compile(rf"(?:{wild})(?:\..*)?") if wild else None
        self._rules = [_compiled(pattern) for pattern in patterns if pattern.startswith("re:")]

    def __bool__(self) -> bool:
        return bool(self._names or self._wild or self._rules)

    def match(self, name: str) -> bool:
        """Whether a pattern means the module.

        Args:
            name: From ``layers`` on, or that of a module outside of layers.
        """
        return (
            any(part in self._names for part in _parts(name))
            or (self._wild is not None and any(self._wild.fullmatch(end) for end in _ends(name)))
            or any(rule.match(f"{front}{name}") for rule in self._rules for front in _BEFORE)
        )


def _is_wild(pattern: str) -> bool:
    return any(letter in pattern for letter in "*?[")


def _regular(pattern: str) -> str:
    """A pattern with wildcards as a regular expression, without its end."""
    return translate(pattern).removesuffix(r"\Z").removesuffix(r"\z")


def _without_front(pattern: str) -> str:
    """The pattern from ``layers`` on, where a plain name stands before it."""
    pattern = _LAYERS.sub(r"\1layers.", pattern.strip("."))
    at = pattern.find("layers.")
    return pattern[at:] if at > 0 and not _is_wild(pattern[:at]) else pattern


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern.removeprefix("re:"))
    except re.error as error:
        raise ConfigError(f"{pattern!r} is no regular expression: {error}.") from error


def _ends(name: str) -> Iterator[str]:
    """The name, and the name without its first parts."""
    parts = name.split(".")
    return (".".join(parts[start:]) for start in range(len(parts)))


def _parts(name: str) -> Iterator[str]:
    """Every part of the name between dots."""
    parts = name.split(".")
    return (".".join(parts[a:b]) for a in range(len(parts)) for b in range(a + 1, len(parts) + 1))
