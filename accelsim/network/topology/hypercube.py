"""Hypercube: chips whose numbers differ in one bit are joined."""

from __future__ import annotations

import math

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import DisjointRings, Topology, from_pairs, register_topology


@register_topology("hypercube")
def hypercube(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """``log2(n)`` links per chip; routes correct the lowest bit that differs first.

    Its links decompose into rings through all chips: two directed ones per two bits.

    Args:
        shape: Extents whose product is the number of chips.
        wrap: Not read, an extent of two has no way round.
        link: Each of a chip's ``log2(n)`` links.

    Raises:
        ConfigError: The number of chips is no power of two.

    Source:
        Alspach, Bermond, Sotteau, *Decomposition into cycles I: Hamilton decompositions*, 1990.
    """
    num_chips = math.prod(shape)
    bits = num_chips.bit_length() - 1
    if num_chips != 1 << bits:
        raise ConfigError(f"a hypercube has a power of two of chips, got {num_chips}. Write e.g. 'size: 16'.")
    chips = np.arange(num_chips)
    pairs = np.concatenate([np.empty((0, 2), np.int64), *(np.stack([chips, chips ^ 1 << b], 1) for b in range(bits))])

    def path(src: int, dst: int) -> list[int]:
        nodes = [src]
        for bit in range(bits):
            if (src ^ dst) >> bit & 1:
                nodes.append(nodes[-1] ^ 1 << bit)
        return nodes

    places = (chips[:, None] >> np.arange(max(1, bits)) & 1).astype(np.int64)
    return from_pairs(f"hypercube {num_chips}", places, pairs, link, path, DisjointRings(2 * (bits // 2) or 1))
