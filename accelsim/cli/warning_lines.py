"""Warnings on a screen: one line per kind, without the operators that they concern."""

from __future__ import annotations

import re
from collections.abc import Iterable

from accelsim.warning import warning_id

#: Operators named in parentheses at the end of a warning.
_OPERATORS = re.compile(r" \(([^()]*)\)$")


def one_per_kind(warnings: Iterable[str]) -> list[str]:
    """The first warning of each kind, with how many more there are; they are listed by ``-v``.

    Examples:
        >>> one_per_kind(["idle-chips: 6 of 8 chips are idle", "wider-band: wider by a", "wider-band: wider by b (x)"])
        ['idle-chips: 6 of 8 chips are idle', 'wider-band: wider by a; and 1 more, see -v']
    """
    kinds: dict[str, list[str]] = {}
    for text in warnings:
        kinds.setdefault(warning_id(text) or text, []).append(text)
    return [_line(texts) for texts in kinds.values()]


def _line(texts: list[str]) -> str:
    shown = _OPERATORS.sub("", texts[0]) if warning_id(texts[0]) else texts[0]
    return f"{shown}; and {len(texts) - 1} more, see -v" if len(texts) > 1 else shown
