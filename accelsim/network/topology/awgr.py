"""Wavelength-routed full mesh: an arrayed waveguide grating router in the middle, and no switching at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.network.topology.base import Topology, from_pairs, one_dimension, register_topology

#: Ports of the largest router that is modelled; fabricated ones with low crosstalk have fewer.
MAX_PORTS = 128


@register_topology("awgr")
def awgr(shape: tuple[int, ...], wrap: tuple[bool, ...], link: LinkSpec, wavelengths: int = 0) -> Topology:
    """Every chip reaches every other on wavelengths of its own, all at once, through one passive router.

    The router sends wavelength w of chip s to chip (w - s) mod n, so chip s reaches chip d on every wavelength that is
    s + d modulo n. ``link`` is a chip's fibre with all its ``wavelengths``: a pair has its share of it. The wavelengths
    that lead a chip to itself stay dark. Default: as many wavelengths as chips, the fewest that reach everyone.

    Args:
        shape: One extent: the chips.
        wrap: Not read, a router has no ends.
        link: A chip's fibre, all wavelengths together.
        wavelengths: How many a fibre has; 0: as many as chips.

    Raises:
        ConfigError: Too few wavelengths to reach everyone, or more ports than a router has.

    Source:
        Dragone, *An N x N optical multiplexer using a planar arrangement of two star couplers*, 1991.
    """
    extent = one_dimension("wavelength-routed mesh", shape)
    wavelengths = wavelengths or extent
    if extent > MAX_PORTS:
        raise ConfigError(f"awgr: {extent} chips, but a grating router has at most {MAX_PORTS} ports.")
    if wavelengths < extent:
        raise ConfigError(
            f"awgr: {wavelengths} wavelengths reach {wavelengths} of {extent} chips: {extent - wavelengths} missing. "
            f"Give each chip {extent} wavelengths (options.wavelengths), or use at most {wavelengths} chips."
        )
    pairs = np.argwhere(~np.eye(extent, dtype=bool))
    carried = np.bincount(np.arange(wavelengths) % extent, minlength=extent)[pairs.sum(axis=1) % extent]
    topology = from_pairs(f"awgr {extent}", np.arange(extent)[:, None], pairs, link)
    return replace(topology, capacity_bytes_per_s=carried * link.bandwidth_bytes_per_s / wavelengths)
