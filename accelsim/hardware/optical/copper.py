"""The electrical channel that optics compete with: loss grows with length and rate until a retimer is needed."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Count, CountOrNone
from accelsim.config.quantity import BytesPerS, Fraction, JoulesPerByte, Seconds
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.decibel import LossDb
from accelsim.hardware.optical.link import LEVELS, LIGHT_M_PER_S


class CopperLink(Spec):
    """Lanes of twin-axial cable or traces between two serialisers, with retimers where the channel is too long.

    Loss of the cable in dB is ``length x (skin x sqrt(f) + dielectric x f)`` at the Nyquist frequency f in GHz, half
    the symbol rate. A stretch of the way may lose ``equalised``; a longer way has a retimer between each two stretches.
    Not modelled: crosstalk, gauge and bulk of the cable, connectors other than through ``equalised``.
    """

    schema_version: Literal[1]
    kind: Literal["copper_link"]
    name: str = Field(min_length=1, description="Name used in systems; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    lanes: Count = Field(description="Lanes side by side, per direction.")
    rate_bytes_per_s: BytesPerS = Field(gt=0, description="Raw rate of one lane.")
    modulation: Literal["nrz", "pam4"] = Field("pam4", description="Amplitude levels: nrz 2, pam4 4.")
    coding_fraction: Fraction = Field(1.0, gt=0, alias="coding", description="Payload per raw bit.")
    skin_db_per_m: float = Field(
        ge=0,
        le=1e4,
        alias="skin",
        description="Loss per metre and square root of GHz, in dB; conductor.",
        examples=[0.8],
    )
    dielectric_db_per_m: float = Field(
        ge=0, le=1e4, alias="dielectric", description="Loss per metre and GHz, in dB; insulator.", examples=[0.05]
    )
    equalised_db: LossDb = Field(
        gt=0, alias="equalised", description="Cable loss that one pair of serialisers bridges."
    )
    velocity_fraction: Fraction = Field(0.7, gt=0, alias="velocity", description="Signal speed over that of light.")
    serdes_s: Seconds = Field(0.0, description="Latency of both serialisers together.")
    fec_s: Seconds = Field(0.0, description="Latency of forward error correction, both ends together.")
    serdes_energy_j_per_byte: JoulesPerByte = Field(description="Energy of one byte, both serialisers together.")
    retimer_energy_j_per_byte: JoulesPerByte = Field(description="Energy of one byte through one retimer.")
    retimer_s: Seconds = Field(0.0, description="Latency of one retimer.")
    max_retimers: CountOrNone = Field(0, description="Most retimers that are built into one link.")

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Payload per direction."""
        return self.lanes * self.rate_bytes_per_s * self.coding_fraction

    @property
    def loss_db_per_m(self) -> float:
        """Loss at the Nyquist frequency, in dB per metre."""
        bits_per_symbol = math.log2(LEVELS[self.modulation])
        nyquist_ghz = self.rate_bytes_per_s * 8 / bits_per_symbol / 2 / 1e9
        return self.skin_db_per_m * math.sqrt(nyquist_ghz) + self.dielectric_db_per_m * nyquist_ghz

    @property
    def reach_m(self) -> float:
        """Longest stretch without a retimer, in metres."""
        return self.equalised_db / self.loss_db_per_m

    def retimers(self, length_m: float) -> int:
        """Retimers on a way of ``length_m``.

        Raises:
            ConfigError: More than are built into one link.
        """
        stretches = max(1, math.ceil(length_m / self.reach_m - 1e-9))
        if stretches - 1 > self.max_retimers:
            raise ConfigError(
                f"copper link {self.name}: {length_m:g} m lose {length_m * self.loss_db_per_m:.1f} dB, but one stretch "
                f"may lose {self.equalised_db:.1f} dB and {self.max_retimers} retimers reach "
                f"{(self.max_retimers + 1) * self.reach_m:.2f} m. Shorten the link, lower the rate or use optics."
            )
        return stretches - 1

    def to_link(self, length_m: float) -> LinkSpec:
        """This link as the link of a system's level; its energy is counted per byte, idle lanes are not modelled.

        Raises:
            ConfigError: The way is too long.
        """
        retimers = self.retimers(length_m)
        flight_s = length_m / (LIGHT_M_PER_S * self.velocity_fraction)
        return LinkSpec(
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            latency_s=self.serdes_s + self.fec_s + flight_s + retimers * self.retimer_s,
            energy_j_per_byte=self.serdes_energy_j_per_byte + retimers * self.retimer_energy_j_per_byte,
        )
