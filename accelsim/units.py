"""Quantities as people write them, converted once at the edge: SI floats inside, ``"3.35 TB/s"`` outside.

Decimal (``k M G T P E``) and binary (``Ki Mi Gi Ti Pi Ei``) prefixes are distinct, and so are bits (``b``, ``bit``) and
bytes (``B``). A dimension is named after the suffix that fields carry (``bytes_per_s``, ``joule_per_byte``). Values
are converted by exact rational arithmetic and rounded once, so ``"1.1 GHz"`` is the float nearest to 1.1e9.

Not units: ``B/cycle`` (needs a clock), ``TFLOPS`` (a count or a rate?), dB (see the optical package).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from accelsim.errors import UnitError
from accelsim.registry import nearest_name

_DECIMAL = {"": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SMALL = {"m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}

_QUANTITY = re.compile(r"\s*([-+]?(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*(.*?)\s*", re.DOTALL)
_NOT_A_NUMBER = re.compile(r"\s*[-+]?(nan|inf|infinity)\b.*", re.IGNORECASE | re.DOTALL)
_MAX_TEXT = 100
_MAX_DECADE = 400


@dataclass(frozen=True, slots=True)
class Dimension:
    """One physical dimension and the units it may be written in.

    Attributes:
        name: Name used in code, e.g. ``bytes_per_s``.
        noun: What a person calls it, with article: ``"a bandwidth"``.
        example: A value to show in errors, e.g. ``900 GB/s``.
        units: Unit -> factor to SI; exact.
        base_unit: The SI unit, in which zero is printed.
        prefixes: Prefixes put before the base unit when printing.
        bare: Whether a number without a unit is a complete value.
    """

    name: str
    noun: str
    example: str
    units: Mapping[str, Fraction]
    base_unit: str
    prefixes: tuple[str, ...]
    bare: bool = False

    @property
    def display(self) -> list[str]:
        """Units used to print, smallest first."""
        return sorted((prefix + self.base_unit for prefix in self.prefixes), key=lambda unit: self.units[unit])


def parse_quantity(text: str, dimension: str) -> float:
    """SI value of ``text``, which must be a finite number followed by a unit of ``dimension``.

    The blank between number and unit may be left out. Signs are allowed; whether a negative value makes sense is for
    the caller (see :mod:`accelsim.config.quantity`).

    Args:
        text: For instance ``"3.35 TB/s"``, ``"64KiB"``, ``"5 pJ/bit"``.
        dimension: A name in :func:`dimension_names`.

    Raises:
        UnitError: No number, no unit, an unknown unit, or a unit of another dimension; the text says what to write.

    Examples:
        >>> parse_quantity("3.35 TB/s", "bytes_per_s")
        3350000000000.0
        >>> parse_quantity("80 GiB", "bytes")
        85899345920.0
        >>> parse_quantity("5 pJ/bit", "joule_per_byte")
        4e-11
        >>> parse_quantity("400 Gb/s", "bytes_per_s")
        50000000000.0
    """
    kind = _dimension(dimension)
    number, unit = _split(text, kind)
    if unit == "" and not kind.bare:
        raise UnitError(missing_unit(text.strip(), _as_float(number), dimension))
    factor = kind.units.get(unit)
    if factor is None:
        raise UnitError(_unit_problem(text.strip(), unit, kind))
    value = _as_float(number * factor)
    if not math.isfinite(value):
        raise UnitError(f"{text.strip()!r} is too large. Write e.g. '{kind.example}'.")
    return value


def format_quantity(value: float, dimension: str, digits: int = 4) -> str:
    """``value`` for people: ``digits`` significant digits and the unit that keeps the number between 1 and 1000.

    Sizes that are a whole number below 1024 of a binary unit are shown in it (``80 GiB``), others in decimal units.

    Args:
        value: In SI units.
        dimension: A name in :func:`dimension_names`.
        digits: Significant digits.

    Examples:
        >>> format_quantity(3.35e12, "bytes_per_s")
        '3.35 TB/s'
        >>> format_quantity(85899345920, "bytes")
        '80 GiB'
        >>> format_quantity(0.0012345678, "time")
        '1.235 ms'
    """
    kind = _dimension(dimension)
    if not math.isfinite(value) or (kind.name == "count" and value == int(value)):
        return str(value if not math.isfinite(value) else int(value))
    unit = _binary_unit(value, kind)
    if unit is None or abs(Fraction(value)) >= 1024 * kind.units[unit]:
        unit = _decimal_unit(value, kind, digits)
    scaled = _as_float(Fraction(value) / kind.units[unit])
    return _join(_plain_number(scaled, digits), unit)


def repr_quantity(value: float, dimension: str) -> str:
    """Shortest text that :func:`parse_quantity` turns back into exactly ``value``.

    Args:
        value: In SI units.
        dimension: A name in :func:`dimension_names`.

    Raises:
        UnitError: ``value`` is not finite.

    Examples:
        >>> repr_quantity(1.1e9, "hz")
        '1.1 GHz'
        >>> repr_quantity(65536.0, "bytes")
        '64 KiB'
    """
    kind = _dimension(dimension)
    if not math.isfinite(value):
        raise UnitError(f"{value!r} is not a finite number. Write e.g. '{kind.example}'.")
    unit = _binary_unit(value, kind) or _decimal_unit(value, kind, 17)
    number = _shortest(value, kind.units[unit])
    return _join(number, unit)


def parse_count(text: str) -> int:
    """Whole number written plainly or with a prefix: ``4096``, ``4_096``, ``64k``, ``64Ki``.

    Raises:
        UnitError: Not a whole number, or followed by something that is not a prefix.

    Examples:
        >>> parse_count("64Ki")
        65536
    """
    kind = _dimension("count")
    number, unit = _split(text, kind)
    factor = kind.units.get(unit)
    if factor is None or (number * factor).denominator != 1:
        raise UnitError(f"{text.strip()!r} is not a whole number. Write e.g. '4096', '4k' (4000) or '4Ki' (4096).")
    return int(number * factor)


def missing_unit(text: str, value: float, dimension: str) -> str:
    """Message for a number without a unit: keeps a handy number, reads a large or tiny one as SI.

    Args:
        text: The number as it was written.
        value: Its value; handy as it stands from 1e-3 to 1e5, else shown with a prefix.
        dimension: A name in :func:`dimension_names`.

    Examples:
        >>> missing_unit("900", 900.0, "bytes_per_s")
        "'900' has no unit. Write e.g. '900 GB/s'."
        >>> missing_unit("2e12", 2e12, "bytes_per_s")
        "'2e12' has no unit. Write e.g. '2 TB/s'."
    """
    kind = _dimension(dimension)
    handy = f"{text} {kind.example.partition(' ')[2]}".rstrip()
    plain = not math.isfinite(value) or value == 0 or 1e-3 <= abs(value) < 1e5
    return f"{text!r} has no unit. Write e.g. '{handy if plain else format_quantity(value, dimension)}'."


def dimension_names() -> list[str]:
    """Names of the dimensions, in the order of the table."""
    return list(_DIMENSIONS)


def dimension_example(dimension: str) -> str:
    """A well-formed value of the dimension, for help texts: ``900 GB/s``."""
    return _dimension(dimension).example


def dimension_noun(dimension: str) -> str:
    """What people call the dimension, with article: ``a bandwidth``."""
    return _dimension(dimension).noun


def dimension_units(dimension: str) -> list[str]:
    """Units the dimension is usually written in, smallest first."""
    return _dimension(dimension).display


def _dimension(name: str) -> Dimension:
    try:
        return _DIMENSIONS[name]
    except KeyError:
        raise UnitError(f"unknown dimension {name!r}. Known: {', '.join(_DIMENSIONS)}.") from None


def _split(text: str, kind: Dimension) -> tuple[Fraction, str]:
    """The number in front of ``text`` and the unit behind it, in its one spelling."""
    if len(text) > _MAX_TEXT:
        raise UnitError(f"'{text[:40]}...' is too long for a quantity. Write e.g. '{kind.example}'.")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        if _NOT_A_NUMBER.fullmatch(text):
            raise UnitError(f"{text.strip()!r} is not a finite number. Write e.g. '{kind.example}'.")
        raise UnitError(f"{text.strip()!r} does not start with a number. Write e.g. '{kind.example}'.")
    number = match[1].replace("_", "")
    _, _, exponent = number.lower().partition("e")
    if exponent and abs(int(exponent)) > _MAX_DECADE:  # Fraction("1e999999999") would fill the memory
        raise UnitError(f"{text.strip()!r} is out of range. Write e.g. '{kind.example}'.")
    return Fraction(number), _spell(match[2])


def _spell(unit: str) -> str:
    """Equal spellings become one: micro signs, blanks around the slash, ``second``, ``bits``."""
    unit = unit.replace("\u00b5", "u").replace("\u03bc", "u")
    return re.sub(r"\s*/\s*", "/", unit)


@lru_cache(maxsize=1)
def _other_habits() -> dict[str, str]:
    """Ways people write units that we refuse, with the spelling to use: ``TFLOPS`` -> ``TFLOP/s``."""
    habits = {"sec": "s", "second": "s", "seconds": "s", "msec": "ms", "usec": "us", "nsec": "ns"}
    for prefix in (*_DECIMAL, "K"):
        habits |= {f"{prefix}FLOPS": f"{prefix}FLOP/s", f"{prefix}FLOPs": f"{prefix}FLOP/s"}
        habits |= {f"{prefix}FLOPs/s": f"{prefix}FLOP/s", f"{prefix}OPS": f"{prefix}OP/s"}
        habits |= {f"{prefix}Bps": f"{prefix}B/s", f"{prefix}bps": f"{prefix}b/s"}
        habits |= {f"{prefix}B/sec": f"{prefix}B/s", f"{prefix}bit/sec": f"{prefix}bit/s"}
    return habits


def _unit_problem(text: str, unit: str, kind: Dimension) -> str:
    """Say whether ``unit`` belongs to another dimension, is a habit we refuse, or is unknown."""
    for other in _DIMENSIONS.values():
        if unit and unit in other.units and other.name not in ("count", "ratio"):
            return f"{text!r} is {other.noun}; expected {kind.noun} such as '{kind.example}'."
    if unit.endswith("/cycle") or unit.endswith("/clk"):
        return f"{text!r} is per cycle, which needs a clock. Multiply by the clock and write e.g. '{kind.example}'."
    meant = _other_habits().get(unit) or _other_case(unit, kind)
    if meant is None:
        meant = nearest_name(unit, sorted(kind.units))
    hint = f" Did you mean {meant!r}?" if meant else ""
    return f"{text!r}: unknown unit {unit!r}; expected {kind.noun} such as '{kind.example}'.{hint}"


def _other_case(unit: str, kind: Dimension) -> str | None:
    """A unit of ``kind`` that differs in case only; the most usual one where several do (``gb`` is ``GB``)."""
    hits = [known for known in kind.units if known.lower() == unit.lower()]
    return next((hit for hit in hits if hit in kind.display), hits[0] if hits else None)


def _as_float(exact: Fraction) -> float:
    """The nearest float; infinity where there is none."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


