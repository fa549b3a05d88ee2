"""Cuts a system to the chips in use: a number fills inner levels first, a shape cuts a torus."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from accelsim.errors import ConfigError
from accelsim.hardware.level import Level, SystemLevel

MAX_LISTED = 12
_SIZED = re.compile(r"(?P<name>.+?):(?P<chips>[0-9][0-9xX]*|)")


def cut_levels(name: str, levels: Mapping[str, Level], chips: str | int) -> dict[str, SystemLevel]:
    """The levels of system ``name`` cut to ``chips``: a number, or a shape such as ``"4x4x8"``.

    Inner levels are filled before the next one is used, so a number above one group must be a multiple of the group.
    On a torus a number stands for the most cubic slice.

    Args:
        name: Name of the system, for messages.
        levels: Levels as described, innermost first, by name.
        chips: Chips to be in use: a whole number (or its digits), or extents joined by ``x``.

    Returns:
        Levels of more than one member, innermost first.

    Raises:
        ConfigError: The number or shape cannot be cut; the allowed ones are listed.
    """
    wanted = _parse_size(name, chips)
    if len(wanted) > 1:
        return _cut_shape(name, levels, wanted)
    remaining = wanted[0]
    found: dict[str, SystemLevel] = {}
    for key, level in levels.items():
        take = min(remaining, level.max_members)
        shape = level.slice_of(take) if remaining % take == 0 else None
        if shape is None:
            raise _wrong_size(name, levels, wanted)
        if take > 1:
            found[key] = SystemLevel(key, level, shape, level.wraps(shape))
        remaining //= take
    if remaining > 1:
        raise _wrong_size(name, levels, wanted)
    return found


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


def allowed_sizes(levels: Mapping[str, Level]) -> list[int]:
    """Numbers of chips that can be cut from a system of these levels, rising."""
    sizes, group = {1}, 1
    for level in levels.values():
        sizes |= {group * math.prod(shape) for shape in level.slices()}
        group *= level.max_members
    return sorted(sizes)


def _parse_size(name: str, chips: str | int) -> tuple[int, ...]:
    try:
        shape = tuple(int(part) for part in str(chips).lower().split("x"))
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise ConfigError(f"{name}:{chips}: {chips!r} is no number of chips. Write e.g. '{name}:8' or '{name}:4x4x8'.")
    return shape


def _cut_shape(name: str, levels: Mapping[str, Level], shape: tuple[int, ...]) -> dict[str, SystemLevel]:
    """The innermost level cut to an explicit shape."""
    key, level = next(iter(levels.items()), ("", None))
    if level is None or not level.is_slice(shape):
        raise _wrong_size(name, levels, shape)
    return {key: SystemLevel(key, level, shape, level.wraps(shape))}


def _wrong_size(name: str, levels: Mapping[str, Level], wanted: Sequence[int]) -> ConfigError:
    sizes = allowed_sizes(levels)
    total = math.prod(wanted)
    near = sorted(sizes, key=lambda size: abs(size - total))[:MAX_LISTED]
    listed = ", ".join(map(str, sorted(near)))
    text = "x".join(map(str, wanted))
    first = next(iter(levels.values()), None)
    shapes = ""
    if len(wanted) > 1 and first is not None:
        same = sorted(first.slices(), key=lambda s: (abs(math.prod(s) - total), s))[:MAX_LISTED]
        shapes = f" Nearest shapes: {', '.join('x'.join(map(str, s)) for s in same)}."
    return ConfigError(
        f"{name}:{text}: cannot use {total} chips this way, at most {sizes[-1]}. Nearest sizes: {listed}.{shapes}"
    )
