"""A link from every chip to every other."""

from __future__ import annotations

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import DisjointRings, Topology, from_pairs, one_dimension, register_topology


@register_topology("fully_connected")
def fully_connected(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Every chip has a link of its own to every other; ``link`` is one of those links, not the sum of them.

    Its n (n - 1) links decompose into n - 1 directed rings, except for 4 and 6 chips, which have one ring fewer here.

    Args:
        shape: How many chips, in one dimension.
        wrap: Not read, all chips are neighbours.
        link: The link of one pair, not a chip's sum.

    Source:
        Tillson, *A Hamiltonian decomposition of K*_2m, 2m >= 8*, J. Combinatorial Theory B, 1980.
    """
    extent = one_dimension("fully connected topology", shape)
    pairs = np.argwhere(~np.eye(extent, dtype=bool))
    rings = DisjointRings(max(1, extent - 1 - (extent in (4, 6))))
    name, places = f"fully connected {extent}", np.arange(extent)[:, None]
    return from_pairs(name, places, pairs, link, lambda src, dst: [src, dst], rings)
