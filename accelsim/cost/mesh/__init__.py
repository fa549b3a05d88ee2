"""Cost of operators on a wafer-scale mesh of cores with local SRAM only."""

from accelsim.cost.mesh.machine import MeshCost, MeshMachine, MeshParameters
from accelsim.cost.mesh.model import MeshCostModel, gemm_choices, mesh_machine

__all__ = ["MeshCost", "MeshCostModel", "MeshMachine", "MeshParameters", "gemm_choices", "mesh_machine"]
