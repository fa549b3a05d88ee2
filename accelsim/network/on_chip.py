"""What carries activations between operators on a chip: its electrical mesh, or an optical layer that is to."""

from __future__ import annotations

from accelsim.hardware.chip import Chip
from accelsim.network.noc.coarse import CoarseMesh, coarse_topology
from accelsim.network.optical.layer import optical_layer


def on_chip_network(chip: Chip, block: int = 1) -> CoarseMesh:
    """The optical layer of ``chip`` in its clusters, or its mesh in blocks of ``block`` x ``block`` cores.

    Args:
        chip: The chip with its network.
        block: Side of a block of cores that the engine sees as one node; an optical layer has clusters of its own.

    Raises:
        ConfigError: The chip has no on-chip network, the block is not positive, or light does not cross the chip.
    """
    if chip.noc is not None and chip.noc.optical is not None and chip.noc.optical.transfers == "optical":
        return optical_layer(chip)
    return coarse_topology(chip, block)
