"""A document as a frozen tree: plain values that remember the file and line they came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

SOURCED_KEYS = frozenset({"value", "source", "kind", "note"})

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INF = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_NAN = re.compile(r"\.(nan|NaN|NAN)")
_WORDS: Mapping[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
#: A longer text is no number: no size needs as many digits.
MAX_NUMBER_TEXT = 400
_STARTS_OF_NUMBERS = frozenset("+-.0123456789")  # spares five patterns for most text


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document: a scalar, a list or a mapping, with its place.

    Attributes:
        value: Scalar, tuple of nodes, or mapping from key to node (in the order of the file).
        origin: File as shown to people, or the override that made the value.
        line: 1-based line of the key (of the value, inside a list); 0 where there is none.
        text: A scalar as it was written.
    """

    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    origin: str
    line: int
    text: str = ""

    @property
    def where(self) -> str:
        """``file:line`` for messages."""
        return f"{self.origin}:{self.line}" if self.line else self.origin

    @property
    def children(self) -> Mapping[str, Node]:
        """Members by key, list members by index; empty for a scalar."""
        if isinstance(self.value, tuple):
            return {str(index): member for index, member in enumerate(self.value)}
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def is_sourced(self) -> bool:
        """Whether this is ``{value: ..., source: ...}``: key ``value`` and nothing but the keys of a source."""
        return isinstance(self.value, Mapping) and "value" in self.value and SOURCED_KEYS.issuperset(self.value)

    @property
    def is_section(self) -> bool:
        """Whether this is a mapping of keys that is not a sourced value."""
        return isinstance(self.value, Mapping) and not self.is_sourced

    def plain(self) -> Plain:
        """The value as plain Python data."""
        if isinstance(self.value, tuple):
            return [member.plain() for member in self.value]
        if isinstance(self.value, Mapping):
            return {key: member.plain() for key, member in self.value.items()}
        return self.value

    def with_child(self, key: str, child: Node) -> Node:
        """This list or mapping with the member at ``key`` replaced or added.

        Args:
            key: Key of a mapping, or index of a list as text.
            child: What is put there.
        """
        if isinstance(self.value, tuple):
            index = int(key)
            return replace(self, value=(*self.value[:index], child, *self.value[index + 1 :]))
        return replace(self, value={**self.children, key: child})


def resolve_scalar(text: str) -> Scalar:
    """Value of an unquoted scalar under the core schema of YAML 1.2.

    Unlike YAML 1.1, ``1e-6`` is a number, ``yes``, ``no``, ``on`` and ``off`` are text, ``012`` is twelve and
    ``1:30`` is text.

    Source:
        *YAML Ain't Markup Language*, revision 1.2.2, section 10.3.2.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _STARTS_OF_NUMBERS or len(text) > MAX_NUMBER_TEXT:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return _rare_scalar(text)


def _rare_scalar(text: str) -> Scalar:
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    if infinite := _INF.fullmatch(text):
        return float(infinite[1] + "inf")
    return float("nan") if _NAN.fullmatch(text) else text


def deep_merge(base: Node, over: Node) -> Node:
    """``base`` with everything that ``over`` says put over it, key by key.

    Two sections merge; anything else (a scalar, a list, a sourced value) is replaced as a whole, so a value never
    keeps the source of the value it replaces. Each value keeps its own file and line. ``null`` over a section takes it
    away, e.g. a level that a variant of a system does not have.

    Args:
        base: What is put under, e.g. the file that ``extends`` names.
        over: What wins.
    """
    if not (base.is_section and over.is_section):
        return over
    merged = dict(base.children)
    for key, child in over.children.items():
        if key in merged and merged[key].is_section and child.value is None:
            del merged[key]
            continue
        merged[key] = deep_merge(merged[key], child) if key in merged else child
    return replace(over, value=merged)
