"""Twisted tori: going around a dimension of extent k shifts the dimensions of extent 2k by k."""

from __future__ import annotations

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.optical.lattice import TwistedTorus, canonical_twist
from accelsim.network.topology.base import Topology, from_pairs, register_topology


@register_topology("twisted_torus")
def twisted_torus(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec) -> Topology:
    """Torus of extents k and 2k with shifted wraparound links, as circuit switches can set; equal extents: no shift.

    Routes are shortest; where several displacements are equally short, pairs of chips take them in turn.
    ``wrap`` is not used: a torus that is not joined at its ends cannot be twisted.
    """
    torus = TwistedTorus(shape, canonical_twist(shape))
    pairs: dict[tuple[int, int], None] = {}
    every = np.arange(torus.num_chips)
    for step in (sign * row for row in np.eye(len(shape), dtype=np.int64) for sign in (1, -1)):
        there = torus.nodes_at(torus.coordinates + step)
        pairs.update(dict.fromkeys(zip(every[there != every].tolist(), there[there != every].tolist(), strict=True)))
    return from_pairs(str(torus), torus.num_chips, list(pairs) or np.empty((0, 2)), link, torus.coordinates, torus.path)
