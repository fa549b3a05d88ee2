"""A public placement problem as the placers see it, and how its own rules judge a layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accelsim.mapping.placement.base import PlacementProblem
from accelsim.network.noc import Rectangle


@dataclass(frozen=True, eq=False)
class Instance:
    """One problem.

    Attributes:
        name: As in the literature.
        kind: Folder it comes from.
        problem: What is asked of a placer.
        value: What its own rules say of a layout.
        reference: The value to compare with.
        reference_is: What that is.
        note: What else is to be said of a layout; empty if nothing.
    """

    name: str
    kind: str
    problem: PlacementProblem
    value: Callable[[Sequence[Rectangle]], float]
    reference: float
    reference_is: str
    note: Callable[[Sequence[Rectangle]], str]
