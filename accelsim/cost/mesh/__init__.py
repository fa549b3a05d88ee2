"""Cost of operators on a wafer-scale mesh of cores with local SRAM only."""

from accelsim.cost.mesh.machine import Cost, MeshMachine, MeshParameters
from accelsim.cost.mesh.model import MeshCostModel, gemm_choices, mesh_machine

__all__ = ["Cost", "MeshCostModel", "MeshMachine", "MeshParameters", "gemm_choices", "mesh_machine"]
