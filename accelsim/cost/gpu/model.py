"""The ``gpu`` cost model: an operator on some cores of a GPU as the kernels a library would launch for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.columns import CostColumns
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.kernels.base import Families, in_groups
from accelsim.cost.gpu.machine import CacheParameters
from accelsim.cost.gpu.site import Site
from accelsim.cost.residual import KERNEL_STACK, Residual
from accelsim.errors import CapacityError
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator
from accelsim.workload.steps import OperatorSeries

_LATENCIES = ("wave", "tile", "kernel", "split", "split_k", "gather", "regroup", "single_row", "wide_head")
_BASIC = ("gemm", "attention_prefill", "attention_decode", "moe", "rowwise", "reduction", "elementwise")


@register_cost_model("gpu")
class GpuCostModel(CostModel):
    """Prices operators on a GPU by tiles, waves and bytes; a file of ``kernels/`` per family has the formulas.

    Operands: weights and the KV cache come from main memory; activations are in the L2 as far as they fit, because
    the operator before has just written them.  ``work_s`` is a kernel in a captured graph, its launch included.

    Where a kernel would pass the power limit its clock falls (:mod:`accelsim.cost.power_limit`).

    Not modelled: contention with other kernels, sparsity, fusion.
    """

    whole_run: ClassVar[Residual] = KERNEL_STACK
    needs: ClassVar[tuple[str, ...]] = ("memories",)
    fixed: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "launch": ("*.launch", "*.quantize_launch", "*.route"),
        "latency": tuple(f"*.{key}" for key in _LATENCIES),
    }
    unread: ClassVar[Mapping[str, str]] = {
        "launch": "kernels launch as calibrated: set chip.calibration.SECTION.launch",
        "sram_per_core": "tiles are those of the library: set chip.calibration.gemm.tile_rows and tile_cols",
        "sram_bandwidth_per_core": "operands come from the L2: set chip.memories.l2.bandwidth",
        "memories.*.latency": "latencies are in the calibrated times: set chip.calibration.SECTION",
        "vector_flops_per_cycle.*": "row kernels are priced by their bytes",
    }

    @classmethod
    def sections(cls) -> Mapping[str, type[Any]]:
        """Those of all kernel families, each with its ``_range``, and that of the cache."""
        found: dict[str, type[Any]] = {"l2": CacheParameters}
        for section in Families.known().sections:
            found |= {section.name: section.parameters, f"{section.name}_range": section.range}
        return found

    @classmethod
    def stand_ins(cls) -> Mapping[str, Any]:
        """Typical numbers of the kernels that every inference has."""
        return {one.name: one.typical for one in Families.known().sections if one.name in _BASIC}

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of one operator; see :meth:`costs`.

        Args:
            operator: The operator.
            chip: The chip.
            region: The cores it runs on.
        """
        return self.costs([operator], chip, region)[0]

    def costs(self, operators: Sequence[Operator], chip: Chip, region: Region) -> list[Cost]:
        """Costs of operators that each run alone on ``region`` of ``chip``; one call per kernel family.

        Args:
            operators: The operators, of any kinds and extents.
            chip: The chip.
            region: The cores.

        Raises:
            ConfigError: The chip lacks an L2 or a main memory, does not run an element type, or an operator is none
                a core runs (a collective).
            CapacityError: The region has more cores than the chip.
        """
        if region.num_cores > chip.num_cores:
            name = operators[0].name if operators else "no operator"
            raise CapacityError(f"{name}: region {region} has more cores than chip {chip.name} ({chip.num_cores}).")
        families, site = Families.known(), Site.of(chip, region.num_cores)
        return in_groups(
            operators, families.of_operator, lambda alike: families.of_operator(alike[0]).costs(alike, site)
        )

    def series(self, operators: OperatorSeries, chip: Chip, region: Region) -> CostColumns | None:
        """Costs of an operator in every step of a decode, in few calls; None where its family prices no series.

        Args:
            operators: The operator in each step.
            chip: The chip.
            region: The cores.

        Raises:
            ConfigError: As :meth:`costs`.
        """
        ends = operators.at(0), operators.at(operators.count - 1)
        first, last = (Families.known().of_operator(op) for op in ends)
        found = first.series(operators, Site.of(chip, region.num_cores)) if type(first) is type(last) else None
        if found is None:
            return None
        # Both ends are priced by the definition too: whatever it knows and these columns do not would show there.
        alone = self.costs(ends, chip, region)
        columns = [(one.work_s, one.traffic_bytes, one.parts_s) for one in (found.at(0), found.at(-1))]
        return found if columns == [(one.work_s, one.traffic_bytes, one.parts_s) for one in alone] else None
