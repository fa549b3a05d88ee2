"""Seconds and SRAM of one group on one rectangle for one unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Role


@dataclass(frozen=True, slots=True, eq=False)
class GroupPrice:
    """A group's operators one after another on its rectangle.

    Attributes:
        costs: Of each operator.
        work_s: Their sum.
        parts_s: ``work_s`` by cause.
        scratch_bytes: SRAM of one tile that the hungriest operator needs beside what stays there.
        short_bytes: SRAM that one tile lacks; 0 if the group fits.
    """

    costs: tuple[Cost, ...]
    work_s: float
    parts_s: Mapping[str, float]
    scratch_bytes: float
    short_bytes: float


class GroupPricer:
    """Prices groups by the chip's cost model with the SRAM that the group's other tenants leave; remembers operators.

    What stays (weights, KV cache, buffers of the streams) is spread evenly over the rectangle.  The tile of an
    operator counts its own weights already, so these are not counted twice.

    Not modelled: uneven spread of weights over the tiles, code and stack of a tile.
    """

    def __init__(self, chip: Chip, kernels: str = "measured") -> None:
        self._kernels = kernels
        self._chip = chip
        self._model = COST_MODELS.get(chip.cost_model)()
        self._costs: dict[tuple[Operator, Region, float], Cost] = {}

    def price(
        self, operators: tuple[Operator, ...], region: Region, resident_bytes: int, buffer_bytes: int
    ) -> GroupPrice:
        """Price of ``operators`` in a row on ``region``.

        Args:
            operators: Of one unit.
            region: The rectangle.
            resident_bytes: Weights and KV cache of the group.
            buffer_bytes: Buffers of the activations that come in and go out.
        """
        held = (resident_bytes + buffer_bytes) / region.num_cores
        sram = self._chip.sram_per_core_bytes
        costs, scratch = [], 0.0
        for operator in operators:
            own = _own_bytes(operator) / region.num_cores
            cost = self._cost(operator, region, max(1.0, sram - held + own))
            costs.append(cost)
            scratch = max(scratch, _tile_bytes(cost, operator, region) - own)
        parts_s: dict[str, float] = {}
        for cost in costs:
            for cause, seconds in cost.parts_s.items():
                parts_s[cause] = parts_s.get(cause, 0.0) + seconds
        return GroupPrice(
            tuple(costs), sum(cost.work_s for cost in costs), parts_s, scratch, max(0.0, held + scratch - sram)
        )

    def _cost(self, operator: Operator, region: Region, free_bytes: float) -> Cost:
        key = operator, region, free_bytes
        cost = self._costs.get(key)
        if cost is None:
            chip = self._chip.model_copy(update={"sram_per_core_bytes": free_bytes})
            cost = self._costs[key] = self._model.cost(operator, chip, replace(region, kernels=self._kernels))
        return cost


def between(left: GroupPrice, right: GroupPrice, fraction: float) -> GroupPrice:
    """The price ``fraction`` of the way from ``left`` to ``right``; operators whose cost is the same stay as they are.

    Only what depends on the cached tokens differs along a stream, and it grows about linearly with them.

    Args:
        left: Price with the fewer cached tokens.
        right: Price with the more cached tokens.
        fraction: 0 is ``left``, 1 is ``right``.
    """
    costs = tuple(a if a is b else _cost_between(a, b, fraction) for a, b in zip(left.costs, right.costs, strict=True))
    return GroupPrice(
        costs,
        _mix(left.work_s, right.work_s, fraction),
        _mix_all(left.parts_s, right.parts_s, fraction),
        _mix(left.scratch_bytes, right.scratch_bytes, fraction),
        _mix(left.short_bytes, right.short_bytes, fraction),
    )


def _cost_between(left: Cost, right: Cost, fraction: float) -> Cost:
    return Cost(
        work_s=_mix(left.work_s, right.work_s, fraction),
        traffic_bytes=_mix_all(left.traffic_bytes, right.traffic_bytes, fraction),
        parts_s=_mix_all(left.parts_s, right.parts_s, fraction),
        limiter=(left if fraction < 0.5 else right).limiter,
        energy_j=_mix(left.energy_j, right.energy_j, fraction),
        warnings=right.warnings,
        detail=right.detail,
        tile_bytes=_mix_known(left.tile_bytes, right.tile_bytes, fraction),
        residual=max((left.residual, right.residual), key=lambda residual: residual.log_deviation),
        light_w=max(left.light_w, right.light_w),
    )


def _mix(left: float, right: float, fraction: float) -> float:
    return left + (right - left) * fraction


def _mix_known(left: float | None, right: float | None, fraction: float) -> float | None:
    return None if left is None or right is None else _mix(left, right, fraction)


def _mix_all(left: Mapping[str, float], right: Mapping[str, float], fraction: float) -> dict[str, float]:
    return {key: _mix(left.get(key, 0.0), right.get(key, 0.0), fraction) for key in {**left, **right}}


def _own_bytes(operator: Operator) -> int:
    """Resident bytes that the tile of ``operator`` holds itself; of an embedding table only rows are copied out."""
    if operator.kind == "embedding":
        return 0
    resident = (Role.WEIGHT, Role.KV_CACHE)
    return sum(tensor.size_bytes for tensor in operator.inputs if tensor.role in resident)


def _tile_bytes(cost: Cost, operator: Operator, region: Region) -> float:
    """SRAM of one tile: as the cost model says, else operands and results spread evenly."""
    if cost.tile_bytes is not None:
        return cost.tile_bytes
    return (operator.reads + operator.writes) / region.num_cores
