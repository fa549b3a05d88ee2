"""Calibrated numbers of a YAML section as a typed, frozen dataclass."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import AfterValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from accelsim.arguments import shown
from accelsim.config.bounds import MAX_ERROR, QUANTITY_RANGES
from accelsim.errors import ConfigError, UnitError
from accelsim.registry import did_you_mean
from accelsim.units import parse_quantity, repr_quantity

ParametersT = TypeVar("ParametersT")

_DIMENSIONS = {  # longest suffix first; lengths are not calibrated, so that ``tile_m`` stays an extent
    "_bytes_per_s": "bytes_per_s",
    "_flops_per_s": "flops_per_s",
    "_j_per_byte": "joule_per_byte",
    "_j_per_flop": "joule_per_flop",
    "_fraction": "ratio",
    "_bytes": "bytes",
    "_hz": "hz",
    "_s": "time",
    "_j": "joule",
    "_w": "watt",
}
#: Names of shares of a published peak; one above 1 only where its dataclass states ``largest``.
_SHARES = ("efficiency", "_share")
#: Keys of a section of ranges that are relative errors of the fit.
_ERRORS = ("mape", "median", "p90")
_POSITIVE = (*_SHARES, "_per_s")
#: Most of anything that is no share, rate or time.
_MOST = 1e18
_LONGEST_S = 0.1  # no fixed part of an operator is longer


def _check_section(section: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse numbers that no fit and no machine has, whatever the cost model makes of them."""
    problems = [
        InitErrorDetails(type=PydanticCustomError("quantity", "{text}", {"text": text}), loc=(key,), input=value)
        for key, value in section.items()
        if (text := _problem_of(key, value))
    ]
    if problems:
        raise ValidationError.from_exception_data("calibration", problems)
    return section


def _problem_of(key: str, value: Any) -> str:
    most = MAX_ERROR if key in _ERRORS else _MOST
    is_list = isinstance(value, list | tuple)
    if isinstance(value, Mapping) or (is_list and any(not isinstance(item, int | float | str) for item in value)):
        return f"got {value!r}; must be a number, a quantity, a text, or a list of them."
    for number in value if is_list else [value]:
        if isinstance(number, int | float) and not isinstance(number, bool) and not abs(number) <= most:
            return f"got {shown(number)}; must be finite and at most {most:g}."
        if key in _ERRORS and (isinstance(number, bool) or not isinstance(number, int | float) or number < 0):
            return f"got {shown(number)}; must be a relative error from 0 to {most:g}."
    return ""


#: Calibrated numbers of one kernel family, or the range and errors of their fit.
CalibrationSection: TypeAlias = Annotated[Mapping[str, Any], AfterValidator(_check_section)]


def section_of(parameters: Any) -> dict[str, Any]:
    """The section that :func:`parameters_from` makes the same numbers of; defaults are left out.

    Args:
        parameters: A dataclass of calibrated numbers.
    """
    values = {field: getattr(parameters, field.name) for field in dataclasses.fields(parameters) if field.init}
    stated = ((calibration_key(field.name), value) for field, value in values.items() if value != field.default)
    return {key: repr_quantity(value, kind) if kind else value for (key, kind), value in stated}


