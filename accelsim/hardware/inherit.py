"""What one chip takes over from another: calibration (key ``calibration_from``), checks of a file it extends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from accelsim.config.document import MAX_KEPT, Document
from accelsim.config.loader import load_document, resolve_extends
from accelsim.config.tree import Node, deep_merge
from accelsim.errors import ConfigError

_PEAKS = ("peak_flops", "vector_flops", "tolerances")
_SUMS = ("num_cores", "sram_total", "sram_bandwidth_total")
#: Checks of a chip that depend on a key of its file.
_CHECKED_BY = {
    "clock": _PEAKS,
    "core_grid": (*_PEAKS, *_SUMS),
    "published_cores": (*_PEAKS, *_SUMS),
    "matrix_flops_per_cycle": _PEAKS,
    "vector_flops_per_cycle": _PEAKS,
    "sram_per_core": ("sram_total", "tolerances"),
    "sram_bandwidth_per_core": ("sram_bandwidth_total", "tolerances"),
}
#: Kinds of values that stop being inherited only when the chip states its own.
_FITTED_KINDS = ("calibrated", "measured")


def without_stale_checks(document: Document, own: Document) -> Document:
    """A chip that extends another, without the other's ``checks`` of figures that it changes.

    A published figure is that of the parent's structure; a variant with another clock has none unless it states one.

    Args:
        document: The chip, with ``extends`` resolved.
        own: The file itself.
    """
    if "extends" not in own.root.children or "checks" not in document.root.children:
        return document
    stated = own.root.children
    kept = stated["checks"].children if "checks" in stated else {}
    stale = {check for key, checks in _CHECKED_BY.items() if key in stated for check in checks} - set(kept)
    checks = document.root.children["checks"]
    if not checks.is_section or not stale & set(checks.children):
        return document
    left = {name: node for name, node in checks.children.items() if name not in stale}
    root = document.root.with_child("checks", replace(checks, value=left))
    return document.derived(root, "checks", *sorted(stale))


def inherit_calibration(document: Document, resolve: Callable[[str, Document], Path]) -> Document:
    """``document`` with the sections that ``calibration_from`` names filled in from other chips.

    A key that the chip states itself wins. A value taken over keeps its file and line; its kind becomes ``assumed``,
    whatever it was there, because nothing was measured on this chip. A section of which every calibrated or measured
    value is stated anew is the chip's own: its entry in ``calibration_from`` goes away.

    Args:
        document: A chip, with ``extends`` resolved.
        resolve: Path of the file that a name means, given the document that names it.

    Raises:
        ConfigError: The other chip is unknown, or has no such section of its own.
    """
    wanted = document.root.children.get("calibration_from")
    if wanted is None or not wanted.is_section:
        return document  # what is no section is reported by the check against the description
    others = tuple(
        (section, resolve_extends(load_document(resolve(name.value, document)), resolve))
        for section, name in wanted.children.items()
        if isinstance(name.value, str)
    )
    return _filled_in(document, others)


@lru_cache(MAX_KEPT)
def _filled_in(document: Document, others: tuple[tuple[str, Document], ...]) -> Document:
    """The document with sections taken from ``others``: pairs of a section and the chip that has it."""
    wanted = document.root.children["calibration_from"]
    calibration = document.root.children.get("calibration", replace(wanted, value={}))
    still, parents = dict(wanted.children), list(document.parents)
    for section, parent in others:
        name = wanted.children[section]
        theirs = _section(parent, section, name)
        own = calibration.children.get(section, replace(theirs, value={}))
        if _is_restated(theirs, own):
            del still[section]
        taken = _taken_over(theirs, name.text)
        calibration = calibration.with_child(section, deep_merge(taken, own))
        parents += [(parent.path, parent.sha256), *parent.parents]
    root = document.root.with_child("calibration", calibration)
    root = root.with_child("calibration_from", replace(wanted, value=still))
    filled = document.derived(root, "calibration_from", *(other.fingerprint for _, other in others))
    return replace(filled, parents=tuple(dict.fromkeys(parents)))


def _section(parent: Document, section: str, name: Node) -> Node:
    """The section of the other chip."""
    calibration = parent.root.children.get("calibration")
    sections = calibration.children if calibration is not None else {}
    if section not in sections:
        known = ", ".join(sections) or "none"
        raise ConfigError(
            f"{name.where}: calibration_from.{section}: {name.value} has no calibration.{section} of its own; it has: "
            f"{known}. Name the chip that was calibrated."
        )
    return sections[section]


def _is_restated(theirs: Node, own: Node) -> bool:
    """Whether ``own`` states every value that was fitted to the other chip; every value, where no kinds are given."""
    fitted = [key for key, node in theirs.children.items() if _kind(node) in _FITTED_KINDS]
    return set(fitted or theirs.children) <= set(own.children)


def _kind(node: Node) -> str | None:
    kind = node.children.get("kind") if node.is_sourced else None
    return kind.text if kind is not None else None


def _taken_over(section: Node, chip: str) -> Node:
    """The section with each source saying whose it is."""
    return replace(section, value={key: _relabelled(node, chip) for key, node in section.children.items()})


def _relabelled(node: Node, chip: str) -> Node:
    if not node.is_sourced:
        return node
    source = node.children.get("source")
    parts = {
        **node.children,
        "kind": _text("assumed", node),
        "source": _text(f"{chip}: {source.text if source is not None else 'no source'}", node),
        "note": _text(f"inherited; {_kind(node) or 'of no stated kind'} on {chip}, not measured on this chip", node),
    }
    return replace(node, value=parts)


def _text(text: str, like: Node) -> Node:
    return Node(text, like.origin, like.line, text)
