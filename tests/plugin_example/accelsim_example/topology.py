"""A topology: a ring with a chord from each chip to the one across."""

from __future__ import annotations

import math

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import DisjointRings, Topology, from_pairs, register_topology


@register_topology("chordal_ring")
def chordal_ring(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Each chip is joined to both neighbours and to the chip half way round; routes are shortest ones.

    Args:
        shape: Chips, per dimension.
        wrap: Not used: a ring wraps.
        link: What every link is.
    """
    num_chips = math.prod(shape)
    steps = (1, -1, num_chips // 2, -(num_chips // 2))
    pairs = {(chip, (chip + step) % num_chips) for chip in range(num_chips) for step in steps}
    links = sorted((src, dst) for src, dst in pairs if src != dst)
    rings = DisjointRings(2 if num_chips > 2 else 1)  # one each way round
    return from_pairs(f"chordal ring {num_chips}", np.arange(num_chips)[:, None].copy(), links, link, None, rings)
