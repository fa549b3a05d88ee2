"""What a field of a configuration file means: meaning, unit, range, default, and the sources that files state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accelsim.config.document import Source, split_path
from accelsim.config.export import json_schema
from accelsim.config.messages import bound_text
from accelsim.config.quantity import Quantity
from accelsim.config.walk import all_metadata, element_types, fields_by_key, options, quantity_of, spec_classes
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.units import dimension_example, dimension_noun, dimension_units, repr_quantity

__all__ = ["FieldHelp", "attribute_text", "explain", "field_paths", "json_schema"]

Roots = Mapping[str, type[BaseModel]]

_BOUND_WORDS = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
_TYPE_WORDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
_MAX_DEPTH = 12


@dataclass(frozen=True, slots=True)
class FieldHelp:
    """Everything known about one field or section.

    Attributes:
        path: Canonical key path, e.g. ``chip.memories.bandwidth``.
        meaning: Description.
        kind: ``quantity``, ``choice``, ``section``, ``sections`` or what plain value it is.
        unit: Dimension with an example and the units, or an empty string.
        range: Allowed values, or an empty string.
        default: Default as written in a file; ``required`` where there is none.
        keys: Keys inside, for a section.
        sources: What files state, by the name of the file.
    """

    path: str
    meaning: str
    kind: str
    unit: str
    range: str
    default: str
    keys: tuple[str, ...] = ()
    sources: Mapping[str, Source] | None = None


def explain(path: str, roots: Roots, provenance: Mapping[str, Mapping[str, Source]] | None = None) -> FieldHelp:
    """Help on the field at ``path``.

    Lists and named sections are entered without an index or name, though either may be given:
    ``chip.memories.bandwidth`` and ``chip.memories.hbm.bandwidth`` are the same field. A path without its root
    (``clock``) is enough where only one field ends like that.

    Args:
        path: Key path, beginning with a root.
        roots: Descriptions by the name of their root, e.g. ``{"chip": Chip, "system": System}``.
        provenance: Sources by key path (without the root) of some files, by name of the file.

    Raises:
        ConfigError: There is no such field, or several end like that.
    """
    parts = split_path(path)
    if parts[0] not in roots:
        parts = split_path(_completed(path, roots))
    if len(parts) == 1:
        return _explain_class(parts[0], roots[parts[0]])
    classes, info, canonical = [roots[parts[0]]], None, [parts[0]]
    owner = roots[parts[0]]
    wild = False  # whether the part before was a list or mapping, whose index or name may follow
    for index, part in enumerate(parts[1:], start=1):
        found = _field(classes, part)
        if found is None and wild:
            wild = False
            continue
        if found is None:
            raise ConfigError(_no_field(parts[:index], part, classes, roots))
        owner, key, info = found
        canonical.append(key)
        inner = _inside(info.annotation)
        classes, wild = inner, bool(element_types(info.annotation))
    assert info is not None  # the loop ran at least once and ended at a field
    stated = _stated(parts[1:], canonical[1:], provenance or {})
    return _help(".".join(canonical), owner, info, stated)


def field_paths(roots: Roots) -> list[str]:
    """Canonical paths of all fields, in the order of their definition."""
    found: list[str] = []
    for root, spec_class in roots.items():
        _gather(spec_class, root, found, 0)
    return found


def _gather(spec_class: type[BaseModel], prefix: str, found: list[str], depth: int) -> None:
    for key, info in fields_by_key(spec_class).items():
        found.append(f"{prefix}.{key}")
        for inner in _inside(info.annotation) if depth < _MAX_DEPTH else ():
            if inner is not spec_class:
                _gather(inner, f"{prefix}.{key}", found, depth + 1)


def _inside(annotation: Any) -> list[type[BaseModel]]:
    """Descriptions behind a field, inside lists and mappings too."""
    found = spec_classes(annotation)
    for element in element_types(annotation):
        found += [inner for inner in _inside(element) if inner not in found]
    return found


def _field(classes: list[type[BaseModel]], part: str) -> tuple[type[BaseModel], str, FieldInfo] | None:
    for spec_class in classes:
        for name, info in spec_class.model_fields.items():
            if part in (info.alias or name, name):
                return spec_class, info.alias or name, info
    return None


def _completed(path: str, roots: Roots) -> str:
    """The only path that ends with ``path``."""
    tail = "." + ".".join(split_path(path))
    known = field_paths(roots)
    hits = [candidate for candidate in known if candidate.endswith(tail)]
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise ConfigError(f"{path!r} is the end of several fields: {', '.join(hits)}. Write one of them.")
    names = [*known, *roots, *sorted({candidate.rpartition(".")[2] for candidate in known})]
    raise ConfigError(f"unknown field {path!r}. Fields start with: {', '.join(roots)}.{did_you_mean(path, names)}")


def _no_field(before: list[str], part: str, classes: list[type[BaseModel]], roots: Roots) -> str:
    known = [key for spec_class in classes for key in fields_by_key(spec_class)]
    here = ".".join(before)
    if not known:
        return f"unknown field '{here}.{part}': {here} is a value and has no keys."
    hint = did_you_mean(part, known)
    if not hint:
        hint = did_you_mean(f"{here}.{part}", field_paths(roots))
    return f"unknown field '{here}.{part}'. Keys of {here}: {', '.join(known)}.{hint}"


def _stated(
    given: list[str], canonical: list[str], provenance: Mapping[str, Mapping[str, Source]]
) -> dict[str, Source]:
    """Sources of the files for this field; of the named element where one was named, else of every element."""
    pattern = re.compile(r"(\.[^.]+)?\.".join(re.escape(key) for key in canonical) + r"(\.\d+)?")
    exact = ".".join(given)
    found: dict[str, Source] = {}
    for name, sources in provenance.items():
        for path, source in sources.items():
            if path == exact or (len(given) == len(canonical) and pattern.fullmatch(path)):
                found[name if path == exact else f"{name} {path}"] = source
    return found


def _help(path: str, owner: type[BaseModel], info: FieldInfo, stated: Mapping[str, Source]) -> FieldHelp:
    name = next(name for name, candidate in owner.model_fields.items() if candidate is info)
    quantity = quantity_of(info)
    inner = _inside(info.annotation)
    keys = tuple(key for spec_class in inner for key in fields_by_key(spec_class))
    meaning = info.description or attribute_text(owner, name) or _summary(inner)
    return FieldHelp(
        path=path,
        meaning=meaning,
        kind=_kind(info, quantity, inner),
        unit=_unit(quantity),
        range=_range(info, quantity),
        default=_default(info, quantity),
        keys=keys,
        sources=dict(stated),
    )


def _explain_class(root: str, spec_class: type[BaseModel]) -> FieldHelp:
    keys = tuple(fields_by_key(spec_class))
    return FieldHelp(root, _summary([spec_class]), "section", "", "", "required", keys, {})


def _summary(classes: list[type[BaseModel]]) -> str:
    """First sentence of the docstring of the first class."""
    doc = (classes[0].__doc__ or "") if classes else ""
    return " ".join(doc.strip().partition("\n\n")[0].split())


def attribute_text(owner: type[Any], name: str) -> str:
    """Entry of a name in the ``Attributes:`` section of the docstring of its class; empty if there is none.

    Args:
        owner: The class that owns the field.
        name: Of the field.
    """
    for base in owner.__mro__:
        section = (base.__doc__ or "").partition("Attributes:")[2]
        entry = re.search(
            rf"^\s*{re.escape(name)}:\s*(.*?)(?=^\s*\w+:\s|\n\s*\n|\Z)", section, re.DOTALL | re.MULTILINE
        )
        if entry is not None:
            return " ".join(entry[1].split())
    return ""


def _kind(info: FieldInfo, quantity: Quantity | None, inner: list[type[BaseModel]]) -> str:
    if inner:
        return "section" if spec_classes(info.annotation) else "sections"
    many = bool(element_types(info.annotation))
    if quantity is not None:
        return "quantities" if many else "quantity"
    if _choices(info.annotation):
        return "choice"
    words = [_TYPE_WORDS.get(getattr(option, "__name__", ""), "") for option in options(info.annotation)]
    return " or ".join(word for word in words if word) or ("values" if many else "value")


def _unit(quantity: Quantity | None) -> str:
    if quantity is None:
        return ""
    units = ", ".join(unit for unit in dimension_units(quantity.dimension) if unit)
    written = f"{dimension_noun(quantity.dimension)}, e.g. '{dimension_example(quantity.dimension)}'"
    return f"{written}; units: {units}" if units else written


def _range(info: FieldInfo, quantity: Quantity | None) -> str:
    choices = _choices(info.annotation)
    if choices:
        return " | ".join(choices)
    found = []
    for item in all_metadata(info):
        for bound, words in _BOUND_WORDS.items():
            if getattr(item, bound, None) is not None:
                found.append(f"{words} {bound_text(getattr(item, bound))}")
    if quantity is not None and quantity.at_most == 1.0:
        found.append("from 0 to 1")
    elif quantity is not None and not found:
        found.append("0 or more")
    return ", ".join(dict.fromkeys(found))


def _choices(annotation: Any) -> list[str]:
    found: list[str] = []
    for option in options(annotation):
        if get_origin(option) is Literal:
            found += [str(value) for value in get_args(option)]
        elif isinstance(option, type) and issubclass(option, Enum):
            found += [str(member.value) for member in option]
    return found


def _default(info: FieldInfo, quantity: Quantity | None) -> str:
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None or (not isinstance(value, (int, float, str, Enum)) and not value):
        return "none"
    if quantity is not None and isinstance(value, (int, float)):
        return repr_quantity(value, quantity.dimension)
    return str(value.value if isinstance(value, Enum) else value)
