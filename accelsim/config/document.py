"""One configuration document: its tree, where it came from, the overrides on top of it, and the sources it states.

A document knows the fingerprint of all that its tree was made from.  What is derived from a document is therefore kept
under the document itself (``lru_cache``): a file that did not change is parsed, merged and checked once per process,
and one that did is another document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from accelsim.config.multiple import multiple_of, multiplied
from accelsim.config.tree import Node, Plain, resolve_scalar
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

#: Documents of which a pass keeps its outcome; the packaged catalog has about 100 files.
MAX_KEPT = 128
SOURCE_KINDS = ("datasheet", "measured", "derived", "assumed", "calibrated")
OVERRIDE_KIND = "override"


@dataclass(frozen=True, slots=True)
class Source:
    """Where one value comes from.

    Attributes:
        value_text: The value as written, with its unit.
        source: Citation, or None where the file gives none.
        kind: ``datasheet``, ``measured``, ``derived``, ``assumed``, ``calibrated``, or ``override`` for a value set
            by the user; None where the file gives none.
        note: Remark of the file.
        where: ``file:line``.
    """

    value_text: str
    source: str | None
    kind: str | None
    note: str | None
    where: str


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file with its overrides; a value, never changed in place. Two are equal when their fingerprints are.

    Attributes:
        path: File it was read from.
        sha256: Hash of that file's bytes.
        root: The tree.
        fingerprint: Hash of everything the tree was made from, pass by pass: equal ones have equal trees.
        overrides: ``(key path, text)`` in the order they were applied.
        parents: ``(path, sha256)`` of each file that ``extends`` pulled in.
    """

    path: Path = field(compare=False)
    sha256: str = field(compare=False)
    root: Node = field(compare=False)
    fingerprint: str
    overrides: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    parents: tuple[tuple[Path, str], ...] = field(default=(), compare=False)

    def derived(self, root: Node, *made_from: str) -> Document:
        """This document with the tree that a pass made of it.

        Args:
            root: The new tree.
            made_from: Name of the pass and, as text, everything but this document that decides the new tree.
        """
        return replace(self, root=root, fingerprint=fingerprint_of(self.fingerprint, *made_from))

    @property
    def data(self) -> Plain:
        """Plain Python data with the sources unwrapped: ``{value: 1410 MHz, source: ...}`` is ``"1410 MHz"``."""
        return self.unwrapped().plain()

    def node(self, path: str) -> Node:
        """The node at a key path such as ``core.sram.bandwidth`` or ``levels.0.link``.

        In a list, an element is named by its index or by its ``name``.

        Raises:
            ConfigError: There is no such key; suggests the nearest.
        """
        node = self.root
        for depth, part in enumerate(parts := split_path(path)):
            key = child_key(node, part)
            if key is None:
                raise ConfigError(f"{node.where}: {_no_key(node, '.'.join(parts[:depth]), part)}")
            node = node.children[key]
        return node

    def line(self, path: str) -> int:
        """Line of the key at ``path``, 0 for a value that was set by an override."""
        return self.node(path).line

    def where(self, path: str) -> str:
        """``file:line`` of the key at ``path``."""
        return self.node(path).where

    def apply_override(self, path: str, text: str, origin: str | None = None) -> Document:
        """This document with the value at ``path`` replaced, or added under a section that exists.

        Args:
            path: Key path, e.g. ``sram_per_core``.
            text: The new value as it would stand in the file, e.g. ``64 KiB``. ``[1, 2]`` is a list, ``null`` takes a
                section away, ``2x`` is twice the present value.
            origin: What the user wrote, for messages; ``--set PATH=TEXT`` unless given.

        Raises:
            ConfigError: The path leads through a key that does not exist or through a plain value, or names a
                whole section.
        """
        parts = split_path(path)
        origin = origin or f"--set {path}={text}"
        root = _replaced(self.root, parts, 0, self._override(path, text, origin), origin)
        changed = self.derived(root, "override", path, text, origin)
        return replace(changed, overrides=(*self.overrides, (path, text)))

    def _override(self, path: str, text: str, origin: str) -> Node:
        factor = multiple_of(text)
        if factor is None:
            return _override_node(text, origin)
        try:
            present = value_of(self.node(path))
        except ConfigError as error:
            raise ConfigError(f"{origin}: there is no present value to multiply. Write the value itself.") from error
        try:
            text = present.text if not present.children else str(present.plain())
            return _override_node(multiplied(text, factor), origin)
        except ValueError as error:
            raise ConfigError(f"{origin}: {error} Write the value itself.") from error

    def unwrapped(self) -> Node:
        """The tree with each sourced value replaced by its value."""
        return _unwrapped(self)

    def value_paths(self) -> list[str]:
        """Key path of every plain value and list, sources unwrapped."""
        return value_paths(self.unwrapped())

    def sources(self) -> Mapping[str, Source]:
        """Stated sources and overrides by key path."""
        found: dict[str, Source] = {}
        _collect_sources(self.root, (), found)
        return found


