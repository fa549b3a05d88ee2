"""Costs of one operator in every step of a series, as columns instead of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from accelsim.cost.causes import POWER_LIMIT
from accelsim.cost.cost import Cost

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class CostColumns:
    """What :class:`~accelsim.cost.base.Cost` says of one step, for N steps. float64[N] each.

    Attributes:
        work_s: Durations.
        traffic_bytes: Bytes by memory level.
        parts_s: ``work_s`` by cause.
        energy_j: Dynamic energy.
        rest_s: As of :class:`~accelsim.cost.cost.Cost`.
    """

    work_s: FloatArray
    traffic_bytes: Mapping[str, FloatArray]
    parts_s: Mapping[str, FloatArray]
    energy_j: FloatArray
    rest_s: FloatArray

    @classmethod
    def of(cls, costs: Sequence[Cost]) -> Self:
        """The columns of costs that were found one by one."""
        return cls(
            work_s=np.array([cost.work_s for cost in costs]),
            traffic_bytes=_columns([cost.traffic_bytes for cost in costs]),
            parts_s=_columns([cost.parts_s for cost in costs]),
            energy_j=np.array([cost.energy_j for cost in costs]),
            rest_s=np.array([cost.rest_s for cost in costs]),
        )

    def at(self, step: int) -> Cost:
        """The figures of one step, without what a cost model says beside them."""
        parts_s = {
            cause: float(column[step]) for cause, column in self.parts_s.items() if cause != POWER_LIMIT or column[step]
        }
        return Cost(
            work_s=float(self.work_s[step]),
            traffic_bytes={level: float(column[step]) for level, column in self.traffic_bytes.items()},
            parts_s=parts_s,
            limiter=max(parts_s, key=parts_s.__getitem__),
            energy_j=float(self.energy_j[step]),
            rest_s=float(self.rest_s[step]),
        )


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, FloatArray]:
    return {name: np.array([row.get(name, 0.0) for row in rows]) for name in dict.fromkeys(n for r in rows for n in r)}
