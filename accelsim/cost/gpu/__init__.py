"""GPU cost model: tiles and waves of cores that share an L2 and a main memory."""

from accelsim.cost.gpu.model import GpuCostModel

__all__ = ["GpuCostModel"]
