"""A measured time beside the predicted one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Compared:
    """One measured row with its prediction."""

    name: str
    measured_s: float
    predicted_s: float

    @property
    def error(self) -> float:
        """Signed, relative to the measurement."""
        return self.predicted_s / self.measured_s - 1