def _join(number: str, unit: str) -> str:
    if unit in ("", "%"):
        return number + unit
    return f"{number} {unit}"


def _binary_unit(value: float, kind: Dimension) -> str | None:
    """The largest binary unit in which a size is whole, unless it is a round decimal number."""
    if kind.name != "bytes" or value == 0 or value != int(value) or abs(value) % 1000 == 0:
        return None
    for prefix in reversed(_BINARY):
        if abs(value) % 2 ** _BINARY[prefix] == 0:
            return f"{prefix}B"
    return None


def _decimal_unit(value: float, kind: Dimension, digits: int) -> str:
    """The smallest display unit that leaves a number below 1000 after rounding to ``digits``, else the largest."""
    if value == 0:
        return kind.base_unit
    for unit in kind.display:
        scaled = abs(_as_float(Fraction(value) / kind.units[unit]))
        if float(f"{scaled:.{digits}g}") < 1000:
            return unit
    return kind.display[-1]


def _plain_number(value: float, digits: int) -> str:
    """``digits`` significant digits, without trailing zeros; exponent only where a plain number would be unreadable."""
    rounded = float(f"{value:.{digits}g}")
    if rounded != 0 and not 1e-4 <= abs(rounded) < 1e15:
        return f"{rounded:.{digits}g}"
    if rounded == int(rounded):
        return str(int(rounded))
    return repr(rounded)