def fingerprint_of(*parts: str) -> str:
    """Hash of texts, with their boundaries: ``("ab", "c")`` is not ``("a", "bc")``."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def value_paths(tree: Node) -> list[str]:
    """Key path of every plain value and list of a tree whose sources are unwrapped."""
    found: list[str] = []
    _collect_paths(tree, (), found)
    return found


@lru_cache(MAX_KEPT)
def _unwrapped(document: Document) -> Node:
    return _unwrap(document.root)


def _collect_paths(node: Node, path: tuple[str, ...], found: list[str]) -> None:
    if node.is_section:
        for key, child in node.children.items():
            _collect_paths(child, (*path, key), found)
    else:
        found.append(".".join(path))


def split_path(path: str) -> list[str]:
    """Parts of a key path; ``levels[0].link`` is the same as ``levels.0.link``.

    Raises:
        ConfigError: A part is empty.
    """
    parts = re.sub(r"\[(\d+)\]", r".\1", path.strip()).split(".")
    if not all(parts):
        raise ConfigError(f"{path!r} is not a key path. Write keys joined by dots, e.g. 'core.sram.bandwidth'.")
    return parts


def child_key(node: Node, part: str) -> str | None:
    """Key of the member that ``part`` names: a key, an index, or the ``name`` of a list's element.

    Args:
        node: A section, a list or a sourced value of either.
        part: One part of a key path.

    Returns:
        The key in ``node.children``, an index as text for a list; None where nothing is meant.
    """
    node = value_of(node)
    if part in node.children:
        return part
    if isinstance(node.value, tuple):
        for key, member in node.children.items():
            name = member.children.get("name")
            if name is not None and value_of(name).value == part:
                return key
    return None


def value_of(node: Node) -> Node:
    """The node itself, or the value inside ``{value: ..., source: ...}``."""
    return node.children["value"] if node.is_sourced else node


def _override_node(text: str, origin: str) -> Node:
    stripped = text.strip()
    if stripped[:1] not in ("[", "{"):
        return Node(resolve_scalar(stripped), origin, 0, stripped)
    from accelsim.config.reader import read_yaml

    return _relabelled(read_yaml(stripped, origin))


def _relabelled(node: Node) -> Node:
    """The tree without line numbers, which mean nothing on a command line."""
    if isinstance(node.value, tuple):
        return replace(node, line=0, value=tuple(_relabelled(member) for member in node.value))
    if isinstance(node.value, Mapping):
        return replace(node, line=0, value={key: _relabelled(member) for key, member in node.value.items()})
    return replace(node, line=0)


def _replaced(node: Node, parts: list[str], depth: int, leaf: Node, origin: str) -> Node:
    """``node`` with the leaf put at ``parts[depth:]``; the spine is rebuilt, all else is shared."""
    if depth == len(parts):
        if node.is_section and leaf.value is not None:
            known = ", ".join(node.children)
            raise ConfigError(f"{origin}: {'.'.join(parts)!r} is a section. Set one of its keys: {known}.")
        return leaf
    here, part = ".".join(parts[:depth]), parts[depth]
    node = value_of(node)
    key = child_key(node, part)
    if key is not None:
        return node.with_child(key, _replaced(node.children[key], parts, depth + 1, leaf, origin))
    if depth == len(parts) - 1 and isinstance(node.value, Mapping):
        return node.with_child(part, leaf)
    raise ConfigError(f"{origin}: {_no_key(node, here, part)}")


def _no_key(node: Node, here: str, part: str) -> str:
    node = value_of(node)
    at = f"{here}: " if here else ""
    if isinstance(node.value, tuple):
        names = [value_of(m.children["name"]).text for m in node.value if "name" in m.children]
        last = f"; elements: {', '.join(names)}" if names else ""
        return f"{at}no element {part!r}; write an index from 0 to {len(node.value) - 1}{last}."
    if not isinstance(node.value, Mapping):
        return f"{at}is a plain value and has no key {part!r}."
    known = list(node.children)
    return f"{at}no key {part!r}. Keys here: {', '.join(known)}.{did_you_mean(part, known)}"


def _unwrap(node: Node) -> Node:
    if node.is_sourced:
        return replace(_unwrap(node.children["value"]), line=node.line)
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_unwrap(member) for member in node.value))
    if isinstance(node.value, Mapping):
        return replace(node, value={key: _unwrap(member) for key, member in node.value.items()})
    return node


def _collect_sources(node: Node, path: tuple[str, ...], found: dict[str, Source]) -> None:
    if node.is_sourced:
        texts = {key: child.text for key, child in node.children.items() if key != "value"}
        text = _shown(node.children["value"])
        found[".".join(path)] = Source(text, texts.get("source"), texts.get("kind"), texts.get("note"), node.where)
    elif node.line == 0 and path:
        found[".".join(path)] = Source(_shown(node), "--set", OVERRIDE_KIND, None, node.where)
        return
    inner = value_of(node)
    for key, child in inner.children.items():
        _collect_sources(child, (*path, key), found)


def _shown(node: Node) -> str:
    return node.text if not node.children else str(_unwrap(node).plain())
