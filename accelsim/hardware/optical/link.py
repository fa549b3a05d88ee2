"""One optical link, per direction: wavelengths in parallel on fibres or waveguides, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from accelsim.config.bounds import Count
from accelsim.config.quantity import BytesPerS, Fraction, JoulesPerByte, Metres, Seconds, Watts
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.budget import LinkBudget, Loss, require_closed
from accelsim.hardware.optical.decibel import LossDb, LossDbPerM, PowerDbm, to_dbm, to_watt
from accelsim.units import format_quantity

LIGHT_M_PER_S = 299_792_458.0

#: Levels of amplitude; a receiver tells them apart at ``levels - 1`` times the power of two levels.
LEVELS = {"nrz": 2, "pam4": 4}


class Laser(Spec):
    """The source of light of every wavelength; on whether or not data is sent."""

    power_w: Watts = Field(gt=0, description="Optical power of one wavelength on one fibre, at the laser.")
    wall_plug_fraction: Fraction = Field(gt=0, alias="wall_plug", description="Light out per electrical power in.")


class Rings(Spec):
    """Microrings: one modulates, one filters each wavelength; heaters hold them on their wavelengths."""

    through_loss_db: LossDb = Field(
        0.0, alias="through_loss", description="Loss of passing one ring of another wavelength."
    )
    drop_loss_db: LossDb = Field(0.0, alias="drop_loss", description="Loss of being taken off by one's own ring.")
    tuning_w: Watts = Field(0.0, description="Heater power of one ring, always on.")


class Losses(Spec):
    """One kind of loss that does not depend on the length of the link."""

    loss_db: LossDb = Field(alias="loss", description="Loss of one piece.")
    count: float = Field(1.0, ge=0, le=1e6, description="Pieces on the way.")


class Medium(Spec):
    """What the light runs through."""

    loss_db_per_m: LossDbPerM = Field(alias="loss", description="Loss per length.")
    group_index: float = Field(ge=1, le=100, description="Speed of light over that of the signal: 1.47 is 4.9 ns/m.")

    @property
    def delay_s_per_m(self) -> float:
        """Time of flight per metre, in seconds."""
        return self.group_index / LIGHT_M_PER_S


class Waveguide(Medium):
    """A waveguide of fixed length on the chips at both ends."""

    length_m: Metres = Field(description="Length, both ends together.")


class Budget(Spec):
    """Where the light goes between laser and receiver."""

    losses: Mapping[str, Losses] = Field(
        default_factory=dict, description="Couplers, splitters, crossings, ... by name."
    )
    receiver_sensitivity_dbm: PowerDbm = Field(
        alias="receiver_sensitivity", description="Power per wavelength that the receiver needs for two levels (NRZ)."
    )
    margin_db: LossDb = Field(alias="margin", description="Power to be left over.")


class Published(Spec):
    """Published figures that the structure of the file must reproduce; compared when it is loaded."""

    bandwidth_bytes_per_s: BytesPerS | None = Field(None, description="Bandwidth per direction, payload.")
    energy_j_per_byte: JoulesPerByte | None = Field(None, description="Energy at full use, lasers and tuning included.")
    latency_s: Seconds | None = Field(None, description="Latency at length zero.")
    tolerance: Fraction = Field(0.05, description="Largest relative difference allowed.")


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a link runs.

    Attributes:
        length_m: Length of its medium.
        switch_loss_db: Loss of the circuit switches on the way.
        switch_latency_s: Time through them.

    Raises:
        ConfigError: A length below zero.
    """

    length_m: float = 0.0
    switch_loss_db: float = 0.0
    switch_latency_s: float = 0.0

    def __post_init__(self) -> None:
        if self.length_m < 0:
            raise ConfigError(f"length: {format_quantity(self.length_m, 'length')} is below zero. Give 0 m or more.")


