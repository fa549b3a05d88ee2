"""A description as the text of a file: what :func:`accelsim.config.validate.validate` reads, the other way round."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import yaml

from accelsim.config.quantity import BARE_DIMENSIONS, Quantity
from accelsim.config.schema import Spec
from accelsim.config.walk import quantity_of
from accelsim.dtypes import Format
from accelsim.units import repr_quantity


def file_form(spec: Spec) -> dict[str, Any]:
    """Keys and values of a file that describes ``spec``: quantities as exact text, defaults left out."""
    found = {}
    for name, info in type(spec).model_fields.items():
        value = getattr(spec, name)
        if info.is_required() or value != info.get_default(call_default_factory=True):
            found[info.alias or name] = _plain(value, quantity_of(info))
    return found


def yaml_text(data: Mapping[str, Any]) -> str:
    """Plain data as YAML, in its order."""
    return str(yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=100, default_flow_style=False))


def _plain(value: Any, quantity: Quantity | None) -> Any:
    if isinstance(value, Spec):
        return file_form(value)
    if isinstance(value, Mapping):
        return {_plain(key, None): _plain(item, quantity) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, quantity) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Format):
        return str(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and quantity is not None and quantity.dimension not in BARE_DIMENSIONS:
        return repr_quantity(value, quantity.dimension)
    return value
