"""Systems: a chip, the levels that join many of it, and the host; as described, as loaded and cut to size."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar

from pydantic import Field, field_validator

from accelsim.arguments import checked_call
from accelsim.catalog import Catalog
from accelsim.config.bounds import MAX_CHIPS, Count
from accelsim.config.document import MAX_KEPT, Source
from accelsim.config.loader import MAX_EXTENDS, Document, Loaded, load_document, resolve_extends, validate
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.cut import cut_levels, split_size
from accelsim.hardware.foreign import refuse_foreign
from accelsim.hardware.host import Host
from accelsim.hardware.inherit import inherit_calibration, without_stale_checks
from accelsim.hardware.level import FASTEST_LIBRARY, OWN_LIBRARY, GroupLevel, Level, SystemLevel
from accelsim.hardware.optical.load import with_optics
from accelsim.hardware.overrides import SECTIONS, Overrides, by_section, override_pairs

S = TypeVar("S", bound=Spec)


class SystemSpec(Spec):
    """A system as its file describes it, at its largest.

    Not modelled: unlike chips in one system, oversubscribed switches, storage.
    """

    schema_version: Literal[1]
    kind: Literal["system"]
    name: str = Field(min_length=1, description="Name used on the command line; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    chip: str = Field(min_length=1, description="Name or path of the chip.")
    levels: dict[str, Level] = Field(default_factory=dict, description="How chips are joined, innermost level first.")
    host: Host | None = Field(None, description="Host of the chips.")
    default_chips: Count | None = Field(
        None, description="Chips in use when the command names no number; default: one whole innermost level."
    )

    @field_validator("levels")
    @classmethod
    def _few_chips(cls, levels: dict[str, Level]) -> dict[str, Level]:
        chips = math.prod(level.max_members for level in levels.values())
        if chips > MAX_CHIPS:
            raise ValueError(f"hold {chips} chips; at most {MAX_CHIPS} are modelled.")
        return levels

    @property
    def chips_in_use(self) -> int:
        """Chips in use where no number is named."""
        return self.default_chips or next((level.max_members for level in self.levels.values()), 1)

    @property
    def max_chips(self) -> int:
        """Most chips."""
        return math.prod(level.max_members for level in self.levels.values())


@checked_call('load_system("nvidia-dgx-h100:8")')
@dataclass(frozen=True)
class System:
    """Chips in use and how they are joined.

    Attributes:
        name: Name of the system, or of the chip for a system of one.
        chip: The chip; all are equal.
        levels: Levels in use by name, innermost first; a level with one member is left out.
        num_chips: Chips in use.
        max_chips: Most chips the system can have.
        host: Host of the chips, where known.
        provenance: Source of each value by key path, starting with ``chip.`` or ``system.``.
        files: ``(path, sha256)`` of each file read.
        overrides: ``(key path, value)`` given by the user, in order.
        stated: Key paths that a chip's file states over the file that it extends.
        library: Which of the levels' further libraries collectives run with, ``nccl`` or empty for each level's own,
            ``auto`` for the fastest.
    """

    name: str
    chip: Chip
    levels: Mapping[str, SystemLevel] = field(default_factory=dict)
    num_chips: int = 1
    max_chips: int = 1
    host: Host | None = None
    provenance: Mapping[str, Source] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()
    stated: tuple[str, ...] = ()
    library: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", MappingProxyType(dict(self.levels)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
        if math.prod(level.size for level in self.levels.values()) != self.num_chips:
            raise ConfigError(f"system {self.name}: {self.num_chips} chips, but its levels hold another number.")

    def __reduce__(self) -> tuple[type[System], tuple[object, ...]]:
        """Pickle by constructor: read-only mappings do not pickle."""
        size = (self.num_chips, self.max_chips, self.host)
        return (
            System,
            (
                self.name,
                self.chip,
                dict(self.levels),
                *size,
                dict(self.provenance),
                self.files,
                self.overrides,
                self.stated,
                self.library,
            ),
        )

    def __str__(self) -> str:
        shape = ", ".join(map(str, self.levels.values()))
        return f"{self.name}:{self.num_chips} ({self.chip.name}{'; ' if shape else ''}{shape})"

    def with_library(self, library: str) -> System:
        """The system with collectives that run with a library that some level has, its own (``nccl``), or the fastest.

        Raises:
            ConfigError: No level has it.
        """
        known = sorted({name for level in self.levels.values() for name in level.spec.libraries})
        known = [FASTEST_LIBRARY, OWN_LIBRARY, *known] if known else known
        if library and library not in known:
            listed = ", ".join(known) if known else "none"
            raise ConfigError(f"library: {self.name} has none called {library!r}. Known: {listed}.")
        return replace(self, library=library)

    def group(self, num_ranks: int, stride: int = 1) -> tuple[GroupLevel, ...]:
        """The levels that a group of ranks spans, innermost first; ranks fill inner levels first.

        A group is ``num_ranks`` chips, ``stride`` apart: tensor parallelism has stride 1, a data-parallel group
        outside of tp=8 stride 8. 16 ranks next to each other on two nodes of 8 span ``nvlink`` with 8 members and
        ``infiniband`` with 2.

        Args:
            num_ranks: Ranks of the group, 1 or more.
            stride: Distance between neighbouring ranks, in chips.

        Raises:
            ConfigError: The group needs more chips than the system has.
        """
        if num_ranks < 1 or stride < 1 or (num_ranks - 1) * stride >= self.num_chips:
            raise ConfigError(
                f"system {self.name}: {num_ranks} ranks, {stride} apart, do not fit {self.num_chips} chips."
            )
        found: list[GroupLevel] = []
        remaining, apart = num_ranks, stride
        inside, room = 1, 1  # chips of a member that exist, and that it has room for
        for level in self.levels.values():
            here = min(remaining, max(1, -(-level.size // apart)))
            if here > 1:
                found.append(GroupLevel(level, here, apart, min(num_ranks * stride, inside) == room))
            inside, room = inside * level.size, room * level.spec.max_members
            remaining, apart = -(-remaining // here), max(1, -(-apart // level.size))
        return tuple(found)


@checked_call('load_system("nvidia-dgx-a100:16", {"chip.clock": "1.5 GHz"})', reference=(str, Path), overrides=Iterable)
def load_system(reference: str | Path, overrides: Overrides = (), catalog: Catalog | None = None) -> System:
    """The system that ``reference`` names, with ``overrides`` put over its files.

    Args:
        reference: Name or path of a system or a chip, with ``:CHIPS`` for a size: ``nvidia-dgx-a100:16``,
            ``google-tpu-v4-pod:4x4x8``, ``my-chip.yaml``. A chip is a system of one.
        overrides: Values by key path, or such pairs; paths start with ``chip.`` or ``system.``:
            ``("chip.sram_per_core", "64 KiB")``, ``("system.levels.nvlink.link.bandwidth", "600 GB/s")``.
        catalog: Where names are looked up.

    Returns:
        The system; the same object as long as its files and the arguments are the same.

    Raises:
        ConfigError: Unknown name, malformed file, a published peak that the structure does not reproduce, an
            override that fits no key, or a size that cannot be cut.
    """
    catalog = catalog or Catalog()
    overrides = override_pairs(overrides)
    name, chips = split_size(str(reference))
    parts = by_section(overrides)
    found, path = catalog.find_any(("systems", "chips"), name)
    document = load_document(path)
    if _kind(document, found, catalog) == "chip":
        if parts["system"]:
            raise ConfigError(f"--set system.{parts['system'][0][0]}: {name} is one chip and has no system to change.")
        chip = _load_chip(document, parts["chip"], catalog)
        if chips not in (None, "1"):
            raise ConfigError(f"{reference}: a chip is a system of one. Use a system's name for {chips} chips.")
        return _assemble(chip.document, None, None, overrides)
    system = _checked(document, SystemSpec, parts["system"], "systems", catalog)
    chip_path = _chip_path(system, catalog)
    chip = _load_chip(load_document(chip_path), parts["chip"], catalog)
    return _assemble(chip.document, system.document, chips, overrides)


def describe_system(name: str, catalog: Catalog | None = None) -> SystemSpec | None:
    """A system at its largest, as its file describes it; None for a chip.

    Args:
        name: Name or path, without a size.
        catalog: Where names are looked up.

    Raises:
        ConfigError: Unknown name or malformed file.
    """
    catalog = catalog or Catalog()
    found, path = catalog.find_any(("systems", "chips"), name)
    document = load_document(path)
    if _kind(document, found, catalog) == "chip":
        return None
    return _checked(document, SystemSpec, [], "systems", catalog).spec


@checked_call('load_chip("nvidia-h100-sxm")', reference=(str, Path), overrides=Iterable)
def load_chip(reference: str | Path, overrides: Overrides = (), catalog: Catalog | None = None) -> Chip:
    """The chip that ``reference`` names (or the chip of the system it names); see :func:`load_system`.

    Args:
        reference: Name or path of a chip, or of a system with its chips.
        overrides: ``(key path, value)`` pairs whose paths start with ``chip.`` or ``system.``.
        catalog: Where names are looked up.

    Raises:
        ConfigError: As :func:`load_system`.
    """
    return load_system(reference, overrides, catalog).chip


def provenance(catalog: Catalog | None = None) -> dict[str, Mapping[str, Source]]:
    """Sources that the files of all known chips and systems state, by key path, by name of the file."""
    catalog = catalog or Catalog()
    documents = {
        name: load_document(catalog.find(kind, name)) for kind in ("chips", "systems") for name in catalog.names(kind)
    }
    return {name: document.sources() for name, document in documents.items()}


def _kind(document: Document, found: str, catalog: Catalog) -> str:
    """``chip`` or ``system`` as the file says, or a file it extends; else the folder that one was found in."""
    for _ in range(MAX_EXTENDS):
        node = document.root.children.get("kind")
        parent = document.root.children.get("extends")
        if node is not None or parent is None:
            break
        beside = document.path.parent / parent.text
        try:
            found, path = (found, beside) if beside.is_file() else catalog.find_any(("systems", "chips"), parent.text)
            document = load_document(path)
        except ConfigError:
            break  # told with its line where the parents are put together
    if node is None:
        refuse_foreign(document)
        return found.removesuffix("s")
    if node.value not in SECTIONS:
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

    def resolve(name: str, child: Document) -> Path:
        return _parent(name, child, kind, catalog)

    own = document
    document = resolve_extends(document, resolve)
    if kind == "chips":
        document = inherit_calibration(without_stale_checks(document, own), resolve)
    section = kind.removesuffix("s")
    try:
        for path, text in overrides:
            document = document.apply_override(path, text)
        if spec_class is SystemSpec:
            document = with_optics(document, [path for path, _ in overrides], catalog)
            document = _with_files_beside(document)
        return validate(document, spec_class)
    except ConfigError as err:
        message = str(err)
        for path, _ in overrides:  # show the path as the user typed it, with its section
            message = message.replace(f"--set {path}=", f"--set {section}.{path}=")
        if message.startswith(f"--set {section}."):
            message = re.sub(r"Did you mean '([a-z_]\w*\.)", rf"Did you mean '{section}.\1", message)
        raise ConfigError(message) from err


def _with_files_beside(document: Document) -> Document:
    """The document with ``options.file`` of its levels taken beside it, unless there is such a file here."""
    levels = document.root.children.get("levels")
    for name, level in (levels.children if levels is not None else {}).items():
        options = level.children.get("options")
        file = options.children.get("file") if options is not None else None
        if file is not None and not Path(file.text).is_file() and (document.path.parent / file.text).is_file():
            beside = document.path.parent / file.text
            document = document.apply_override(f"levels.{name}.options.file", str(beside))
    return document


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


@lru_cache(MAX_KEPT)
def _assemble(
    chip: Document, system: Document | None, chips: str | None, overrides: tuple[tuple[str, str], ...]
) -> System:
    """The system of checked documents, cut to ``chips``; of one chip where there is no document of a system."""
    spec = validate(system, SystemSpec).spec if system is not None else None
    levels = cut_levels(spec.name, spec.levels, chips or spec.chips_in_use) if spec is not None else {}
    documents = {"chip": chip} if system is None else {"chip": chip, "system": system}
    return System(
        name=(spec or validate(chip, Chip).spec).name,
        chip=validate(chip, Chip).spec,
        levels=levels,
        num_chips=math.prod(level.size for level in levels.values()),
        max_chips=spec.max_chips if spec is not None else 1,
        host=spec.host if spec is not None else None,
        provenance={
            f"{part}.{path}": source for part, one in documents.items() for path, source in one.sources().items()
        },
        files=tuple(
            (str(path), sha256) for one in documents.values() for path, sha256 in ((one.path, one.sha256), *one.parents)
        ),
        overrides=overrides,
        stated=_stated(chip),
    )


def _stated(document: Document) -> tuple[str, ...]:
    """Key paths that the file itself states, when it extends another one."""
    own = load_document(document.path)
    return tuple(own.value_paths()) if "extends" in own.root.children else ()
