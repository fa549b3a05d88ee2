"""Systems: a chip, the levels that join many of it, and the host; as described and as cut to the chips in use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from pydantic import Field, PositiveInt

from accelsim.config.document import Source
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.level import Level, SystemLevel
from accelsim.hardware.link import LinkSpec

MAX_LISTED = 12


class Host(Spec):
    """The computer that chips are attached to."""

    link: LinkSpec = Field(description="Link from a chip to its host, per direction.")
    chips_per_host: PositiveInt | None = Field(None, description="Chips attached to one host.")


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
    default_chips: PositiveInt = Field(1, description="Chips in use when the command names no number.")

    @property
    def max_chips(self) -> int:
        """Most chips."""
        return math.prod(level.max_members for level in self.levels.values())


@dataclass(frozen=True)
class System:
    """Chips in use and how they are joined.

    Attributes:
        name: Name of the system, or of the chip for a system of one.
        chip: The chip; all are equal.
        levels: Levels in use by name, innermost first; a level with one member is left out.
        num_chips: Chips in use.
        host: Host of the chips, where known.
        provenance: Source of each value by key path, starting with ``chip.`` or ``system.``.
        files: ``(path, sha256)`` of each file read.
        overrides: ``(key path, value)`` given by the user, in order.
    """

    name: str
    chip: Chip
    levels: Mapping[str, SystemLevel] = field(default_factory=dict)
    num_chips: int = 1
    host: Host | None = None
    provenance: Mapping[str, Source] = field(default_factory=dict)
    files: tuple[tuple[str, str], ...] = ()
    overrides: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", MappingProxyType(dict(self.levels)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
        if math.prod(level.size for level in self.levels.values()) != self.num_chips:
            raise ConfigError(f"system {self.name}: {self.num_chips} chips, but its levels hold another number.")

    def __reduce__(self) -> tuple[type[System], tuple[object, ...]]:
        """Pickle by constructor: read-only mappings do not pickle."""
        mutable = (self.name, self.chip, dict(self.levels), self.num_chips, self.host, dict(self.provenance))
        return (System, (*mutable, self.files, self.overrides))

    def __str__(self) -> str:
        shape = ", ".join(map(str, self.levels.values()))
        return f"{self.name}:{self.num_chips} ({self.chip.name}{'; ' if shape else ''}{shape})"

    def members(self, num_ranks: int, stride: int = 1) -> dict[str, int]:
        """For each level, how many of its members a group of ranks touches; levels with one are left out.

        Ranks are laid out innermost level first. A group is ``num_ranks`` chips, ``stride`` apart: tensor parallelism
        has stride 1, a data-parallel group outside of tp=8 stride 8.

        Args:
            num_ranks: Ranks of the group.
            stride: Distance between neighbouring ranks, in chips.

        Raises:
            ConfigError: The group needs more chips than the system has.

        Examples:
            16 ranks next to each other on two nodes of 8: ``{"nvlink": 8, "infiniband": 2}``.
        """
        if num_ranks < 1 or stride < 1 or (num_ranks - 1) * stride >= self.num_chips:
            raise ConfigError(
                f"system {self.name}: {num_ranks} ranks, {stride} apart, do not fit {self.num_chips} chips."
            )
        found: dict[str, int] = {}
        remaining, apart = num_ranks, stride
        for name, level in self.levels.items():
            here = min(remaining, max(1, -(-level.size // apart)))
            if here > 1:
                found[name] = here
            remaining, apart = -(-remaining // here), max(1, -(-apart // level.size))
        return found


def cut(spec: SystemSpec, chips: str | None) -> dict[str, SystemLevel]:
    """Levels of ``spec`` cut to ``chips``: ``"16"``, a shape such as ``"4x4x8"``, or None for the default.

    Inner levels are filled before the next one is used, so a number above one group must be a multiple of the group.
    On a torus a number stands for the most cubic slice.

    Raises:
        ConfigError: The number or shape cannot be cut; the allowed ones are listed.
    """
    wanted = _parse_size(spec, chips)
    if len(wanted) > 1:
        return _cut_shape(spec, wanted)
    remaining = wanted[0]
    levels: dict[str, SystemLevel] = {}
    for name, level in spec.levels.items():
        take = min(remaining, level.max_members)
        shape = level.slice_of(take) if remaining % take == 0 else None
        if shape is None:
            raise _wrong_size(spec, wanted)
        if take > 1:
            levels[name] = SystemLevel(name, level, shape, level.wraps(shape))
        remaining //= take
    if remaining > 1:
        raise _wrong_size(spec, wanted)
    return levels


def allowed_sizes(spec: SystemSpec) -> list[int]:
    """Numbers of chips that can be cut from a system, rising."""
    sizes, group = {1}, 1
    for level in spec.levels.values():
        sizes |= {group * math.prod(shape) for shape in level.slices()}
        group *= level.max_members
    return sorted(sizes)


def _parse_size(spec: SystemSpec, chips: str | None) -> tuple[int, ...]:
    if chips is None:
        return (spec.default_chips,)
    try:
        shape = tuple(int(part) for part in chips.lower().split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ConfigError(
            f"{spec.name}:{chips}: {chips!r} is no number of chips. Write e.g. '{spec.name}:{spec.default_chips}'."
        )
    return shape


def _cut_shape(spec: SystemSpec, shape: tuple[int, ...]) -> dict[str, SystemLevel]:
    """The innermost level cut to an explicit shape."""
    name, level = next(iter(spec.levels.items()), (None, None))
    if name is None or level is None or not level.is_slice(shape):
        raise _wrong_size(spec, shape)
    return {name: SystemLevel(name, level, shape, level.wraps(shape))}


def _wrong_size(spec: SystemSpec, wanted: Sequence[int]) -> ConfigError:
    sizes = allowed_sizes(spec)
    total = math.prod(wanted)
    near = sorted(sizes, key=lambda size: abs(size - total))[:MAX_LISTED]
    listed = ", ".join(map(str, sorted(near)))
    text = "x".join(map(str, wanted))
    first = next(iter(spec.levels.values()), None)
    shapes = ""
    if len(wanted) > 1 and first is not None:
        same = sorted(first.slices(), key=lambda s: (abs(math.prod(s) - total), s))[:MAX_LISTED]
        shapes = f" Nearest shapes: {', '.join('x'.join(map(str, s)) for s in same)}."
    return ConfigError(
        f"{spec.name}:{text}: cannot use {total} chips this way, at most {sizes[-1]}. Nearest sizes: {listed}.{shapes}"
    )
