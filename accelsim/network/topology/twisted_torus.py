"""Twisted torus: going round one dimension moves on along another."""

from __future__ import annotations

import math

import numpy as np

from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import DisjointRings, Topology, from_pairs, register_topology
from accelsim.network.topology.routing import with_ecmp


@register_topology("twisted_torus")
def twisted_torus(
    shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, twist: int | None = None, seed: int = 0
) -> Topology:
    """A torus whose wraparound links in all but the last dimension shift the last coordinate by ``twist``.

    Default: the extent of the first dimension, as in the k x 2k and k x k x 2k tori of TPU v4. All dimensions wrap.
    Routes are shortest ones, spread over equal ones by ``seed``.

    Args:
        shape: Extents, the twisted dimension last.
        wrap: Not read, all dimensions wrap.
        link: Every link between neighbours, twisted or not.
        twist: Places by which a wraparound moves on along the last dimension; None: the first extent.
        seed: Spreads routes over shortest ones.

    Source:
        Camara et al., *Twisted torus topologies for enhanced interconnection networks*, IEEE TPDS 21, 2010;
        Jouppi et al., *TPU v4*, ISCA 2023, section 2.9.
    """
    shift = shape[0] if twist is None else twist
    index = np.arange(math.prod(shape)).reshape(shape)
    cables = [np.empty((0, 2), dtype=np.int64)]
    for axis, extent in enumerate(shape):
        if extent == 1:
            continue
        after = np.roll(index, -1, axis).copy()
        if axis < len(shape) - 1:
            last = [slice(None)] * len(shape)
            last[axis] = slice(extent - 1, extent)
            after[tuple(last)] = np.roll(after[tuple(last)], -shift, -1)
        cables.append(np.stack([index.ravel(), after.ravel()], 1))
    pairs = np.concatenate(cables)
    both = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0)
    both = both[both[:, 0] != both[:, 1]]
    places = np.stack(np.unravel_index(index.ravel(), shape), 1)
    rings = 2 if index.size > 2 and index.size % 2 == 0 and sum(n > 1 for n in shape) > 1 else 1
    hops = 1 if rings == 2 or index.size < 3 else index.size - 1
    return with_ecmp(
        from_pairs(f"twisted torus {'x'.join(map(str, shape))}", places, both, link, rings=DisjointRings(rings, hops)),
        seed,
    )
