"""The error tree: every failure a user can cause is one of these, with where, what, allowed and how to fix."""

from __future__ import annotations

import math


class AccelsimError(Exception):
    """Base of every error accelsim raises on purpose; the CLI prints its text without a traceback."""


class ConfigError(AccelsimError, ValueError):
    """An input file, option or override is wrong; the text names file, line, key and remedy."""


class UnitError(ConfigError):
    """A quantity has no unit, an unknown unit, or a unit of another dimension."""


class PlanError(ConfigError):
    """A plan does not fit the model or the system, e.g. ``tp`` does not divide the heads."""


class ShapeError(AccelsimError, ValueError):
    """An extent of a tensor or operator is impossible."""


class PlacementError(AccelsimError):
    """Operators or ranks cannot be put where they were asked to be."""


class CapacityError(PlacementError):
    """Something does not fit a memory; the text names what, where, by how much and what would fit.

    Attributes:
        short_bytes: Bytes that are missing in the memory that is fullest; infinite where they were not counted.
    """

    def __init__(self, text: str, short_bytes: float = math.inf) -> None:
        super().__init__(text)
        self.short_bytes = short_bytes


class RoutingError(AccelsimError):
    """There is no route between two endpoints."""


#: What says that one plan does not suit or does not fit: another one may.
REFUSALS = (PlanError, PlacementError, RoutingError)


class DeadlockError(AccelsimError):
    """A run cannot finish; the text names the tasks that wait on each other."""


class VerificationError(AccelsimError):
    """A result breaks a conservation law: a bug of accelsim, please report it with the graph."""


class AccelsimWarning(UserWarning):
    """A result is right but leaves the range in which the model was validated."""
