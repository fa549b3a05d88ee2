"""Networks of light: wavelengths on shared waveguides, circuits through switches, and shapes of optical tori.

``wavelengths`` colours light paths; ``matching`` cuts a traffic matrix into circuits and ``circuits`` puts them on the
timeline; ``policy`` compares when to reconfigure; ``lattice`` knows twisted tori and ``search`` picks the best one.
"""

from accelsim.network.optical.circuits import changed_circuits, circuit_graph
from accelsim.network.optical.lattice import TwistedTorus, canonical_twist
from accelsim.network.optical.matching import CircuitSlot, cut_into_slots, static_circuits
from accelsim.network.optical.policy import Break, PolicyReport, break_even_bytes, compare_policies
from accelsim.network.optical.search import TorusChoice, rank_tori, torus_shapes
from accelsim.network.optical.wavelengths import Assignment, LightPath, assign_wavelengths, bus_paths, ring_paths

__all__ = [
    "Assignment",
    "Break",
    "CircuitSlot",
    "LightPath",
    "PolicyReport",
    "TorusChoice",
    "TwistedTorus",
    "assign_wavelengths",
    "break_even_bytes",
    "bus_paths",
    "canonical_twist",
    "changed_circuits",
    "circuit_graph",
    "compare_policies",
    "cut_into_slots",
    "rank_tori",
    "ring_paths",
    "static_circuits",
    "torus_shapes",
]
