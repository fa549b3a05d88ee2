"""The language model inside the config of a multimodal one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from accelsim.config.document import Document
from accelsim.config.tree import Node

#: Sections that hold the language model, and sections that hold such a section.
TEXT_KEYS = ("text_config", "language_config", "llm_config", "thinker_config", "language_model_config", "lm_config")
#: Sections beside it.
TOWERS = re.compile(r"(vision|visual|image|video|vit|audio|speech|talker|token2wav|tts|vq|projector|.*encoder)_config")
#: Keys of the whole that say something of the language model, where its own section does not.
_INHERITED = (
    "architectures",
    "compression_config",
    "dtype",
    "model_type",
    "quantization_config",
    "tie_word_embeddings",
    "torch_dtype",
    "vocab_size",
)


def text_part(document: Document) -> Document:
    """The document of the language model; the same document where none is nested in it.

    Keys that the user overrides at the top of the file are the language model's.

    Args:
        document: A ``config.json``.
    """
    inner = _inner(document.root)
    if inner is None:
        return document
    return text_part(document.derived(inner, "text part"))


def towers_of(document: Document) -> Iterator[str]:
    """Sections beside the language model: encoders of images and sound, decoders of speech.

    Args:
        document: A ``config.json``, whole.
    """
    root: Node | None = document.root
    while root is not None:
        for key, child in root.children.items():
            if TOWERS.fullmatch(key) and child.is_section:
                yield key
        root = _inner(root)


def _inner(root: Node) -> Node | None:
    """The section of the language model with what it inherits."""
    found = next((root.children[key] for key in TEXT_KEYS if _is_model(root.children.get(key))), None)
    if found is None:
        return None
    own = {key: child for key, child in found.children.items() if child.value is not None}
    inherited = {key: root.children[key] for key in _INHERITED if key in root.children and key not in own}
    overridden = {key: child for key, child in root.children.items() if child.line == 0}
    return replace(found, value={**found.children, **inherited, **overridden})


def _is_model(node: Node | None) -> bool:
    return node is not None and node.is_section and bool(node.children)
