"""A cost model: any operator at the peaks of the chip; a chip names it by ``cost_model: roofline``."""

from __future__ import annotations

from accelsim.cost.base import CostModel, Region, register_cost_model
from accelsim.cost.cost import Cost
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator


@register_cost_model("roofline")
class RooflineCostModel(CostModel):
    """Arithmetic at the peak of the cores or bytes at that of main memory, whichever takes longer.

    A bound that no machine beats.  Not modelled: everything else.
    """

    def cost(self, operator: Operator, chip: Chip, region: Region) -> Cost:
        """Cost of ``operator`` on ``region`` of ``chip``.

        Args:
            operator: Any operator that a core runs; each operand is read once, each result written once.
            chip: The chip; arithmetic runs at its fastest type.
            region: Cores at work; the bandwidth of main memory is theirs alone.
        """
        memory, nbytes = chip.main_memory, float(operator.reads + operator.writes)
        fastest = max(chip.peak_flops_per_s(dtype, region.num_cores) for dtype in chip.matrix_flops_per_cycle)
        times_s = {"compute": operator.flops / fastest, memory: nbytes / chip.main_memory_bandwidth_bytes_per_s}
        limiter = max(times_s, key=lambda cause: times_s[cause])
        return Cost(times_s[limiter], {memory: nbytes}, {limiter: times_s[limiter]}, limiter)
