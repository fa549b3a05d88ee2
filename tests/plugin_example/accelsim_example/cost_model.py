"""A cost model: that of GPUs, which also knows the price of the running mean; a chip names it by ``cost_model``."""

from __future__ import annotations

from accelsim.cost.base import OperatorCost, Region, register_cost_model
from accelsim.cost.gpu.model import GpuCostModel
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator
from accelsim_example.operator import RunningMean

LAUNCH_S = 2e-6  # assumed: a small kernel in a captured graph


@register_cost_model("gpu_smoothed")
class SmoothedGpuCostModel(GpuCostModel):
    """GPUs, and a kernel that streams rows through main memory at its peak.

    Not modelled of that kernel: the L2, rows too short to fill the chip.
    """

    def cost(self, operator: Operator, chip: Chip, region: Region) -> OperatorCost:
        """Bytes over the bandwidth of main memory, behind a launch; other operators as on any GPU.

        Raises:
            ConfigError: As :meth:`GpuCostModel.cost`.
            CapacityError: As :meth:`GpuCostModel.cost`.
        """
        if operator.kind != RunningMean.kind:
            return super().cost(operator, chip, region)
        memory, nbytes = chip.main_memory, float(operator.reads + operator.writes)
        parts_s = {"launch": LAUNCH_S, memory: nbytes / chip.main_memory_bandwidth_bytes_per_s}
        return OperatorCost(
            work_s=sum(parts_s.values()),
            traffic_bytes={memory: nbytes},
            parts_s=parts_s,
            limiter=max(parts_s, key=lambda cause: parts_s[cause]),
            energy_j=operator.flops * chip.vector_energy_j_per_flop + nbytes * chip.memories[memory].energy_j_per_byte,
        )
