"""The numbers that describe a machine, and the same machine with one of them scaled.

A parameter is a quantity or a real number of the chip, of the levels that join chips, or of the calibration.  Counts
that make the structure (grid, sizes, shapes of arrays), names and checks are no parameters: a machine with 10 % more
rows is another machine, to be described as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accelsim.config.walk import quantity_of
from accelsim.errors import ConfigError
from accelsim.hardware.system import System
from accelsim.registry import did_you_mean
from accelsim.units import format_quantity

#: Sections and keys that describe no physics: published figures to check, ranges of validity.
_NO_PHYSICS = re.compile(
    r"checks|published_cores|schema_version|.*_range|calibrated_.*|(min|max)_(side|tile|rows|cols)"
)
_WITH_UNIT = re.compile(r"\s*([0-9][0-9_]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?)(\s*\D.*)")

_CALIBRATION = "chip.calibration."

ASSUMED = "assumed"

#: Path, value, text and dimension of one number.
_Leaf = tuple[str, float, str, str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a machine.

    Attributes:
        path: Key path as ``--set`` takes it, e.g. ``chip.memories.hbm.bandwidth``.
        value: In SI units, or the number in front of the unit for a calibrated value.
        text: For people, e.g. ``3.35 TB/s``.
        kind: ``datasheet``, ``measured``, ``derived``, ``assumed``, ``calibrated``, or ``default`` where the file
            states nothing (what it states in its calibration without a kind is ``calibrated``).
        source: Where the value is from.
        dimension: Name in :mod:`accelsim.units`; empty for a plain number and for calibrated values with a unit.
    """

    path: str
    value: float
    text: str
    kind: str
    source: str
    dimension: str = ""

    def times(self, factor: float) -> str:
        """Text of the value times ``factor``."""
        if self.dimension:
            return format_quantity(self.value * factor, self.dimension)
        return f"{self.value * factor:.4g} {self.text.partition(' ')[2]}".rstrip()


def parameters(system: System) -> list[Parameter]:
    """Every parameter of ``system`` that is not zero, chip first; scaling changes nothing of a zero."""
    found = []
    for path, value, text, dimension in _leaves(system):
        source = _nearest(system, path)
        unstated = "calibrated" if path.startswith(_CALIBRATION) else "default"
        kind, origin = (source.kind or "stated", source.source or "") if source is not None else (unstated, "")
        found.append(Parameter(path, value, text, kind, origin, dimension))
    return found


def find_parameter(system: System, path: str) -> Parameter:
    """The parameter at ``path``.

    Args:
        system: Where it is looked for.
        path: Names from the root down, e.g. ``"chip.memories.hbm.bandwidth"`` or ``"system.levels.nvlink.latency"``.

    Raises:
        ConfigError: There is none.
    """
    known = {parameter.path: parameter for parameter in parameters(system)}
    if path not in known:
        raise ConfigError(
            f"{path!r} is no parameter of {system.name}. See them all with accelsim sensitivity -v."
            f"{did_you_mean(path, list(known))}"
        )
    return known[path]


def scaled(system: System, path: str, factor: float) -> tuple[System, float]:
    """``system`` with the parameter at ``path`` times ``factor``, and by how much it really changed.

    A share stays at or below 1, a whole number is rounded, so the change may be smaller.

    Args:
        system: The machine as described; it is left as it is.
        path: Which parameter, as listed by :func:`parameters`.
        factor: The new value over the old one.

    Raises:
        ConfigError: There is no such parameter.
    """
    find_parameter(system, path)
    root, *parts = path.split(".")
    if root == "chip":
        chip, real = _scaled(system.chip, parts, factor)
        return replace(system, chip=chip), real
    if parts[0] == "host":
        host, real = _scaled(system.host, parts[1:], factor)
        return replace(system, host=host), real
    name = parts[1]
    spec, real = _scaled(system.levels[name].spec, parts[2:], factor)
    return replace(system, levels={**system.levels, name: replace(system.levels[name], spec=spec)}), real


def _leaves(system: System) -> Iterator[_Leaf]:
    yield from _walk("chip", system.chip, None)
    for name, level in system.levels.items():
        yield from _walk(f"system.levels.{name}", level.spec, None)
    if system.host is not None:
        yield from _walk("system.host", system.host, None)


def _walk(path: str, value: Any, info: FieldInfo | None) -> Iterator[_Leaf]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            if not _NO_PHYSICS.fullmatch(name):
                yield from _walk(f"{path}.{field.alias or name}", getattr(value, name), field)
    elif isinstance(value, Mapping):
        for key, member in value.items():
            if not _NO_PHYSICS.fullmatch(_key(key)):
                yield from _walk(f"{path}.{_key(key)}", member, info)
    elif isinstance(value, str):
        match = _WITH_UNIT.fullmatch(value) if path.startswith(_CALIBRATION) else None
        if match is not None and float(match[1]):
            yield path, float(match[1]), value, ""
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        quantity = quantity_of(info) if info is not None else None
        in_calibration = path.startswith(_CALIBRATION)
        if quantity is not None:
            yield path, float(value), format_quantity(value, quantity.dimension), quantity.dimension
        elif isinstance(value, float) or in_calibration:
            yield path, float(value), f"{value:g}", ""


def _scaled(value: Any, parts: list[str], factor: float, info: FieldInfo | None = None) -> tuple[Any, float]:
    """The value with the leaf behind ``parts`` scaled, and the real factor."""
    if not parts:
        return _scaled_leaf(value, factor, info)
    first, *rest = parts
    if isinstance(value, BaseModel):
        name, field = next(
            (name, field) for name, field in type(value).model_fields.items() if (field.alias or name) == first
        )
        member, real = _scaled(getattr(value, name), rest, factor, field)
        return value.model_copy(update={name: member}), real
    key = next(key for key in value if _key(key) == first)
    member, real = _scaled(value[key], rest, factor, info)
    return {**value, key: member}, real


def _scaled_leaf(value: Any, factor: float, info: FieldInfo | None) -> tuple[Any, float]:
    if isinstance(value, str):
        match = _WITH_UNIT.fullmatch(value)
        if match is None:
            raise ConfigError(f"{value!r} is no number with a unit.")
        return f"{float(match[1]) * factor!r}{match[2]}", factor
    quantity = quantity_of(info) if info is not None else None
    changed: float = value * factor
    if quantity is not None:
        changed = min(changed, quantity.at_most)
    if isinstance(value, int):
        changed = max(1, round(changed))
    return changed, changed / value


def _key(key: Any) -> str:
    return str(key.value if isinstance(key, Enum) else key)


def _nearest(system: System, path: str) -> Any:
    """The source of a value, or of the section it is in."""
    parts = path.split(".")
    for length in range(len(parts), 1, -1):
        source = system.provenance.get(".".join(parts[:length]))
        if source is not None:
            return source
    return None
