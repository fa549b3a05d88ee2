"""Walks the types of a description: which fields and sections lie behind a key path."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from accelsim.config.quantity import Quantity


def fields_by_key(spec_class: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields of a description by their key in files."""
    return {info.alias or name: info for name, info in spec_class.model_fields.items()}


def options(annotation: Any) -> Iterator[Any]:
    """Types behind an annotation once ``Annotated``, aliases and unions are opened; None is left out."""
    origin = get_origin(annotation)
    if isinstance(annotation, typing.TypeVar) or annotation is types.NoneType:
        return
    if origin is Annotated:
        yield from options(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from options(member)
    else:
        yield annotation


def spec_classes(annotation: Any) -> list[type[BaseModel]]:
    """Descriptions directly behind an annotation (not inside a list or mapping)."""
    return [option for option in options(annotation) if isinstance(option, type) and issubclass(option, BaseModel)]


def element_types(annotation: Any) -> list[Any]:
    """Types of the elements of lists, tuples and mappings behind an annotation."""
    found: list[Any] = []
    for option in options(annotation):
        arguments = [argument for argument in get_args(option) if argument is not Ellipsis]
        origin: Any = get_origin(option)
        if isinstance(origin, type) and arguments:  # Literal is no type, so its values are left out
            found += arguments[-1:] if issubclass(origin, Mapping) else arguments
    return found


def key_types(annotation: Any) -> list[Any]:
    """Types of the keys of mappings behind an annotation."""
    found: list[Any] = []
    for option in options(annotation):
        origin: Any = get_origin(option)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            found += get_args(option)[:1]
    return found


def step(annotations: list[Any], part: str | int) -> list[Any]:
    """Annotations behind one more part of a path; empty when there are none.

    Args:
        annotations: Types that the value so far may have.
        part: A key, or an index of a list.
    """
    found: list[Any] = []
    for annotation in annotations:
        for spec_class in spec_classes(annotation):
            info = fields_by_key(spec_class).get(str(part))
            if info is not None:
                found.append(info.annotation)
        found += element_types(annotation)
    return found


def has_quantity(info: FieldInfo) -> bool:
    """Whether a field is a quantity, or a list or mapping of quantities, or may be one."""
    return quantity_of(info) is not None


def quantity_of(info: FieldInfo) -> Quantity | None:
    """The quantity behind a field, or None."""
    return next((item for item in all_metadata(info) if isinstance(item, Quantity)), None)


def all_metadata(info: FieldInfo) -> list[Any]:
    """Annotations of a field and of everything inside its type (bounds, quantities)."""
    return [*info.metadata, *_metadata_in(info.annotation)]


def _metadata_in(annotation: Any) -> list[Any]:
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return [*arguments[1:], *_metadata_in(arguments[0])]
    return [item for argument in arguments for item in _metadata_in(argument)]
