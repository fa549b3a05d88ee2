"""Stations of light over an array of cores: what a way along their waveguides loses, and the laser that it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip, OpticalNoc
from accelsim.hardware.optical.budget import LinkBudget
from accelsim.hardware.optical.link import OpticalLink, Reach
from accelsim.hardware.optical.load import load_optics

#: Level that bytes over the waveguides of an array are booked on, and the cause of their time.
OPTICAL_NOC = "optical_noc"

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LightArray:
    """A station per cluster of cores, on a waveguide along its row and one along its column of clusters.

    A way past ``n`` stations loses ``n x (cluster x pitch x loss + station loss)``; one that ``r`` stations read loses
    ``10 log10 r`` more, because each takes an equal part of the light. Every wavelength has a laser of its own, just
    strong enough for its way, up to the laser of the optics. Not modelled: taps of unequal strength, the loss of the
    turn from row to column (part of ``station_loss``).

    Attributes:
        name: The chip, for messages.
        link: Optics of each stretch of waveguide.
        cluster: Rows and columns of cores that share a station.
        core_pitch_m: Distance of two neighbouring cores.
        station_loss_db: Loss of passing one station.
        transceivers: Wavelengths that a station can send at once into one direction, and as many that it can receive.
    """

    name: str
    link: OpticalLink
    cluster: int
    core_pitch_m: float
    station_loss_db: float
    transceivers: int

    @property
    def num_channels(self) -> int:
        """Wavelengths of one stretch and direction, on all its waveguides."""
        return self.link.num_channels

    @property
    def channel_bytes_per_s(self) -> float:
        """Payload of one wavelength."""
        return self.link.rate_bytes_per_s * self.link.coding_fraction

    @property
    def conversion_s(self) -> float:
        """Electrical to light and back."""
        return self.link.latency_s()

    @property
    def stretch_m(self) -> float:
        """Waveguide from one station to the next."""
        return self.cluster * self.core_pitch_m

    @property
    def flight_s(self) -> float:
        """Time of flight from one station to the next."""
        return self.stretch_m * self.link.medium.delay_s_per_m

    @property
    def ring_w(self) -> float:
        """Heater and idle circuits of one end of one wavelength, half of what a link has for both ends."""
        return (self.link.tuning_w + sum(self.link.idle_w.values())) / (2 * self.num_channels)

    def budget(self, stations: float, readers: float = 1.0) -> LinkBudget:
        """The budget of one wavelength past ``stations`` stations to ``readers`` of them.

        Args:
            stations: Stretches of waveguide on the way.
            readers: Stations that share the light.
        """
        return self.link.link_budget(self._reach(stations, readers))

    def slack_db(self, stations: FloatArray, readers: FloatArray) -> FloatArray:
        """Light to spare of ways past ``stations`` stations to ``readers`` of them; below 0 they do not close.

        Args:
            stations: Stretches of waveguide on each way.
            readers: Stations that share the light of each.
        """
        lost_db = stations * (self.stretch_m * self.link.medium.loss_db_per_m + self.station_loss_db)
        return np.asarray(self.link.link_budget().slack_db - lost_db - 10 * np.log10(np.maximum(readers, 1.0)))

    def laser_w(self, slack_db: FloatArray) -> FloatArray:
        """Electrical power of one wavelength's laser, just strong enough for a way with that slack at full power.

        Args:
            slack_db: Of :meth:`slack_db`.
        """
        full_w = self.link.laser.power_w / self.link.laser.wall_plug_fraction
        return np.asarray(full_w * 10 ** (-np.maximum(slack_db, 0.0) / 10))

    def _reach(self, stations: float, readers: float) -> Reach:
        return Reach(stations * self.stretch_m, stations * self.station_loss_db + 10 * math.log10(max(readers, 1.0)))


def light_for_sums(chip: Chip) -> LightArray | None:
    """The stations over ``chip`` where sums inside operators may travel over them."""
    if chip.noc is None or chip.noc.optical is None or chip.noc.optical.sums == "electrical":
        return None
    return array_of(chip.name, chip.noc.optical)


@lru_cache(maxsize=16)
def array_of(name: str, noc: OpticalNoc) -> LightArray:
    """The stations that a chip's file describes.

    Args:
        name: Of the chip, for messages.
        noc: Its ``noc.optical``.

    Raises:
        ConfigError: Its optics are no optical link, or have fewer wavelengths than a station has transceivers.
    """
    link = load_optics(noc.optics)
    if not isinstance(link, OpticalLink):
        raise ConfigError(f"chip {name}: noc.optical.optics: {noc.optics} is no optical link.")
    transceivers = link.num_channels if noc.transceivers is None else noc.transceivers
    if transceivers > link.num_channels:
        raise ConfigError(
            f"chip {name}: noc.optical.transceivers: {transceivers} wavelengths, but {noc.optics} has "
            f"{link.num_channels} in a direction. Use at most that many."
        )
    return LightArray(name, link, noc.cluster, noc.core_pitch_m, noc.station_loss_db, transceivers)
