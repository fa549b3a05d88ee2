"""Networks of light: wavelengths on shared waveguides, circuits through switches, and shapes of optical tori.

``wavelengths`` colours light paths; ``matching`` cuts a traffic matrix into circuits and ``circuits`` puts them on the
timeline; ``policy`` compares when to reconfigure; ``lattice`` knows twisted tori and ``search`` picks the best one.
"""

from accelsim.network.optical.lattice import TwistedTorus, canonical_twist
from accelsim.network.optical.search import TorusChoice, rank_tori, torus_shapes
from accelsim.network.optical.wavelengths import Assignment, LightPath, assign_wavelengths, bus_paths, ring_paths

__all__ = [
    "Assignment",
    "LightPath",
    "TorusChoice",
    "TwistedTorus",
    "assign_wavelengths",
    "bus_paths",
    "canonical_twist",
    "rank_tori",
    "ring_paths",
    "torus_shapes",
]
