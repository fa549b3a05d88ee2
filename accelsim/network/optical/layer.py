"""An optical layer over a chip's cores: the alternative to the electrical mesh for traffic between operators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip, OpticalNoc
from accelsim.hardware.optical.array import OPTICAL_NOC, LightArray, array_of
from accelsim.network.noc.coarse import CoarseMesh
from accelsim.network.noc.mesh import FloatArray, MeshRoutes


@dataclass(frozen=True, kw_only=True)
class OpticalLayer(CoarseMesh):
    """Stations, one per cluster of cores, on waveguides along every row and every column of clusters.

    Light passes stations without stopping and turns once from a row to a column, so a transfer is converted once,
    whatever its way: latency is conversion plus time of flight, energy that of one conversion. What a way may carry is
    decided for all ways of a run together (:mod:`accelsim.network.optical.paths`). Not modelled: the way from a core to
    its station.

    Attributes:
        light: The stations.
        set_s: Time to set a station's wavelengths to another path.
    """

    light: LightArray
    set_s: float = 0.0

    level: ClassVar[str | None] = OPTICAL_NOC

    @cached_property
    def capacity_bytes_per_s(self) -> FloatArray:
        """Capacity of each stretch, one direction. float64[num_links]."""
        return np.full(self.grid.num_links, self.light.link.bandwidth_bytes_per_s)

    def latency_s(self, routes: MeshRoutes) -> FloatArray:
        """Conversion and time of flight; nothing inside a cluster. float64[R]."""
        cores = routes.sum_over(self.num_hops)
        per_core_s = self.light.core_pitch_m * self.light.link.medium.delay_s_per_m
        return np.asarray(np.where(cores > 0, self.light.conversion_s + cores * per_core_s, 0.0))

    @property
    def energy_j_per_byte(self) -> float:
        """Energy of one byte over the layer."""
        return self.light.link.dynamic_j_per_byte


def optical_layer(chip: Chip) -> OpticalLayer:
    """The optical layer of ``chip``.

    Raises:
        ConfigError: The chip has none, or its optics are no optical link.
    """
    if chip.noc is None or chip.noc.optical is None:
        raise ConfigError(f"chip {chip.name}: no 'noc.optical'. Add noc.optical.optics, .cluster and .core_pitch.")
    return _built(chip.name, chip.core_grid, chip.noc.optical)


@lru_cache(maxsize=16)
def _built(name: str, core_grid: tuple[int, int], noc: OpticalNoc) -> OpticalLayer:
    light = array_of(name, noc)
    return OpticalLayer(
        name=f"optical layer of {name}",
        core_grid=core_grid,
        block=light.cluster,
        link_bandwidth_bytes_per_s=light.link.bandwidth_bytes_per_s,
        hop_latency_s=light.core_pitch_m * light.link.medium.delay_s_per_m,
        light=light,
        set_s=noc.switch_s,
    )
