"""Calibrated numbers under which nothing is lost, so that a test states only those it is about."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, TypeVar

P = TypeVar("P")


def ideal(kind: type[P], **stated: Any) -> P:
    """Parameters with efficiencies and shares of 1 and no seconds and fractions, those stated aside."""
    found = dict(stated)
    for one in fields(kind):  # type: ignore[arg-type]
        if one.name not in found and one.default is MISSING:
            found[one.name] = 1.0 if one.name.endswith(("_efficiency", "_share")) else _nothing(one.name)
    return kind(**found)


def _nothing(name: str) -> float:
    assert name.endswith(("_s", "_fraction")), f"state {name}"
    return 0.0
