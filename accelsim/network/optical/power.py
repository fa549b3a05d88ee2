"""Power of a machine that burns while nothing runs: chips, and the links whose lasers are on."""

from __future__ import annotations

from accelsim.hardware.system import System
from accelsim.network.topology import build_topology


def idle_w(system: System, num_chips: int) -> float:
    """Idle power of ``num_chips`` chips and of their links at every level in use, in watts.

    A link counts once per direction; of a level's links each chip has an equal share. Light over the cores depends on
    what a run sends (:func:`accelsim.mapping.lit.lit_w`). Not modelled: switches, hosts.

    Args:
        system: The machine with its links of light.
        num_chips: Chips in use.
    """
    per_chip_w = system.chip.idle_w
    for level in system.levels.values():
        if level.link.static_w:
            per_chip_w += build_topology(level).num_links / level.size * level.link.static_w
    return per_chip_w * num_chips
