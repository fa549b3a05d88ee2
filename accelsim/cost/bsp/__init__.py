"""Cost of operators on bulk-synchronous machines of many tiles (Graphcore IPU)."""

from accelsim.cost.bsp.machine import BspMachine, BspParameters, Cost, bsp_machine
from accelsim.cost.bsp.model import BspCostModel

__all__ = ["BspCostModel", "BspMachine", "BspParameters", "Cost", "bsp_machine"]
