"""Reads configuration files: YAML or JSON to :class:`Document`, with ``extends`` resolved and nothing executed.

A file is read at every load and parsed when its bytes, or what messages call it, are new to the process.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from accelsim.config.document import MAX_KEPT, Document, Source, fingerprint_of
from accelsim.config.reader import read_json, read_yaml
from accelsim.config.tree import Node, deep_merge
from accelsim.config.validate import Loaded, validate
from accelsim.errors import ConfigError
from accelsim.reading import decode, display_path, read_bytes

__all__ = ["Document", "Loaded", "Source", "load_document", "parse_document", "resolve_extends", "validate"]

MAX_EXTENDS = 20


def load_document(path: str | Path) -> Document:
    """Parse a YAML or (by its suffix ``.json``) JSON file.

    Scalars follow the core schema of YAML 1.2. What is refused, and why, stands in :mod:`accelsim.config.reader`.

    Args:
        path: A file of at most 8 MiB.

    Returns:
        The document; the same object as long as the file's bytes are the same.

    Raises:
        ConfigError: The file cannot be read, is malformed or unsafe, or holds no keys and values at its top.
    """
    path = Path(path)
    place = (display_path(path), os.path.realpath(path))  # both may follow the current folder
    return _document(read_bytes(path), path, place, path.suffix.lower() == ".json")


def parse_document(text: str, name: str = "<text>") -> Document:
    """Parse YAML text that is in no file.

    Args:
        text: The text.
        name: What stands for the file in messages.

    Raises:
        ConfigError: As :func:`load_document`.
    """
    path = Path(name)
    return _document(text.encode("utf-8", "surrogatepass"), path, (display_path(path), ""), False)


def resolve_extends(document: Document, resolve: Callable[[str, Document], Path]) -> Document:
    """The document put over the one that its top-level key ``extends`` names, and so on upwards.

    Args:
        document: A document, with or without ``extends``.
        resolve: Path of the file that a name means, given the document that names it.

    Raises:
        ConfigError: The name is unknown or no text, or documents extend each other in a circle.
    """
    chain = [document]
    while (name := _parent_name(chain[-1])) is not None:
        parent = load_document(resolve(name, chain[-1]))
        if any(parent.path.resolve() == seen.path.resolve() for seen in chain) or len(chain) >= MAX_EXTENDS:
            circle = " -> ".join(display_path(seen.path) for seen in (*chain, parent))
            raise ConfigError(f"{chain[-1].where('extends')}: extends: files extend each other in a circle: {circle}.")
        chain.append(parent)
    return _merged(tuple(chain)) if len(chain) > 1 else document


@lru_cache(MAX_KEPT)
def _merged(chain: tuple[Document, ...]) -> Document:
    """The first document over the second, that over the third, and so on."""
    document, *above = chain
    root = chain[-1].root
    for over in reversed(chain[:-1]):
        root = deep_merge(root, _without_extends(over.root))
    merged = document.derived(root, "extends", *(parent.fingerprint for parent in above))
    return replace(merged, parents=tuple((parent.path, parent.sha256) for parent in above))


@lru_cache(MAX_KEPT)
def _document(content: bytes, path: Path, place: tuple[str, str], is_json: bool) -> Document:
    """The document of a file's bytes; ``place`` is what messages call the file, and where it really lies."""
    origin, real_path = place
    text = decode(content, origin)
    root = read_json(text, origin) if is_json else read_yaml(text, origin)
    if not root.is_section:
        raise ConfigError(f"{root.where}: expected keys and values at the top of the file, e.g. 'name: my-chip'.")
    sha256 = hashlib.sha256(content).hexdigest()
    return Document(path, sha256, root, fingerprint_of(sha256, str(path), origin, real_path, str(is_json)))


def _parent_name(document: Document) -> str | None:
    node = document.root.children.get("extends")
    if node is None:
        return None
    if not isinstance(node.value, str):
        raise ConfigError(f"{node.where}: extends: expected the name of another file, e.g. 'nvidia-a100-sxm-80gb'.")
    return node.value


def _without_extends(root: Node) -> Node:
    return replace(root, value={key: child for key, child in root.children.items() if key != "extends"})
