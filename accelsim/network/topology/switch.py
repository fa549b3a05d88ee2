"""One non-blocking switch."""

from __future__ import annotations

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import Topology, one_dimension, register_topology


@register_topology("switch")
def switch(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Every chip has one port, a link up and a link down, on a switch that never blocks inside.

    Half the latency of ``link`` is on the way up, half on the way down. Links ``0 .. n-1`` lead up, ``n .. 2n-1`` down.
    Not modelled: buffers, several switches in parallel with traffic unequal among them.

    Args:
        shape: The number of ports in use, in one dimension.
        wrap: Not read, there is no way round.
        link: A chip's port, and the latency through the switch from port to port.
    """
    chips = np.arange(one_dimension("switch", shape))
    extent = len(chips)
    hub = np.full(extent, extent)

    return Topology(
        name=f"switch {extent}",
        num_chips=extent,
        num_nodes=extent + 1,
        src=np.concatenate([chips, hub]),
        dst=np.concatenate([hub, chips]),
        capacity_bytes_per_s=np.full(2 * extent, link.bandwidth_bytes_per_s),
        latency_s=np.full(2 * extent, link.latency_s / 2),
        coordinates=chips[:, None].copy(),
        path=lambda src, dst: [src, dst] if extent in (src, dst) else [src, extent, dst],
    )
