"""Work dealt in equal shares."""

from __future__ import annotations

from typing import Any


def ceil_div(extent: Any, parts: Any) -> Any:
    """Largest share when ``extent`` is dealt to ``parts``: the quotient rounded up, of numbers or arrays.

    Args:
        extent: What is dealt, a number or an array.
        parts: To how many, at least 1.
    """
    return -(-extent // parts)
