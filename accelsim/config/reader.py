"""Text to tree: YAML by events and JSON by tokens, both with the line of every key, both refusing what is unsafe.

Refused: anchors and aliases (a few lines can expand to gigabytes), tags, duplicate
keys, nesting above 50, several documents in one file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import yaml

from accelsim.config.tree import MAX_NUMBER_TEXT, Node, Scalar, resolve_scalar
from accelsim.errors import ConfigError

MAX_NESTING = 50

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is 10 times faster, where it was built
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)


def read_yaml(text: str, origin: str) -> Node:
    """Tree of a YAML text.

    Args:
        text: One document of YAML 1.2.
        origin: The file as messages call it; every node remembers it.

    Raises:
        ConfigError: Malformed, unsafe or empty; names the line.
    """
    builder = _TreeBuilder(origin)
    try:
        for event in yaml.parse(text, Loader=_YAML_LOADER):
            _take_event(builder, event)
    except yaml.YAMLError as err:
        raise ConfigError(_yaml_problem(err, text, origin)) from err
    return builder.finish()


def read_json(text: str, origin: str) -> Node:
    """Tree of a JSON text.

    ``Infinity`` and ``NaN`` are numbers, as Python and Hugging Face write them; what needs finite ones refuses them.

    Args:
        text: One JSON value.
        origin: The file as messages call it; every node remembers it.

    Raises:
        ConfigError: Malformed, unsafe or empty; names the line.
    """
    if not text.strip():
        raise ConfigError(f"{origin}: the file is empty.")
    try:
        json.loads(text, parse_int=partial(_few_digits, text, origin))
    except json.JSONDecodeError as err:
        raise ConfigError(f"{origin}:{err.lineno}: malformed JSON: {err.msg} (column {err.colno}).") from err
    except RecursionError as err:
        raise ConfigError(f"{origin}: nested more than {MAX_NESTING} deep.") from err
    builder = _TreeBuilder(origin)
    for token, line in _json_tokens(text):
        _take_token(builder, token, line)
    return builder.finish()


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read yet."""

    is_mapping: bool
    line: int
    items: list[Node] = field(default_factory=list)
    members: dict[str, Node] = field(default_factory=dict)
    key: str | None = None
    key_line: int = 0


@dataclass(slots=True)
class _TreeBuilder:
    """Builds a tree from opening, closing and scalar events; iterative, so that nesting cannot exhaust the stack."""

    origin: str
    stack: list[_Open] = field(default_factory=list)
    root: Node | None = None

    def open(self, is_mapping: bool, line: int) -> None:
        if self._expects_key():
            raise self.error(line, "a key must be text, not a list or mapping")
        if len(self.stack) >= MAX_NESTING:
            raise self.error(line, f"nested more than {MAX_NESTING} deep")
        self.stack.append(_Open(is_mapping, line))

    def close(self) -> None:
        done = self.stack.pop()
        value = done.members if done.is_mapping else tuple(done.items)
        self._add(Node(value, self.origin, done.line))

    def scalar(self, value: Scalar, text: str, line: int) -> None:
        if not self._expects_key():
            self._add(Node(value, self.origin, line, text))
            return
        top = self.stack[-1]
        if text in top.members:
            first = top.members[text].line
            raise self.error(line, f"duplicate key {text!r}; first given on line {first}. Remove one of them")
        top.key, top.key_line = text, line

    def finish(self) -> Node:
        if self.root is None or self.root.value is None:
            raise ConfigError(f"{self.origin}: the file is empty.")
        return self.root

    def error(self, line: int, what: str) -> ConfigError:
        return ConfigError(f"{self.origin}:{line}: {what}.")

    def _expects_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].is_mapping and self.stack[-1].key is None

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
        elif not self.stack[-1].is_mapping:
            self.stack[-1].items.append(node)
        else:
            top = self.stack[-1]
            if top.key is not None:
                top.members[top.key] = Node(node.value, node.origin, top.key_line, node.text)
            top.key = None


def _take_event(builder: _TreeBuilder, event: yaml.Event) -> None:
    line = event.start_mark.line + 1 if event.start_mark else 0
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
        raise builder.error(line, "anchors (&) and aliases (*) are not allowed. Write the value out")
    if isinstance(event, yaml.DocumentStartEvent) and builder.root is not None:
        raise builder.error(line, "a second document starts; one file holds one document")
    if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag is not None:
        raise builder.error(line, f"tags such as {event.tag!r} are not allowed. Write a plain value")
    if isinstance(event, yaml.MappingStartEvent):
        builder.open(True, line)
    elif isinstance(event, yaml.SequenceStartEvent):
        builder.open(False, line)
    elif isinstance(event, yaml.CollectionEndEvent):
        builder.close()
    elif isinstance(event, yaml.ScalarEvent):
        is_plain = event.implicit[0]
        builder.scalar(resolve_scalar(event.value) if is_plain else event.value, event.value, line)


def _yaml_problem(err: yaml.YAMLError, text: str, origin: str) -> str:
    mark = getattr(err, "problem_mark", None) or getattr(err, "context_mark", None)
    if mark is None:
        position = getattr(err, "position", 0)
        line = text.count("\n", 0, position) + 1
        return f"{origin}:{line}: malformed YAML: {getattr(err, 'reason', None) or 'unreadable character'}."
    lines = text.splitlines()
    content = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in content[: len(content) - len(content.lstrip())]:
        return f"{origin}:{mark.line + 1}: malformed YAML: a tab in the indentation. Use blanks."
    context = getattr(err, "context", None)
    problem = getattr(err, "problem", None) or "unreadable text"
    if "nesting depth" in problem:  # libyaml looks ahead, and may give up before the tree that is built does
        return f"{origin}:{mark.line + 1}: nested more than {MAX_NESTING} deep."
    tail = f" ({context})" if context else ""
    return f"{origin}:{mark.line + 1}: malformed YAML: {problem}{tail}, column {mark.column + 1}."


def _few_digits(text: str, origin: str, number: str) -> int:
    """The whole number of a JSON text; one that is too long for any size is refused with its line."""
    if len(number) <= MAX_NUMBER_TEXT:
        return int(number)
    line = next(line for token, line in _json_tokens(text) if token == number)
    raise ConfigError(f"{origin}:{line}: a number of {len(number)} digits. No size needs that many.")


def _json_tokens(text: str) -> Iterator[tuple[str, int]]:
    line, last = 1, 0
    for match in _JSON_TOKEN.finditer(text):
        line += text.count("\n", last, match.start())
        last = match.start()
        yield match[0], line


def _take_token(builder: _TreeBuilder, token: str, line: int) -> None:
    """Feed one token of a text that is known to be well-formed JSON."""
    if token in "{[":
        builder.open(token == "{", line)
    elif token in "}]":
        builder.close()
    elif token not in ",:":
        value = json.loads(token)
        if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise builder.error(line, "half of a surrogate pair is not a character")
        builder.scalar(value, value if isinstance(value, str) else token, line)
