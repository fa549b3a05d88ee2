"""The base of every description: frozen, strict about keys, SI in Python and units in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from accelsim.arguments import listed, shown
from accelsim.config.walk import has_quantity
from accelsim.errors import ConfigError

UNIT_SUFFIXES = (
    "_bytes_per_s",
    "_flops_per_s",
    "_j_per_byte",
    "_j_per_flop",
    "_bytes",
    "_hz",
    "_s",
    "_j",
    "_w",
    "_m",
)


def key_of(field_name: str) -> str:
    """Key of a field in a file: its name without the unit suffix, because there the value carries the unit.

    Examples:
        >>> key_of("clock_hz"), key_of("bandwidth_bytes_per_s"), key_of("num_cores")
        ('clock', 'bandwidth', 'num_cores')
    """
    for suffix in UNIT_SUFFIXES:
        if field_name.endswith(suffix) and len(field_name) > len(suffix):
            return field_name.removesuffix(suffix)
    return field_name


class Spec(BaseModel):
    """A frozen description; subclasses add fields with unit suffixes and the types of :mod:`accelsim.config.quantity`.

    In Python fields are given by name and in SI (``Clock(clock_hz=1.1e9)``). In files the key drops the suffix and the
    value carries the unit (``clock: 1.1 GHz``). Unknown keys are errors at both edges.

    Raises:
        TypeError: At class creation: two fields share one key, or a field that is no quantity ends with a unit
            suffix (``tile_m: int`` would become ``tile``); give it ``Field(alias="tile_m")``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=key_of,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    def __init__(self, *args: Any, **fields: Any) -> None:
        """Fields by name.

        Raises:
            ConfigError: One is missing, unknown or none that it can be; all such are told at once.
        """
        kind = type(self).__name__
        if args:
            raise ConfigError(f"{kind}: {shown(args[0])} is given without a name. Fields go by name; files are loaded.")
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise ConfigError(f"{kind}: {'; '.join(_problems(error))}.") from error

    #: Says to pydantic that it may build nested descriptions without calling the constructor, as without ours.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a class whose keys would surprise the people who write files for it."""
        super().__pydantic_init_subclass__(**kwargs)
        seen: dict[str, str] = {}
        for name, info in cls.model_fields.items():
            key = info.alias or name
            if key in seen:
                raise TypeError(f"{cls.__name__}: fields {seen[key]!r} and {name!r} share the key {key!r}")
            if key != name and info.alias_priority != 2 and not has_quantity(info):
                raise TypeError(f"{cls.__name__}: {name!r} is no quantity; give it Field(alias={name!r})")
            seen[key] = name

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields changed; what was computed from the old ones and remembered is left behind.

        Args:
            update: New values by field; they are not checked again. None changes nothing.
            deep: Copy the values of fields too, as pydantic does.
        """
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def _problems(error: ValidationError) -> Iterator[str]:
    """What is wrong with the fields given; those that are missing together."""
    told = [(".".join(map(str, one["loc"])), one["type"], one["msg"]) for one in error.errors(include_url=False)]
    if missing := [path for path, kind, _ in told if kind == "missing"]:
        yield f"{listed(missing)} must be given"
    yield from (f"{path}: {text}" for path, kind, text in told if kind != "missing")