class OpticalLink(Spec):
    """An optical link, per direction.

    ``fibres x wavelengths x rate x coding efficiency`` is the bandwidth; the first byte takes electro-optic conversion,
    coding, time of flight and opto-electric conversion; a byte costs its dynamic energy, and lasers (power over
    wall-plug efficiency), ring heaters and other idle circuits burn whether or not data is sent. Four levels (PAM4)
    need three times the optical power of two. Not modelled: bit errors and retransmission, dispersion beyond the
    standard's longest length, wake-up time of lasers that are switched off.
    """

    schema_version: Literal[1]
    kind: Literal["optical_link"]
    name: str = Field(min_length=1, description="Name used in systems; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    fibres: Count = Field(1, description="Fibres or waveguides side by side, per direction.")
    wavelengths: Count = Field(description="Wavelengths on each fibre, per direction.")
    rate_bytes_per_s: BytesPerS = Field(gt=0, description="Raw rate of one wavelength.")
    modulation: Literal["nrz", "pam4"] = Field("nrz", description="Amplitude levels: nrz 2, pam4 4.")
    coding_fraction: Fraction = Field(1.0, gt=0, alias="coding", description="Payload per raw bit.")
    electro_optic_s: Seconds = Field(0.0, description="Latency of serialiser, driver and modulator.")
    opto_electric_s: Seconds = Field(0.0, description="Latency of photodiode, amplifier and deserialiser.")
    fec_s: Seconds = Field(0.0, description="Latency of forward error correction, both ends together.")
    laser: Laser = Field(description="Source of light.")
    rings: Rings | None = Field(None, description="Microrings, where the link has them.")
    medium: Medium = Field(description="What the link's length is made of.")
    longest_length_m: Metres | None = Field(
        None,
        gt=0,
        alias="longest_length",
        description="Longest length of the standard, for dispersion; default: no limit.",
    )
    waveguide: Waveguide | None = Field(None, description="On-chip waveguide at the ends, of fixed length.")
    energy_j_per_byte: Mapping[str, JoulesPerByte] = Field(
        alias="energy", description="Dynamic energy by part: modulator, receiver, serialisers."
    )
    idle_w: Mapping[str, Watts] = Field(
        default_factory=dict, description="Power that burns always, beside lasers and rings; of the whole link."
    )
    budget: Budget = Field(description="Where the light goes.")
    checks: Published | None = Field(None, description="Published figures that the structure must reproduce.")

    @model_validator(mode="after")
    def _reproduces_published_figures(self) -> OpticalLink:
        problems = self._check_problems()
        if problems:
            raise ValueError(" ".join(problems))
        return self

    @property
    def num_channels(self) -> int:
        """Wavelengths on all fibres."""
        return self.fibres * self.wavelengths

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Payload per direction."""
        return self.num_channels * self.rate_bytes_per_s * self.coding_fraction

    @property
    def laser_w(self) -> float:
        """Electrical power of the lasers of one direction."""
        return self.num_channels * self.laser.power_w / self.laser.wall_plug_fraction

    @property
    def tuning_w(self) -> float:
        """Heater power of one direction: two rings per wavelength."""
        return 2 * self.num_channels * self.rings.tuning_w if self.rings else 0.0

    @property
    def static_w(self) -> float:
        """Power of one direction that burns while idle."""
        return self.laser_w + self.tuning_w + sum(self.idle_w.values())

    @property
    def dynamic_j_per_byte(self) -> float:
        """Energy that each byte adds."""
        return sum(self.energy_j_per_byte.values())

    def energy_per_useful_byte_j(self, utilization: float) -> float:
        """Joules per byte of payload when the link is used for this fraction of the time; infinite when it is not.

        Raises:
            ValueError: The utilization is not in [0, 1].
        """
        if not 0 <= utilization <= 1:
            raise ValueError(f"utilization must be from 0 to 1, got {utilization!r}.")
        if utilization == 0:
            return math.inf
        return self.dynamic_j_per_byte + self.static_w / (self.bandwidth_bytes_per_s * utilization)

    def latency_s(self, reach: Reach = Reach()) -> float:
        """Time of the first bit from chip to chip, in seconds; one byte more takes 1 / bandwidth."""
        flight_s = reach.length_m * self.medium.delay_s_per_m
        if self.waveguide:
            flight_s += self.waveguide.length_m * self.waveguide.delay_s_per_m
        return self.electro_optic_s + self.fec_s + flight_s + reach.switch_latency_s + self.opto_electric_s

    def link_budget(self, reach: Reach = Reach()) -> LinkBudget:
        """The budget of one wavelength over ``reach``."""
        losses = [
            Loss(_counted(name, loss.count), loss.loss_db * loss.count) for name, loss in self.budget.losses.items()
        ]
        if self.rings and self.wavelengths > 1:
            passed = 2 * (self.wavelengths - 1)
            losses.append(Loss(f"{passed} rings passed", passed * self.rings.through_loss_db))
            losses.append(Loss("ring drop", self.rings.drop_loss_db))
        if self.waveguide:
            length = format_quantity(self.waveguide.length_m, "length")
            losses.append(Loss(f"waveguide {length}", self.waveguide.length_m * self.waveguide.loss_db_per_m))
        if reach.length_m:
            length = format_quantity(reach.length_m, "length")
            losses.append(Loss(f"length {length}", reach.length_m * self.medium.loss_db_per_m))
        if reach.switch_loss_db:
            losses.append(Loss("optical switch", reach.switch_loss_db))
        levels_db = 10 * math.log10(LEVELS[self.modulation] - 1)
        return LinkBudget(
            self.name,
            to_dbm(self.laser.power_w),
            tuple(losses),
            self.budget.receiver_sensitivity_dbm + levels_db,
            self.budget.margin_db,
        )

    def longest_m(self, switch_loss_db: float = 0.0) -> float:
        """Longest length: the budget closes and the standard allows it; in metres, infinite without loss and limit.

        Raises:
            ConfigError: It does not close at any length.
        """
        budget = self.link_budget(Reach(0.0, switch_loss_db))
        require_closed(budget)
        closes_m = budget.slack_db / self.medium.loss_db_per_m if self.medium.loss_db_per_m else math.inf
        return closes_m if self.longest_length_m is None else min(closes_m, self.longest_length_m)

    def with_least_laser(self, reach: Reach) -> OpticalLink:
        """This link with lasers just strong enough for ``reach``: what a designer would choose for that length."""
        power_w = to_watt(self.link_budget(reach).needed_laser_dbm)
        return self.model_copy(update={"laser": self.laser.model_copy(update={"power_w": power_w})})

    def to_link(self, reach: Reach) -> LinkSpec:
        """This link as the link of a system's level.

        Raises:
            ConfigError: The budget does not close, or the link is longer than its standard allows.
        """
        if self.longest_length_m is not None and reach.length_m > self.longest_length_m:
            raise ConfigError(
                f"optical link {self.name}: {format_quantity(reach.length_m, 'length')} is beyond its longest length "
                f"of {format_quantity(self.longest_length_m, 'length')}. Shorten it or take another link."
            )
        require_closed(self.link_budget(reach))
        return LinkSpec(
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            latency_s=self.latency_s(reach),
            energy_j_per_byte=self.dynamic_j_per_byte,
            static_w=self.static_w,
        )

    def _check_problems(self) -> list[str]:
        if self.checks is None:
            return []
        pairs = {
            "bandwidth": (self.bandwidth_bytes_per_s, self.checks.bandwidth_bytes_per_s, "bytes_per_s"),
            "energy": (self.energy_per_useful_byte_j(1.0), self.checks.energy_j_per_byte, "joule_per_byte"),
            "latency": (self.latency_s(), self.checks.latency_s, "time"),
        }
        return [
            f"checks.{name}: the structure gives {format_quantity(here, unit)}, "
            f"published is {format_quantity(there, unit)} (allowed difference {self.checks.tolerance:.0%})."
            for name, (here, there, unit) in pairs.items()
            if there is not None and abs(here - there) > self.checks.tolerance * there
        ]


def _counted(name: str, count: float) -> str:
    return name if count == 1 else f"{name} x {count:g}"
