"""What a user may ask of a placement: pins, forbidden tiles, sets of groups and what lies together, in a small YAML.

::

    schema_version: 1
    kind: constraints
    sets: {front: [embedding, "decoder0.*"]}                          # a name for several groups; * is any text
    pin:
      decoder3.mlp: {corner: [0, 0], tiles: [120, 130]}               # exactly these tiles
      front: {chip: 0, corner: [400, 0], tiles: [300, 300]}           # its members share these tiles
    forbid: [{corner: [0, 740], tiles: [994, 10]}]                    # on every chip, or on one with chip: 1
    together: [[decoder5.attn, decoder5.mlp]]                         # lie in one rectangle of their own

Names are those of the groups that ``accelsim place`` prints and of the sets.  The same file works for every placer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Count, CountOrNone
from accelsim.config.loader import Document, load_document, parse_document, validate
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError, PlacementError
from accelsim.mapping.placement.base import Constraints
from accelsim.network.noc import Rectangle
from accelsim.registry import did_you_mean


class TileSet(Spec):
    """A rectangle of tiles in a constraints file."""

    chip: CountOrNone | None = Field(None, description="Number of the chip; every chip, or the first one for a pin.")
    corner: tuple[CountOrNone, CountOrNone] = Field(description="First row and column.")
    tiles: tuple[Count, Count] = Field(description="Rows and columns.")

    @property
    def rectangle(self) -> Rectangle:
        """The tiles."""
        return Rectangle(*self.corner, *self.tiles)

    @property
    def yaml(self) -> str:
        """As it is written in the file."""
        chip = "" if self.chip is None else f"chip: {self.chip}, "
        return f"{{{chip}corner: {list(self.corner)}, tiles: {list(self.tiles)}}}"


class ConstraintsSpec(Spec):
    """A constraints file."""

    schema_version: Literal[1]
    kind: Literal["constraints"]
    sets: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="Groups by name of the set.")
    pin: dict[str, TileSet] = Field(default_factory=dict, description="Tiles of a group, or of a set's members.")
    forbid: tuple[TileSet, ...] = Field((), description="Tiles that no group may touch.")
    together: tuple[tuple[str, ...], ...] = Field((), description="Groups and sets that lie in one rectangle.")


@dataclass(frozen=True)
class PlacementConstraints:
    """Constraints by the names of groups, before it is known which groups exist.

    Attributes:
        sets: Groups (or patterns with ``*``) by name of the set.
        pin: Tiles of a group or of a set's members.
        forbid: Tiles that no group may touch.
        together: Groups, patterns and sets whose members lie in one rectangle of their own.
        source: ``(file, sha256)`` if it was read from one.
    """

    sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pin: Mapping[str, TileSet] = field(default_factory=dict)
    forbid: tuple[TileSet, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    source: tuple[str, str] | None = field(default=None, compare=False)

    def to_yaml(self) -> str:
        """The file; :func:`parse_constraints` reads it back as an equal value."""
        lines = ["schema_version: 1", "kind: constraints"]
        lines += ["sets:", *(f"  {_quoted(n)}: [{_listed(m)}]" for n, m in self.sets.items())] if self.sets else []
        lines += ["pin:", *(f"  {_quoted(n)}: {tiles.yaml}" for n, tiles in self.pin.items())] if self.pin else []
        lines += ["forbid:", *(f"  - {tiles.yaml}" for tiles in self.forbid)] if self.forbid else []
        lines += ["together:", *(f"  - [{_listed(names)}]" for names in self.together)] if self.together else []
        return "\n".join(lines) + "\n"

    def resolve(self, names: Sequence[str]) -> ResolvedConstraints:
        """The same constraints on the groups ``names``, by number.

        Raises:
            PlacementError: A name is no group and no set, or a group is asked for twice.
        """
        finder = _Finder(self.sets, names)
        pinned: dict[int, tuple[int, Rectangle]] = {}
        fenced: dict[tuple[int, ...], tuple[int, Rectangle]] = {}
        for name, tiles in self.pin.items():
            members = finder.find("pin", (name,))
            place = tiles.chip or 0, tiles.rectangle
            if len(members) == 1:
                pinned[members[0]] = place
            else:
                fenced[members] = place
        together = tuple(finder.find("together", wanted) for wanted in self.together)
        seen: dict[int, str] = {}
        for kind, sets in (("pin", [(i,) for i in pinned]), ("pin", list(fenced)), ("together", list(together))):
            for member in (member for members in sets for member in members):
                if member in seen:
                    raise PlacementError(
                        f"constraints: {names[member]} is in {kind} and already in {seen[member]}. Name it once."
                    )
                seen[member] = kind
        return ResolvedConstraints(pinned, fenced, self.forbid, tuple(m for m in together if len(m) > 1))


@dataclass(frozen=True)
class ResolvedConstraints:
    """Constraints by number of the group, over all chips.

    Attributes:
        pinned: Chip and rectangle of a group.
        fenced: Chip and rectangle that several groups share.
        forbid: Forbidden tiles.
        together: Groups that lie in one rectangle.
    """

    pinned: Mapping[int, tuple[int, Rectangle]] = field(default_factory=dict)
    fenced: Mapping[tuple[int, ...], tuple[int, Rectangle]] = field(default_factory=dict)
    forbid: tuple[TileSet, ...] = ()
    together: tuple[tuple[int, ...], ...] = ()

    @property
    def chip_of(self) -> dict[int, int]:
        """Chip of every group whose tiles are given."""
        fenced = {member: chip for members, (chip, _) in self.fenced.items() for member in members}
        return {**{group: chip for group, (chip, _) in self.pinned.items()}, **fenced}

    def taken_tiles(self, chip: int) -> int:
        """Tiles of one chip that pins hold."""
        places = (*self.pinned.values(), *self.fenced.values())
        return sum(rectangle.num_cores for at, rectangle in places if at == chip)

    def forbidden(self, chip: int) -> tuple[Rectangle, ...]:
        """Forbidden tiles of one chip."""
        return tuple(tiles.rectangle for tiles in self.forbid if tiles.chip in (None, chip))

    def on(
        self, chip: int, members: Sequence[int], forbidden: Iterable[Rectangle], names: Sequence[str]
    ) -> Constraints:
        """What holds on one chip, by place in ``members``, with tiles that are ``forbidden`` for other reasons.

        Args:
            chip: Which chip, from 0.
            members: Indices of the groups that live on it.
            forbidden: Tiles of it that nobody may have, such as dead ones.
            names: Names of all groups, for the error.

        Raises:
            PlacementError: Groups that should lie together live on several chips.
        """
        place = {group: at for at, group in enumerate(members)}
        for group in (group for group, at in self.chip_of.items() if at == chip and group not in place):
            raise PlacementError(f"constraints: {names[group]} is pinned to chip {chip}, which is not in use.")
        together = []
        for groups in self.together:
            here = tuple(place[group] for group in groups if group in place)
            if here and len(here) < len(groups):
                apart = next(names[group] for group in groups if group not in place)
                raise PlacementError(
                    f"constraints: together: {names[members[here[0]]]} is on chip {chip}, {apart} on another. "
                    "Pin them as a set, or use larger chips."
                )
            together += [here] if here else []
        return Constraints(
            pinned={place[group]: r for group, (at, r) in self.pinned.items() if at == chip},
            forbidden=(*forbidden, *self.forbidden(chip)),
            together=tuple(together),
            fenced={tuple(place[g] for g in groups): r for groups, (at, r) in self.fenced.items() if at == chip},
        )


@dataclass(frozen=True)
class _Finder:
    """Groups by the names a user gives: of a set, of a group, or a pattern."""

    sets: Mapping[str, Sequence[str]]
    names: Sequence[str]

    def find(self, section: str, wanted: Iterable[str]) -> tuple[int, ...]:
        """Groups that any of the ``wanted`` names means, in model order."""
        patterns = [(name, pattern) for name in wanted for pattern in self.sets.get(name, (name,))]
        found: set[int] = set()
        for name, pattern in patterns:
            hits = [i for i, group in enumerate(self.names) if group == pattern or fnmatchcase(group, pattern)]
            if not hits:
                where = f"set {name}" if name in self.sets else section
                known = [*self.sets, *self.names]
                raise PlacementError(
                    f"constraints: {where}: no group {pattern!r}. Groups: {self.names[0]} ... {self.names[-1]} "
                    f"({len(self.names)}); accelsim place prints them.{did_you_mean(pattern, known)}"
                )
            found.update(hits)
        return tuple(sorted(found))


def load_constraints(path: str | Path) -> PlacementConstraints:
    """Read a constraints file.

    Raises:
        ConfigError: Malformed; every problem with file and line.
    """
    return _read(load_document(path))


def parse_constraints(text: str) -> PlacementConstraints:
    """Read the text of a constraints file; see :func:`load_constraints`."""
    return _read(parse_document(text, "constraints"))


def as_constraints(given: PlacementConstraints | str | Path | None) -> PlacementConstraints | None:
    """Constraints as given, or read from the file that a path names."""
    return load_constraints(given) if isinstance(given, (str, Path)) else given


def _read(document: Document) -> PlacementConstraints:
    spec = validate(document, ConstraintsSpec).spec
    for name in spec.sets:
        if not spec.sets[name]:
            raise ConfigError(f"{document.where('sets')}: sets.{name} is empty. List the groups it stands for.")
    return PlacementConstraints(spec.sets, spec.pin, spec.forbid, spec.together, (document.path.name, document.sha256))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_quoted(name) for name in names)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
