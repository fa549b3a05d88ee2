"""Blocks onto regions of one chip: the weights of a block stay in its region's SRAM, a token visits them in turn.

Blocks are laid down in model order, each region filled before the next is opened: with weights, KV cache and the
activations of the block that holds most of them.  Regions are counted by cores,
not packed as rectangles: the last ones may be folded into the strips the first ones leave
(docs/assumptions.md#region-count).
"""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.cost.base import KERNELS, Region
from accelsim.errors import PlanError
from accelsim.hardware.chip import Chip
from accelsim.mapping.footprint import activation_peaks, kv_cache_bytes
from accelsim.mapping.plan import Plan
from accelsim.mapping.plan_keys import format_region
from accelsim.workload.graph import Workload


@dataclass(frozen=True, slots=True)
class RegionLayout:
    """How many regions the blocks fill.

    Attributes:
        region: Rows and columns of cores each operator spans.
        num_regions: Regions the blocks need.
        available: Regions the chip has cores for.
        largest_block_bytes: Most bytes one block brings.
        region_bytes: SRAM of one region.
    """

    region: Region
    num_regions: int
    available: int
    largest_block_bytes: int
    region_bytes: int

    @property
    def fits(self) -> bool:
        """Whether the chip has cores for all regions and each block fits one."""
        return self.num_regions <= self.available and self.largest_block_bytes <= self.region_bytes


def region_of(plan: Plan, chip: Chip) -> Region:
    """The cores an operator spans: the plan's region or the whole grid.

    Args:
        plan: Its ``region`` is rows and columns of cores, or None.
        chip: The chip with its grid.

    Raises:
        PlanError: The region is larger than the grid.
    """
    rows, cols = chip.core_grid
    kernels = plan.kernels or KERNELS[0]
    if plan.region is None:
        return Region(rows, cols, kernels)
    if plan.region[0] > rows or plan.region[1] > cols:
        grid = format_region(chip.core_grid)
        raise PlanError(f"plan: region={format_region(plan.region)} is larger than the {grid} cores of {chip.name}.")
    return Region(plan.region[0], plan.region[1], kernels)


def lay_out(workload: Workload, chip: Chip, plan: Plan) -> RegionLayout:
    """Regions that the blocks of one rank's share fill when weights and KV cache stay in SRAM.

    Args:
        workload: One rank's share of the last pass.
        chip: The chip with its SRAM per core.
        plan: Its ``region`` is the size of each.
    """
    region = region_of(plan, chip)
    region_bytes = region.num_cores * chip.sram_per_core_bytes
    num_regions, used, buffers, largest = 1, 0, 0, 0
    for segment, activations in zip(workload.segments, activation_peaks(workload), strict=True):
        resident = sum(tensor.size_bytes for tensor in segment.graph.weights) + kv_cache_bytes(segment.graph)
        largest = max(largest, resident + activations)
        for _ in range(segment.repeat):
            if used + resident + max(buffers, activations) > region_bytes:
                num_regions, used, buffers = num_regions + 1, 0, 0
            used, buffers = used + resident, max(buffers, activations)
    return RegionLayout(region, num_regions, max(1, chip.num_cores // region.num_cores), largest, region_bytes)
