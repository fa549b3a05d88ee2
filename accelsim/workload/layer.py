"""What tells one layer of a model from another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """What tells one layer of a model from another.

    Attributes:
        name: Name of its graph: ``decoder``, or ``decoder.`` and what distinguishes it in this model.
        block: Member of the block registry that builds it.
        window: Positions a token attends to at most; None: all.
        attention: Member of the attention registry that its block computes.
        wide: Products whose weights its checkpoint leaves wide, where those of other layers are quantised.
    """

    name: str
    block: str
    window: int | None = None
    attention: str = "grouped"
    wide: frozenset[str] = frozenset()
