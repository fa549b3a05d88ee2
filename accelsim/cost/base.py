"""What a cost model is: seconds, bytes and the limiting resource of one operator on a region of a chip's cores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import ClassVar, Protocol

from accelsim.cost.residual import UNMEASURED, UNMEASURED_RUN, Residual
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.registry import Registry
from accelsim.workload.operator import Operator


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a chip's cores, in cores."""

    rows: int
    cols: int

    @property
    def num_cores(self) -> int:
        """Cores in the rectangle."""
        return self.rows * self.cols

    def __str__(self) -> str:
        return f"{self.rows}x{self.cols}"


@dataclass(frozen=True, slots=True)
class OperatorCost:
    """Cost of one operator run alone on a region.

    Attributes:
        work_s: Duration, launch overhead included, in seconds.
        traffic_bytes: Bytes moved per memory level or on-chip network, e.g. ``{"l2": ..., "hbm": ...}``.
        parts_s: ``work_s`` divided by cause (``compute``, a level's name, ``noc``, ``launch`` ...); sums to ``work_s``.
        limiter: The cause with the largest part.
        energy_j: Dynamic energy, in joules.
        warnings: Why this number should be trusted less (outside the calibrated range, unmodelled detail).
        detail: What the model chose (tile, split-K, waves ...), for explanation only.
        residual: How far measured times may lie from ``work_s``.
        tile_bytes: SRAM that one core must hold at once while the operator runs, its own weights and KV cache
            included; None if the model does not know.
    """

    work_s: float
    traffic_bytes: Mapping[str, float]
    parts_s: Mapping[str, float]
    limiter: str
    energy_j: float = 0.0
    warnings: tuple[str, ...] = ()
    detail: Mapping[str, float | str] = field(default_factory=dict)
    residual: Residual = UNMEASURED
    tile_bytes: float | None = None


def sum_costs(costs: Sequence[OperatorCost]) -> OperatorCost:
    """Cost of operators that run one after another: what a fused operator takes where no kernel fuses it."""
    parts: dict[str, float] = defaultdict(float)
    traffic: dict[str, float] = defaultdict(float)
    for cost in costs:
        for cause, seconds in cost.parts_s.items():
            parts[cause] += seconds
        for level, nbytes in cost.traffic_bytes.items():
            traffic[level] += nbytes
    longest = max(costs, key=lambda cost: cost.work_s)
    return OperatorCost(
        work_s=sum(cost.work_s for cost in costs),
        traffic_bytes=dict(traffic),
        parts_s=dict(parts),
        limiter=max(parts, key=parts.__getitem__),
        energy_j=sum(cost.energy_j for cost in costs),
        warnings=tuple(dict.fromkeys(warning for cost in costs for warning in cost.warnings)),
        detail=longest.detail,
        residual=longest.residual,
        tile_bytes=max((cost.tile_bytes for cost in costs if cost.tile_bytes is not None), default=None),
    )


class CostModel(Protocol):
    """Prices operators on one class of machine.

    Attributes:
        whole_run: How far whole runs lie from the sum of their operators on such machines; a plugin may leave it out.
        unread: Fields of the chip that change no figure of a run, by pattern of their key path, with the reason or what
            to set instead; see :func:`unread_remark`; a plugin may leave it out.
        reads_cache_as_queries: Whether a KV cache is priced in the type of the queries, whatever its own.
    """

    reads_cache_as_queries: ClassVar[bool] = False
    whole_run: ClassVar[Residual] = UNMEASURED_RUN
    unread: ClassVar[Mapping[str, str]] = {}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> OperatorCost:
        """Cost of ``operator`` on ``region`` of ``chip``.

        Args:
            operator: The operator.
            chip: The chip.
            region: The cores it runs on.

        Raises:
            ConfigError: The chip lacks a field or calibration the model needs.
            CapacityError: The operator cannot run on this region at all.
        """
        ...

    def costs(self, operators: Sequence[Operator], chip: Chip, region: Region) -> list[OperatorCost]:
        """Cost of each operator, run alone; a model whose formulas take arrays prices all of them together.

        Args:
            operators: The operators, of any kinds and extents.
            chip: The chip.
            region: The cores each runs on.

        Raises:
            ConfigError: As :meth:`cost`.
            CapacityError: As :meth:`cost`.
        """
        return [self.cost(operator, chip, region) for operator in operators]


def reads_cache_as_queries(chip: Chip) -> bool:
    """Whether the cost model of ``chip`` prices a KV cache in the type of the queries."""
    return bool(getattr(COST_MODELS.get(chip.cost_model), "reads_cache_as_queries", False))


def whole_run_residual(chip: Chip) -> Residual:
    """Of whole runs on ``chip``, beside the residuals of their operators."""
    found: Residual = getattr(COST_MODELS.get(chip.cost_model), "whole_run", UNMEASURED_RUN)
    return found


def unread_remark(chip: Chip, path: str, dtypes: Collection[DType]) -> str | None:
    """Why the field at a key path such as ``memories.hbm.latency`` changes no figure; None if it may.

    Args:
        chip: The chip.
        path: Key path in its file.
        dtypes: Element types of the run; ``{other}`` in a pattern stands for every other one.
    """
    section, _, last = path.rpartition(".")
    own = {dtype.value for dtype in dtypes}
    on_vector_unit = {dtype.value for dtype in dtypes if dtype not in chip.matrix_flops_per_cycle}
    if section == "vector_flops_per_cycle" and last in on_vector_unit:
        return None  # products run on the vector unit
    patterns: Mapping[str, str] = {**_NEVER_READ, **getattr(COST_MODELS.get(chip.cost_model), "unread", {})}
    for pattern, remark in patterns.items():
        is_other = "{other}" not in pattern or last not in own
        if is_other and fnmatchcase(path, pattern.replace("{other}", "*")):
            return remark
    return None


#: Fields that no cost model reads.
_NEVER_READ = {
    "published_cores": "it serves the checks of the file",
    "checks.*": "checks are not compared after an override",
    "matrix_flops_per_cycle.{other}": "the run computes in another type",
}
COST_MODELS: Registry[type[CostModel]] = Registry("cost model", "accelsim.cost")
register_cost_model = COST_MODELS.register
