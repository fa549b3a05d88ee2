"""What a cost model is: seconds, bytes and the limiting resource of one operator on a region of a chip's cores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar, Protocol

from accelsim.cost.cost import Cost
from accelsim.cost.residual import UNMEASURED_RUN, Residual
from accelsim.dtypes import DType
from accelsim.hardware.calibration import section_of
from accelsim.hardware.chip import Chip
from accelsim.registry import Registry
from accelsim.workload.operator import Operator

#: Kernels as they were measured, or the best that the machine allows, which is a prediction.
KERNELS = ("measured", "best")


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of a chip's cores, and the kernels that operators run with on it.

    Attributes:
        rows: Rows of cores.
        cols: Columns of cores.
        kernels: One of :data:`KERNELS`; only cost models that know several read it.
    """

    rows: int
    cols: int
    kernels: str = "measured"

    @property
    def num_cores(self) -> int:
        """Cores in the rectangle."""
        return self.rows * self.cols

    def __str__(self) -> str:
        return f"{self.rows}x{self.cols}"


class CostModel(Protocol):
    """Prices operators on one class of machine.

    Attributes:
        whole_run: How far whole runs lie from the sum of their operators on such machines; a plugin may leave it out.
        unread: Fields of the chip that change no figure of a run, by pattern of their key path, with the reason or what
            to set instead; see :func:`unread_remark`; a plugin may leave it out.
        reads_cache_as_queries: Whether a KV cache is priced in the type of the queries, whatever its own.
        fixed: Times and cycles of the calibration that a cause waits for whatever the sizes, as patterns of
            ``section.key``, by cause; a plugin may leave it out.
        needs: Keys of a chip's file that it cannot do without, beside those of every chip; a plugin may leave it out.
        needed_sections: Sections of the calibration for which nothing stands in; a plugin may leave it out.
    """

    reads_cache_as_queries: ClassVar[bool] = False
    whole_run: ClassVar[Residual] = UNMEASURED_RUN
    unread: ClassVar[Mapping[str, str]] = {}
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    needs: ClassVar[tuple[str, ...]] = ()
    needed_sections: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """Sections of the calibration that it reads, with the dataclass of their numbers."""
        return {}

    @classmethod
    def stand_ins(cls) -> Mapping[str, Any]:
        """Typical numbers of sections that price a chip without them, by section."""
        return {}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
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

    def costs(self, operators: Sequence[Operator], chip: Chip, region: Region) -> list[Cost]:
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


def with_stand_ins(chip: Chip) -> dict[str, Mapping[str, Any]]:
    """The chip's calibration, with the numbers that price it where it has none of its own."""
    stand_ins: Mapping[str, Any] = getattr(COST_MODELS.get(chip.cost_model), "stand_ins", dict)()
    return {name: section_of(parameters) for name, parameters in stand_ins.items()} | dict(chip.calibration)


def is_fixed(chip: Chip, cause: str, path: str) -> bool:
    """Whether ``cause`` waits for the time, or the cycles, at ``section.key`` of the calibration whatever the sizes.

    Args:
        chip: The chip.
        cause: A cause of time.
        path: Section and key.
    """
    fixed: Mapping[str, tuple[str, ...]] = getattr(COST_MODELS.get(chip.cost_model), "fixed", {})
    return any(fnmatchcase(path, pattern) for pattern in fixed.get(cause, ()))


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
