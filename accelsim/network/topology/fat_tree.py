"""Fat trees of two and three levels, and the rail-optimised one."""

from __future__ import annotations

import math

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import IntArray, Topology, from_cables, register_topology
from accelsim.network.topology.routing import with_ecmp


@register_topology("fat_tree")
def fat_tree(
    shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, uplinks: int | None = None, seed: int = 0
) -> Topology:
    """Switches in two or three levels; all cables alike, half of ``link``'s latency each.

    ``shape`` is ``leaves x chips`` or ``pods x leaves x chips``, a number alone one leaf. Every leaf has ``uplinks``
    cables, one to each switch above it (default: as many as chips, which never blocks); above a pod's there are
    as many cores for each as it has leaves. Routes are spread over equal ways by ``seed``.

    Args:
        shape: One to three extents, see above.
        wrap: Not read, trees have no ends.
        link: A cable, and the latency of a way over one switch.
        uplinks: Cables of a leaf to the switches above it; None: as many as its chips.
        seed: Spreads routes over ways of equal length.

    Raises:
        ConfigError: More than three dimensions.

    Source:
        Al-Fares, Loukissas, Vahdat, *A scalable, commodity data center network architecture*, SIGCOMM 2008.
    """
    if len(shape) > 3:
        raise ConfigError(f"a fat tree has at most 3 levels, got {len(shape)}. Write e.g. 'size: [4, 8]'.")
    pods, leaves, chips = (1,) * (3 - len(shape)) + shape
    num_chips, above = pods * leaves * chips, uplinks or chips
    leaf = num_chips + np.arange(pods * leaves)
    cables = [_pairs(np.arange(num_chips), np.repeat(leaf, chips))]
    top = num_chips + len(leaf)
    if leaves > 1 or pods > 1:
        spine = (top + np.arange(pods * above)).reshape(pods, above)
        cables.append(_pairs(np.repeat(leaf, above), np.repeat(spine[:, None], leaves, 1).ravel()))
        top += pods * above
    if pods > 1:
        core = (top + np.arange(above * leaves)).reshape(above, leaves)
        cables.append(_pairs(np.repeat(spine.ravel(), leaves), np.repeat(core[None], pods, 0).ravel()))
        top += above * leaves
    levels = 1 + (leaves > 1 or pods > 1) + (pods > 1)
    name = f"fat tree {'x'.join(map(str, shape))}"
    return with_ecmp(from_cables(name, num_chips, top, np.concatenate(cables), link, ring_hops=levels), seed)


@register_topology("rail_fat_tree")
def rail_fat_tree(
    shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, uplinks: int | None = None, seed: int = 0
) -> Topology:
    """Rail-optimised: chip r of every node is on rail switch r, rail switches have ``uplinks`` cables to spines.

    ``shape`` is ``nodes x chips``; chips of one place reach each other over one switch, others over a spine (or inside
    the node, which is another level's). Default: as many uplinks as nodes, which never blocks.

    Args:
        shape: Nodes and chips of a node.
        wrap: Not read.
        link: A cable, and the latency of a way over one rail switch.
        uplinks: Cables of a rail switch to spines; None: as many as nodes.
        seed: Spreads routes over spines.
    """
    nodes, rails = shape if len(shape) == 2 else (math.prod(shape[:-1]), shape[-1])
    num_chips, above = nodes * rails, uplinks or nodes
    rail, spine = num_chips + np.arange(rails), num_chips + rails + np.arange(above)
    cables = [_pairs(np.arange(num_chips), np.tile(rail, nodes))]
    top = num_chips + rails
    if rails > 1:
        cables.append(_pairs(np.repeat(rail, above), np.tile(spine, rails)))
        top += above
    name = f"rail fat tree {'x'.join(map(str, shape))}"
    return with_ecmp(from_cables(name, num_chips, top, np.concatenate(cables), link, ring_hops=1 + (rails > 1)), seed)


def _pairs(lower: IntArray, upper: IntArray) -> IntArray:
    return np.stack([lower, upper], 1)
