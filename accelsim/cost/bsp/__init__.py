"""Cost of operators on bulk-synchronous machines of many tiles (Graphcore IPU)."""

from accelsim.cost.bsp.machine import BspCost, BspMachine, BspParameters, bsp_machine
from accelsim.cost.bsp.model import BspCostModel

__all__ = ["BspCost", "BspCostModel", "BspMachine", "BspParameters", "bsp_machine"]
