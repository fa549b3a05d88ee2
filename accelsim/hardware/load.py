"""From a name on the command line to a checked system: files, overrides, published-peak checks, size."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from accelsim.catalog import Catalog
from accelsim.config.loader import Document, Loaded, load_document, resolve_extends, validate
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import System, SystemSpec, cut
from accelsim.registry import did_you_mean

_SIZED = re.compile(r"(?P<name>.+?):(?P<chips>[0-9][0-9xX]*|)")
_SECTIONS = ("chip", "system")

Overrides = Iterable[tuple[str, str]]
S = TypeVar("S", bound=Spec)


def load_system(reference: str, overrides: Overrides = (), catalog: Catalog | None = None) -> System:
    """The system that ``reference`` names, with ``overrides`` put over its files.

    Args:
        reference: Name or path of a system or a chip, with ``:CHIPS`` for a size: ``nvidia-dgx-a100:16``,
            ``google-tpu-v4-pod:4x4x8``, ``my-chip.yaml``. A chip is a system of one.
        overrides: ``(key path, value)`` pairs; paths start with ``chip.`` or ``system.``:
            ``("chip.sram_per_core", "64 KiB")``, ``("system.levels.nvlink.link.bandwidth", "600 GB/s")``.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Unknown name, malformed file, a published peak that the structure does not reproduce, an
            override that fits no key, or a size that cannot be cut.
    """
    catalog = catalog or Catalog()
    overrides = tuple(overrides)
    name, chips = split_size(reference)
    parts = _split_overrides(overrides)
    found, path = catalog.find_any(("systems", "chips"), name)
    document = load_document(path)
    if _kind(document, found) == "chip":
        if parts["system"]:
            raise ConfigError(f"--set system.{parts['system'][0][0]}: {name} is one chip and has no system to change.")
        chip = _load_chip(document, parts["chip"], catalog)
        if chips not in (None, "1"):
            raise ConfigError(f"{reference}: a chip is a system of one. Use a system's name for {chips} chips.")
        return _assemble(chip.spec.name, chip, None, {}, None, overrides)
    system = _checked(document, SystemSpec, parts["system"], "systems", catalog)
    chip_path = _chip_path(system, catalog)
    chip = _load_chip(load_document(chip_path), parts["chip"], catalog)
    return _assemble(system.spec.name, chip, system, {"chips": chips}, system.spec, overrides)


def load_chip(reference: str, overrides: Overrides = (), catalog: Catalog | None = None) -> Chip:
    """The chip that ``reference`` names (or the chip of the system it names); see :func:`load_system`."""
    return load_system(reference, overrides, catalog).chip


def split_size(reference: str) -> tuple[str, str | None]:
    """``nvidia-dgx-a100:16`` as name and size; the size is None where there is none.

    Raises:
        ConfigError: A colon without a size after it.
    """
    match = _SIZED.fullmatch(reference)
    if match is None:
        return reference, None
    if not match["chips"]:
        raise ConfigError(f"{reference}: no number of chips after the colon. Write e.g. '{match['name']}:8'.")
    return match["name"], match["chips"]


def _split_overrides(overrides: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    parts: dict[str, list[tuple[str, str]]] = {section: [] for section in _SECTIONS}
    for path, value in overrides:
        section, _, rest = path.strip().partition(".")
        if section not in parts or not rest:
            raise ConfigError(
                f"--set {path}={value}: hardware paths start with 'chip.' or 'system.', e.g. chip.sram_per_core."
                f"{did_you_mean(section, list(_SECTIONS))}"
            )
        parts[section].append((rest, value))
    return parts


def _kind(document: Document, found: str) -> str:
    """``chip`` or ``system`` as the file says; where it says nothing, the folder it was found in."""
    node = document.root.children.get("kind")
    if node is None:
        return found.removesuffix("s")
    if node.value not in _SECTIONS:
        raise ConfigError(f"{node.where}: kind: {node.text!r} is no hardware. Allowed: chip, system.")
    return str(node.value)


def _load_chip(document: Document, overrides: list[tuple[str, str]], catalog: Catalog) -> Loaded[Chip]:
    published = _checked(document, Chip, [], "chips", catalog)
    if problems := published.spec.check_problems():
        lines = [f"{_where(published.document, text)}: {text}" for text in problems]
        raise ConfigError("\n".join(lines))
    return _checked(document, Chip, overrides, "chips", catalog) if overrides else published


def _where(document: Document, problem: str) -> str:
    """``file:line`` of the check that a problem text starts with."""
    path = problem.split(":", 1)[0]
    try:
        return document.where(path)
    except ConfigError:
        return document.where("checks")


def _checked(
    document: Document, spec_class: type[S], overrides: list[tuple[str, str]], kind: str, catalog: Catalog
) -> Loaded[S]:
    """The document with parents below and overrides on top, checked against its description."""
    document = resolve_extends(document, lambda name, child: _parent(name, child, kind, catalog))
    for path, text in overrides:
        document = document.apply_override(path, text)
    return validate(document, spec_class)


def _parent(name: str, child: Document, kind: str, catalog: Catalog) -> Path:
    beside = child.path.parent / name
    return beside if beside.is_file() else catalog.find(kind, name)


def _chip_path(system: Loaded[SystemSpec], catalog: Catalog) -> Path:
    beside = system.document.path.parent / system.spec.chip
    if beside.is_file():
        return beside
    try:
        return catalog.find("chips", system.spec.chip)
    except ConfigError as err:
        raise ConfigError(f"{system.document.where('chip')}: chip: {err}") from err


def _assemble(
    name: str,
    chip: Loaded[Chip],
    system: Loaded[SystemSpec] | None,
    size: dict[str, str | None],
    spec: SystemSpec | None,
    overrides: tuple[tuple[str, str], ...],
) -> System:
    levels = cut(spec, size["chips"]) if spec is not None else {}
    num_chips = 1
    for level in levels.values():
        num_chips *= level.size
    loaded = {"chip": chip} | ({"system": system} if system is not None else {})
    provenance = {f"{part}.{path}": source for part, one in loaded.items() for path, source in one.provenance.items()}
    files = tuple(
        (str(path), sha256)
        for one in loaded.values()
        for path, sha256 in ((one.document.path, one.document.sha256), *one.document.parents)
    )
    host = spec.host if spec is not None else None
    return System(name, chip.spec, levels, num_chips, host, provenance, files, overrides)
