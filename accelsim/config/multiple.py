"""Multiples of a present value: ``2x`` of ``3.35 TB/s`` is ``6.70 TB/s``."""

from __future__ import annotations

import re
from decimal import Decimal

_MULTIPLE = re.compile(r"\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*x\s*")
_NUMBER = re.compile(r"\s*([-+]?[0-9][0-9_]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?)(\s*[^0-9\s].*|\s*)", re.DOTALL)


def multiple_of(text: str) -> Decimal | None:
    """The factor that ``2x`` or ``0.5x`` states; None for a text that states a value itself.

    Examples:
        >>> multiple_of("2x"), multiple_of("480x480"), multiple_of("2 GHz")
        (Decimal('2'), None, None)
    """
    found = _MULTIPLE.fullmatch(text)
    return None if found is None else Decimal(found[1])


def multiplied(text: str, factor: Decimal) -> str:
    """The number in front of a text times a factor, with the rest of the text.

    Args:
        text: A number, with or without a unit.
        factor: What it is multiplied by.

    Raises:
        ValueError: The text does not start with a number.

    Examples:
        >>> multiplied("3.35 TB/s", Decimal(2)), multiplied("32", Decimal("0.5"))
        ('6.70 TB/s', '16')
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"the present value {text!r} is no number to multiply.")
    product = Decimal(found[1].replace("_", "")) * factor
    whole = product == product.to_integral_value()
    return f"{int(product) if whole and '.' not in found[1] and 'e' not in found[1].lower() else product}{found[2]}"