def parameters_from(where: str, section: Mapping[str, Any], parameters: type[ParametersT]) -> ParametersT:
    """``parameters`` filled from ``section``; keys are field names without their unit suffix.

    A field with a unit suffix takes a quantity (``launch: 2.3 us`` fills ``launch_s``), any other one a plain value of
    its type; lists fill tuples. Fields with a default may be left out.

    Args:
        where: Start of every error text, e.g. ``chip x: calibration.gemm``.
        section: Plain values by key.
        parameters: A dataclass.

    Raises:
        ConfigError: A key is unknown or missing, or a value has the wrong form or is physically impossible (a negative
            time, a share above 1 or above what ``parameters.largest`` states for it); all problems are listed together.
    """
    if not dataclasses.is_dataclass(parameters):
        raise TypeError(f"{parameters!r} is not a dataclass")
    hints = _hints(parameters)
    fields = {calibration_key(field.name)[0]: field for field in dataclasses.fields(parameters) if field.init}
    problems = [
        f"{where}: unknown key {key!r}. Known: {', '.join(fields)}.{did_you_mean(key, list(fields))}"
        for key in section
        if key not in fields
    ]
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in section:
            try:
                values[field.name] = _value(section[key], hints[field.name], calibration_key(field.name)[1])
            except (UnitError, ValueError) as err:
                problems.append(f"{where}.{key}: {err}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(f"{where}: key {key!r} is missing. Required: {', '.join(_required(parameters))}.")
    problems += [
        f"{where}.{calibration_key(name)[0]}: {problem}"
        for name, value in values.items()
        if (problem := _impossible(name, value, getattr(parameters, "largest", {})))
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    try:
        return parameters(**values)
    except ValueError as err:  # values that do not go together
        raise ConfigError(f"{where}: {err}") from err


def _impossible(name: str, value: Any, largest: Mapping[str, float]) -> str:
    """What is wrong with a number that no machine can have; blank for one that some machine can."""
    if isinstance(value, tuple):
        return next(filter(None, (_impossible(name, item, largest) for item in value)), "")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    low, high, allowed = _possible(name, largest)
    if low < value <= high or (value == low == 0.0 and not name.endswith(_POSITIVE)):
        return ""
    return f"{value:g} is physically impossible. Allowed: {allowed}."


def _possible(name: str, largest: Mapping[str, float]) -> tuple[float, float, str]:
    """Lower and upper end of what is possible, and the range in words."""
    if name.endswith(_SHARES):
        high = largest.get(name, 1.0)
        return 0.0, high, f"a share above 0 and at most {high:g}"
    if name in largest:
        return 0.0, largest[name], f"a number from 0 to {largest[name]:g}"
    if name.endswith("_per_s"):
        most = QUANTITY_RANGES[calibration_key(name)[1] or "count"][1]
        return 0.0, most, f"a rate above 0 and at most {most:g}"
    if name.endswith("_s"):
        return 0.0, _LONGEST_S, f"a time from 0 to {_LONGEST_S:g} s"
    return 0.0, _MOST, f"a number from 0 to {_MOST:g}"


def calibration_key(field_name: str) -> tuple[str, str | None]:
    """Key of a field of a parameter dataclass in a file, and the dimension its suffix states, if any."""
    for suffix, dimension in _DIMENSIONS.items():
        if field_name.endswith(suffix) and len(field_name) > len(suffix):
            return field_name.removesuffix(suffix), dimension
    return field_name, None


def _required(parameters: type[Any]) -> list[str]:
    return [
        calibration_key(field.name)[0]
        for field in dataclasses.fields(parameters)
        if field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]


def _value(raw: Any, hint: Any, dimension: str | None) -> Any:
    """``raw`` as a value of the type ``hint``."""
    options = [option for option in typing.get_args(hint) if option is not type(None)]
    if raw is None and type(None) in typing.get_args(hint):
        return None
    if typing.get_origin(hint) is tuple:
        if not isinstance(raw, list | tuple):
            raise ValueError(f"{raw!r} is not a list.")
        return tuple(_value(item, options[0], dimension) for item in raw)
    if typing.get_origin(hint) not in (None, tuple) and len(options) == 1:  # float | None
        hint = options[0]
    if dimension is not None and hint in (float, int):
        return hint(_quantity(raw, dimension))
    if hint is float and isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    if hint in (int, str, bool) and type(raw) is hint:
        return raw
    if hint in (float, int, str, bool):
        raise ValueError(f"{raw!r} is not of type {hint.__name__}.")
    return raw


def _quantity(raw: Any, dimension: str) -> float:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(f"{raw!r} is not a quantity.")
    if dimension == "ratio" and not isinstance(raw, str):
        return float(raw)
    return parse_quantity(str(raw), dimension)  # a bare number fails here, with an example of the unit


@cache
def _hints(parameters: type) -> dict[str, Any]:
    """Types of the fields, resolved once per dataclass."""
    return typing.get_type_hints(parameters)