def _shortest(value: float, factor: Fraction) -> str:
    """Fewest significant digits of ``value / factor`` that give exactly ``value`` back."""
    exact = Fraction(value) / factor
    if exact.denominator == 1 and abs(exact) < 10**15:
        return str(exact)
    for digits in range(1, 40):
        text = _decimal_text(exact, digits)
        if _as_float(Fraction(text) * factor) == value:
            return text
    raise UnitError(f"{value!r} cannot be written as a quantity")  # pragma: no cover - 40 digits always suffice


def _decimal_text(exact: Fraction, digits: int) -> str:
    """``exact`` rounded to ``digits`` significant digits (a float is not enough: below 1e-308 it loses digits)."""
    from decimal import Context, Decimal  # only the round trip of odd values needs it

    context = Context(prec=digits, Emin=-9999, Emax=9999)
    rounded = context.divide(Decimal(exact.numerator), Decimal(exact.denominator)).normalize(context)
    plain = format(rounded, "f")
    return plain if len(plain) <= 24 else str(rounded)


def _prefixed(unit: str, prefixes: Mapping[str, int], scale: Fraction = Fraction(1)) -> dict[str, Fraction]:
    return {f"{prefix}{unit}": Fraction(10) ** exponent * scale for prefix, exponent in prefixes.items()}


