"""An optical layer over a chip's cores: the alternative to the electrical mesh for traffic between operators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip, OpticalNoc
from accelsim.hardware.optical.budget import require_closed
from accelsim.hardware.optical.link import OpticalLink, Reach
from accelsim.hardware.optical.load import load_optics
from accelsim.network.noc.coarse import CoarseMesh
from accelsim.network.noc.mesh import FloatArray, MeshRoutes

#: Level that bytes over the layer are booked on.
OPTICAL_NOC = "optical_noc"


@dataclass(frozen=True)
class OpticalLayer(CoarseMesh):
    """Stations, one per cluster of cores, on waveguides along every row and every column of clusters.

    Light passes stations without stopping and turns once from a row to a column, so a transfer is converted once,
    whatever its way: latency is conversion plus time of flight, energy that of one conversion. Every stretch of
    waveguide between two stations has the bandwidth of its wavelengths, which all transfers that cross it share max-min
    fair: the share of a wavelength assignment without a converter is at most that. Not modelled: wavelengths as whole
    numbers (see ``assign_wavelengths``), the limit of a station's own transceiver, the way from a core to its station.

    Attributes:
        waveguide_bytes_per_s: Bandwidth of a stretch, per direction.
        conversion_s: Electrical to light and back.
        flight_s_per_core: Time of flight past one core.
        energy_j_per_byte: Energy of one byte over the layer.
        stretch_static_w: Power of one stretch and direction that burns while idle.
    """

    waveguide_bytes_per_s: float = 0.0
    conversion_s: float = 0.0
    flight_s_per_core: float = 0.0
    energy_j_per_byte: float = 0.0
    stretch_static_w: float = 0.0

    level: ClassVar[str | None] = OPTICAL_NOC

    @cached_property
    def capacity_bytes_per_s(self) -> FloatArray:
        """Capacity of each stretch, one direction. float64[num_links]."""
        return np.full(self.grid.num_links, self.waveguide_bytes_per_s)

    def latency_s(self, routes: MeshRoutes) -> FloatArray:
        """Conversion and time of flight; nothing inside a cluster. float64[R]."""
        cores = routes.sum_over(self.num_hops)
        return np.asarray(np.where(cores > 0, self.conversion_s + cores * self.flight_s_per_core, 0.0))

    @property
    def static_w(self) -> float:
        """Lasers, heaters and idle circuits of all stretches."""
        return self.stretch_static_w * self.grid.num_links


def optical_layer(chip: Chip) -> OpticalLayer:
    """The optical layer of ``chip``.

    Raises:
        ConfigError: The chip has none, its optics are no optical link, or light does not cross the chip.
    """
    if chip.noc is None or chip.noc.optical is None:
        raise ConfigError(f"chip {chip.name}: no 'noc.optical'. Add noc.optical.optics, .cluster and .core_pitch.")
    return _built(chip.name, chip.core_grid, chip.noc.optical)


@lru_cache(maxsize=16)
def _built(name: str, core_grid: tuple[int, int], noc: OpticalNoc) -> OpticalLayer:
    link = load_optics(noc.optics)
    if not isinstance(link, OpticalLink):
        raise ConfigError(f"chip {name}: noc.optical.optics: {noc.optics} is no optical link.")
    stations = sum(-(-extent // noc.cluster) for extent in core_grid)
    across = Reach(sum(core_grid) * noc.core_pitch_m, stations * noc.station_loss_db)
    try:
        require_closed(link.link_budget(across))
    except ConfigError as err:
        raise ConfigError(f"chip {name}: noc.optical: corner to corner: {err}") from err
    return OpticalLayer(
        name=f"optical layer of {name}",
        core_grid=core_grid,
        block=noc.cluster,
        link_bandwidth_bytes_per_s=link.bandwidth_bytes_per_s,
        hop_latency_s=noc.core_pitch_m * link.medium.delay_s_per_m,
        waveguide_bytes_per_s=link.bandwidth_bytes_per_s,
        conversion_s=link.latency_s(),
        flight_s_per_core=noc.core_pitch_m * link.medium.delay_s_per_m,
        energy_j_per_byte=link.dynamic_j_per_byte,
        stretch_static_w=link.static_w,
    )
