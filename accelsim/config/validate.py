"""Checks a document against a description and reports everything that is wrong at once, each with file and line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from accelsim.config.document import (
    MAX_KEPT,
    SOURCE_KINDS,
    Document,
    Source,
    child_key,
    split_path,
    value_of,
    value_paths,
)
from accelsim.config.messages import describe, expected_form
from accelsim.config.quantity import FROM_FILE
from accelsim.config.schema import Spec
from accelsim.config.tree import Node
from accelsim.config.walk import fields_by_key, key_types, step
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[S]):
    """A checked description with its provenance.

    Attributes:
        spec: The description.
        provenance: Sources by key path (relative to ``document``, e.g. ``core.clock``).
        document: What it was read from, overrides included.
    """

    spec: S
    provenance: Mapping[str, Source]
    document: Document


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong, and where.

    Attributes:
        origin: File, or what set the value.
        line: Line in it, 0 where it has none.
        path: Key path.
        text: What is wrong.
        expected: The form that was expected, where the value has another; blank where the value itself is wrong.
    """

    origin: str
    line: int
    path: str
    text: str
    expected: str = ""

    def __str__(self) -> str:
        where = f"{self.origin}:{self.line}" if self.line else self.origin
        return f"{where}: {self.path}: {self.text}" if self.path else f"{where}: {self.text}"


def validate(document: Document, spec_class: type[S], at: str = "") -> Loaded[S]:
    """Check ``document`` (or its section ``at``) against ``spec_class``.

    Types are strict: ``true`` is no number and ``"5"`` no integer. Quantities need their unit.

    Args:
        document: A document, overrides applied.
        spec_class: What it must describe.
        at: Key path of the section to check, e.g. ``levels.nvlink``; blank for the whole document.

    Returns:
        The description with its provenance; the same object for equal arguments.

    Raises:
        ConfigError: One line per mistake, ordered by file and line:
            ``file:line: key.path: what is wrong. fix.``
    """
    return _validated(document, spec_class, at)


@lru_cache(MAX_KEPT)
def _validated(document: Document, spec_class: type[S], at: str) -> Loaded[S]:
    node = document.node(at) if at else document.root
    prefix = tuple(split_path(at)) if at else ()
    mistakes = _source_mistakes(node, prefix)
    spec: S | None = None
    tree = document.unwrapped() if not at else _at(document.unwrapped(), prefix)
    if not isinstance(tree.value, Mapping):
        keys = ", ".join(fields_by_key(spec_class))
        raise ConfigError(f"{node.where}: expected keys and values at the top of the file. Keys: {keys}.")
    try:
        spec = spec_class.model_validate_json(
            json.dumps(tree.plain()), strict=True, context=FROM_FILE, by_alias=True, by_name=False
        )
    except ValidationError as err:
        mistakes += [_mistake(detail, tree, spec_class, prefix) for detail in err.errors(include_url=False)]
    if mistakes or spec is None:
        raise ConfigError(in_order(mistakes))
    return Loaded(spec, document.sources(), document)


def in_order(mistakes: list[Mistake]) -> str:
    """All mistakes as text, ordered by file and line, duplicates once."""
    ordered = sorted(_together(mistakes), key=lambda mistake: (mistake.origin, mistake.line))
    return "\n".join(dict.fromkeys(str(mistake) for mistake in ordered))


def _together(mistakes: list[Mistake]) -> Iterator[Mistake]:
    """One mistake per key that may have several forms: all of them, or what is wrong with the one that it has."""
    places: dict[tuple[str, int, str], list[Mistake]] = {}
    for mistake in mistakes:
        places.setdefault((mistake.origin, mistake.line, mistake.path), []).append(mistake)
    for found in places.values():
        of_form = [mistake for mistake in found if mistake.expected]
        if len(of_form) < len(found):
            yield from (mistake for mistake in found if not mistake.expected)
        else:
            forms = " or ".join(dict.fromkeys(mistake.expected for mistake in of_form))
            yield replace(found[0], text=found[0].text.replace(found[0].expected, forms, 1))


def _at(node: Node, parts: tuple[str, ...]) -> Node:
    for part in parts:
        node = node.children[child_key(node, part) or part]
    return node


def _mistake(detail: ErrorDetails, tree: Node, spec_class: type[BaseModel], prefix: tuple[str, ...]) -> Mistake:
    """Place one finding of pydantic in the file and put it in our words."""
    node, path = tree, list(prefix)
    annotations: list[Any] = [spec_class]
    outer = annotations
    location = detail["loc"]
    for index, part in enumerate(location):
        is_last = index == len(location) - 1
        if is_last and part == "[key]":  # pydantic's mark for a wrong key of a mapping
            node = Node(path[-1], node.origin, node.line, path[-1])
            annotations = [key for annotation in outer for key in key_types(annotation)]
        elif str(part) in node.children:
            outer, node, path = annotations, node.children[str(part)], [*path, str(part)]
            annotations = _step(annotations, part, is_last)
        elif is_last and detail["type"] == "missing":
            path.append(str(part))
        # any other part is the tag of a union, which is not in the file
    text = describe(detail, node, annotations)
    if detail["type"] == "extra_forbidden" and (near := _elsewhere(tree, str(location[-1]))):
        text = f"{text.partition(' Did you mean')[0]} Did you mean {near!r}?"
    return Mistake(node.origin, node.line, ".".join(path), text, expected_form(detail))


def _elsewhere(tree: Node, key: str) -> str:
    """Path of the nearest value that all words of a key lead to: of ``hbm_bandwidth`` memories.hbm.bandwidth."""
    words = key.split("_")
    paths = [path for path in value_paths(tree) if key not in path.split(".")]
    found = [path for path in paths if set(words) <= set(re.split(r"[._]", path))]
    nearest = sorted(found, key=lambda path: (len(re.split(r"[._]", path)), path))
    return nearest[0] if len(words) > 1 and nearest else ""


def _step(annotations: list[Any], part: str | int, is_last: bool) -> list[Any]:
    """The types one part further; at an unknown key, stay with the section that lacks it."""
    return step(annotations, part) or (annotations if is_last else [])


def _source_mistakes(node: Node, path: tuple[str, ...]) -> list[Mistake]:
    """Sourced values whose source is not a source: wrong kind, or not text."""
    found: list[Mistake] = []
    if node.is_sourced:
        for key, child in node.children.items():
            here = ".".join((*path, key))
            if key == "kind" and child.value not in SOURCE_KINDS:
                kinds = ", ".join(SOURCE_KINDS)
                hint = did_you_mean(child.text, list(SOURCE_KINDS))
                found.append(Mistake(child.origin, child.line, here, f"{child.text!r} is not one of: {kinds}.{hint}"))
            elif key in ("source", "note") and not isinstance(child.value, str):
                found.append(Mistake(child.origin, child.line, here, "expected text."))
    for key, child in value_of(node).children.items():
        found += _source_mistakes(child, (*path, key))
    return found
