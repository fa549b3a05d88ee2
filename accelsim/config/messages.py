"""The findings of pydantic in the words of this house: what is wrong, what is allowed, how to fix it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from accelsim.config.tree import Node
from accelsim.config.walk import fields_by_key, options, spec_classes
from accelsim.registry import did_you_mean

_EXPECTED: Mapping[str, str] = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list, e.g. [1, 2]",
    "tuple_type": "a list, e.g. [1, 2]",
    "dict_type": "a section of keys and values",
    "model_type": "a section of keys and values",
    "model_attributes_type": "a section of keys and values",
    "none_required": "nothing (null)",
}
_BOUNDS: Mapping[str, tuple[str, str]] = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}


def describe(detail: ErrorDetails, node: Node, annotations: list[Any]) -> str:
    """One sentence or two about one finding.

    Args:
        detail: The finding.
        node: The node of the file it is about; the section, for a missing key.
        annotations: Types allowed there; the types of the section, for an unknown key.
    """
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown_key(detail, annotations)
    if kind == "missing":
        return _missing_key(detail, annotations)
    if kind in ("enum", "literal_error", "union_tag_invalid"):
        return _not_a_choice(node, annotations, detail)
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return f"got {shown(node)}; must be {words} {bound_text(context[key])}."
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {shown(node)}.{_quote_hint(kind, node)}"
    if kind in ("value_error", "assertion_error"):
        return _sentence(str(context["error"]))
    if kind == "quantity":
        return detail["msg"]
    return f"{_sentence(detail['msg'])} Got {shown(node)}."


def bound_text(value: float) -> str:
    """A bound as people write it: whole numbers with all digits.

    Args:
        value: The bound.
    """
    return f"{value:,}".replace(",", "_") if isinstance(value, int) else f"{value:g}"


def expected_form(detail: ErrorDetails) -> str:
    """The form of value that was expected, as :func:`describe` says it; blank where the form is right.

    Args:
        detail: The finding.
    """
    return _EXPECTED.get(detail["type"], "")


def shown(node: Node) -> str:
    """A value as a message shows it: as written, in quotes, cut when long."""
    if isinstance(node.value, Mapping):
        return f"a section with the keys {', '.join(node.children)}" if node.children else "an empty section"
    if isinstance(node.value, tuple):
        return f"a list of {len(node.value)}"
    if node.value is None:
        return "nothing"
    return repr(node.text) if len(node.text) <= 60 else repr(node.text[:57] + "...")


def _unknown_key(detail: ErrorDetails, annotations: list[Any]) -> str:
    key = str(detail["loc"][-1])
    known: list[str] = []
    for annotation in annotations:
        for spec_class in spec_classes(annotation):
            known += [name for name in fields_by_key(spec_class) if name not in known]
    listed = f" Known: {', '.join(sorted(known))}." if known else ""
    return f"unknown key {key!r}.{listed}{did_you_mean(key, known)}"


def _missing_key(detail: ErrorDetails, annotations: list[Any]) -> str:
    key = str(detail["loc"][-1])
    for annotation in annotations:
        for spec_class in spec_classes(annotation):
            info = fields_by_key(spec_class).get(key)
            if info is not None and info.description:
                return f"missing. {_sentence(info.description)}"
    return "missing."


def _not_a_choice(node: Node, annotations: list[Any], detail: ErrorDetails) -> str:
    known = _choices(annotations)
    if not known:
        expected = str(detail.get("ctx", {}).get("expected", detail.get("ctx", {}).get("expected_tags", "")))
        known = [word.strip("' ") for word in expected.replace(" or ", ",").split(",") if word.strip()]
    text = node.text if not node.children else str(detail.get("ctx", {}).get("tag", ""))
    return f"{text!r} is not one of: {', '.join(known)}.{did_you_mean(text, known)}"


def _choices(annotations: list[Any]) -> list[str]:
    """Values of the enums among the types."""
    from enum import Enum

    found: list[str] = []
    for annotation in annotations:
        for option in options(annotation):
            if isinstance(option, type) and issubclass(option, Enum):
                found += [str(member.value) for member in option]
    return found


def _quote_hint(kind: str, node: Node) -> str:
    """Unquoted numbers and words such as true where text belongs."""
    is_bare_value = kind == "string_type" and not node.children and node.value is not None
    return f" Write it in quotes: '{node.text}'." if is_bare_value else ""


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
