"""Systolic cost model: TPU-like cores."""

from accelsim.cost.systolic.model import SystolicCost as SystolicCost
