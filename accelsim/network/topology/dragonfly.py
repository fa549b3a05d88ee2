"""Dragonfly: groups of routers, all joined inside a group, every two groups by one cable."""

from __future__ import annotations

import itertools

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import Topology, from_cables, register_topology
from accelsim.network.topology.routing import with_ecmp


@register_topology("dragonfly")
def dragonfly(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, seed: int = 0) -> Topology:
    """``groups x routers x chips``; shortest routes, spread over equal ones by ``seed``.

    The cables to other groups go round the routers of a group. All cables have half of ``link``'s latency.
    Not modelled: routes by way of a third group (Valiant, UGAL).

    Args:
        shape: Groups, routers of a group, chips of a router; a number alone is one router's chips.
        wrap: Not read, groups have no ends.
        link: A cable between any two nodes.
        seed: Spreads routes over ways of equal length.

    Raises:
        ConfigError: Not three dimensions.

    Source:
        Kim, Dally, Scott, Abts, *Technology-driven, highly-scalable dragonfly topology*, ISCA 2008.
    """
    if len(shape) == 1:
        shape = (1, 1, *shape)
    if len(shape) != 3:
        raise ConfigError(f"a dragonfly has 3 dimensions, got {len(shape)}. Write e.g. 'size: [9, 4, 2]'.")
    groups, routers, chips = shape
    num_chips = groups * routers * chips
    router = num_chips + np.arange(groups * routers).reshape(groups, routers)
    cables = [np.stack([np.arange(num_chips), np.repeat(router.ravel(), chips)], 1)]
    for group in router:
        cables += [np.array(list(itertools.combinations(group.tolist(), 2)), dtype=np.int64).reshape(-1, 2)]
    for one, other in itertools.combinations(range(groups), 2):
        ends = (router[one, (other - 1) % routers], router[other, one % routers])
        cables.append(np.array([ends]))
    hops = 1 + (routers > 1) + (groups > 1)
    name = f"dragonfly {'x'.join(map(str, shape))}"
    nodes = num_chips + groups * routers
    return with_ecmp(from_cables(name, num_chips, nodes, np.concatenate(cables), link, ring_hops=hops), seed)