def _binary_prefixed(unit: str, scale: Fraction = Fraction(1)) -> dict[str, Fraction]:
    return {f"{prefix}{unit}": 2**exponent * scale for prefix, exponent in _BINARY.items()}


def _data_units(tail: str = "") -> dict[str, Fraction]:
    """Bytes and bits, decimal and binary, with ``tail`` (``/s``) behind; a kilobyte may be ``kB`` or ``KB``."""
    bit = Fraction(1, 8)
    units: dict[str, Fraction] = {}
    for name, scale in (("B", Fraction(1)), ("b", bit), ("bit", bit)):
        units |= _prefixed(name + tail, _DECIMAL | {"K": 3}, scale) | _binary_prefixed(name + tail, scale)
    return units | {"byte" + tail: Fraction(1), "bytes" + tail: Fraction(1), "bits" + tail: bit}


def _energy_per(units: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Joules per each of ``units``: a unit of 1/8 byte makes the energy per byte eight times larger."""
    joules = _prefixed("J", _SMALL | {"": 0})
    return {f"{joule}/{unit}": j / size for joule, j in joules.items() for unit, size in units.items()}


def _build_dimensions() -> dict[str, Dimension]:
    """The whole table of dimensions; every factor is exact."""
    one, eighth = Fraction(1), Fraction(1, 8)
    data = {"B": one, "byte": one, "b": eighth, "bit": eighth}
    operations = {"FLOP": one, "flop": one, "OP": one, "MAC": Fraction(2)}
    tiny, huge = ("", "m", "u", "n", "p", "f", "a"), ("", "k", "M", "G", "T", "P", "E")
    both = tiny + huge[1:]
    seconds = _prefixed("s", _SMALL | {"": 0}) | {"min": Fraction(60), "h": Fraction(3600)}
    metres = _prefixed("m", _SMALL | {"": 0, "k": 3}) | {"cm": Fraction(1, 100)}
    rates = _prefixed("FLOP/s", _DECIMAL) | _prefixed("flop/s", _DECIMAL) | _prefixed("OP/s", _DECIMAL)
    counts = _prefixed("", _DECIMAL | {"K": 3}) | _binary_prefixed("")
    fractions = {"": one, "%": Fraction(1, 100)}
    per_data, per_operation = _energy_per(data), _energy_per(operations)
    table = [
        Dimension("time", "a time", "5 us", seconds, "s", tiny),
        Dimension("bytes", "a size", "80 GiB", _data_units(), "B", huge),
        Dimension("bytes_per_s", "a bandwidth", "900 GB/s", _data_units("/s"), "B/s", huge),
        Dimension("flops_per_s", "a compute rate", "312 TFLOP/s", rates, "FLOP/s", huge),
        Dimension("hz", "a frequency", "1.1 GHz", _prefixed("Hz", _DECIMAL), "Hz", huge),
        Dimension("joule", "an energy", "5 pJ", _prefixed("J", _DECIMAL | _SMALL), "J", both),
        Dimension("joule_per_byte", "an energy per data moved", "5 pJ/bit", per_data, "J/B", tiny),
        Dimension("joule_per_flop", "an energy per operation", "0.5 pJ/FLOP", per_operation, "J/FLOP", tiny),
        Dimension("watt", "a power", "400 W", _prefixed("W", _DECIMAL | _SMALL), "W", both),
        Dimension("length", "a length", "2 m", metres, "m", (*tiny, "k")),
        Dimension("ratio", "a ratio", "85%", fractions, "", ("",), bare=True),
        Dimension("count", "a count", "4096", counts, "", ("",), bare=True),
    ]
    return {dimension.name: dimension for dimension in table}


_DIMENSIONS = _build_dimensions()
