"""Figures as people read them; the same text on the terminal, in notebooks and in reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from accelsim.units import format_quantity

_BAND_DIGITS = 3
#: A broken number of bytes is a mean; a point in ``5.969 B`` would read as billions.
_WHOLE_BELOW = 1000
_PREFIXES = ("", "k", "M", "G", "T", "P", "E")


def seconds_text(value_s: float) -> str:
    """E.g. ``1.234 ms``."""
    return format_quantity(value_s, "time")


def band_text(low_s: float, high_s: float, level: float) -> str:
    """E.g. ``15.9-20.1 ms, 80 % band``; each end with its unit where these differ.

    Args:
        low_s: Lower end, in seconds.
        high_s: Upper end, in seconds.
        level: Share of measurements inside, between 0 and 1.
    """
    low, high = (format_quantity(value, "time", _BAND_DIGITS) for value in (low_s, high_s))
    same = low.split()[-1] == high.split()[-1]
    return (
        f"{low.split()[0]}-{high}, {level:.0%} band".replace("%", " %")
        if same
        else (f"{low} - {high}, {level:.0%} band".replace("%", " %"))
    )


def joules_text(value_j: float) -> str:
    """E.g. ``71.15 mJ``."""
    return format_quantity(value_j, "joule")


def watts_text(value_w: float) -> str:
    """E.g. ``2.716 kW``."""
    return format_quantity(value_w, "watt")


def size_text(value_bytes: float) -> str:
    """Decimal bytes with four significant digits, e.g. ``16.06 GB``; below a thousand whole bytes.

    Examples:
        >>> size_text(16.06e9), size_text(5.969)
        ('16.06 GB', '6 B')
    """
    return f"{count_text(value_bytes if abs(value_bytes) >= _WHOLE_BELOW else round(value_bytes))}B"


def count_text(number: float) -> str:
    """A count with a decimal prefix, e.g. ``153.9 T``; the unit follows it."""
    value, power = float(number), 0
    while abs(value) >= 999.95 and power < len(_PREFIXES) - 1:
        value, power = value / 1000, power + 1
    return f"{value:.4g} {_PREFIXES[power]}"


def rate_text(value_bytes_per_s: float) -> str:
    """E.g. ``450 GB/s``."""
    return f"{size_text(value_bytes_per_s)}/s"


def percent_text(fraction: float) -> str:
    """E.g. ``41.2 %``."""
    return f"{_unsigned_zero(f'{fraction * 100:.1f}')} %"


def change_text(fraction: float, digits: int = 1) -> str:
    """A relative change with its sign, e.g. ``+4.2 %``; one that rounds to nothing has none.

    Args:
        fraction: The change.
        digits: After the point, in percent.
    """
    text = f"{fraction * 100:+.{digits}f}"
    return f"{_unsigned_zero(text)} %"


def _unsigned_zero(text: str) -> str:
    """A number's text, without a sign before a zero."""
    return text.lstrip("+-") if not text.strip("+-0.") else text


def describe_phase(phase: Mapping[str, Any]) -> str:
    """E.g. ``decode, batch 1, context 2048``."""
    sizes = [f"{name} {value}" for name, value in phase.items() if name != "kind" and (name, value) != ("steps", 1)]
    return ", ".join([str(phase["kind"]), *sizes])


def full_operator_name(block: str, operator: str) -> str:
    """Block and operator as one name, without saying a block twice.

    Args:
        block: Name of the block; may be empty.
        operator: Name in the block; may be empty.

    Examples:
        >>> full_operator_name("decoder", "mlp.down"), full_operator_name("head", "head.logits")
        ('decoder.mlp.down', 'head.logits')
    """
    if operator.startswith(f"{block}."):
        return operator
    return ".".join(filter(None, (block, operator)))


def operator_labels(rows: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Short names of operators, with a word of the block where several blocks have an operator of that name.

    Args:
        rows: Pairs of a block and an operator.

    Examples:
        >>> list(operator_labels([("layer.local", "qkv"), ("layer.global", "qkv"), ("head", "norm")]).values())
        ['qkv (local)', 'qkv (global)', 'norm']
    """
    pairs = list(dict.fromkeys(rows))
    seen = Counter(operator for _, operator in pairs)
    return {
        (block, operator): operator if seen[operator] == 1 else f"{operator} ({block.rpartition('.')[2]})"
        for block, operator in pairs
    }
