"""The electrical link between dies side by side in a package: whole modules of wires under a stretch of die edge."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from accelsim.config.bounds import Count
from accelsim.config.quantity import BytesPerS, Fraction, JoulesPerByte, Metres, Seconds, Watts
from accelsim.config.schema import Spec
from accelsim.errors import ConfigError
from accelsim.hardware.link import LinkSpec
from accelsim.hardware.optical.link import LIGHT_M_PER_S
from accelsim.units import format_quantity


class DieLink(Spec):
    """A parallel interface between two dies, per direction.

    The edge of a die holds ``floor(edge / module_edge)`` modules, each of ``lanes`` wires per direction, so bandwidth
    is ``modules x lanes x rate x coding``: it is bought with edge, not with length, and ends at ``longest_length``.
    Not modelled: area behind the edge, clock and sideband wires (part of ``module_edge``), modules that sleep.
    """

    schema_version: Literal[1]
    kind: Literal["die_link"]
    name: str = Field(min_length=1, description="Name used in systems; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    edge_m: Metres = Field(gt=0, description="Edge of each die that one link of the package takes.")
    module_edge_m: Metres = Field(gt=0, description="Edge of one module, its wires of both directions.")
    lanes: Count = Field(description="Wires of one module, per direction.")
    rate_bytes_per_s: BytesPerS = Field(gt=0, description="Raw rate of one wire.")
    coding_fraction: Fraction = Field(1.0, gt=0, alias="coding", description="Payload per raw bit.")
    interface_s: Seconds = Field(0.0, description="Latency of sender and receiver together, coding included.")
    velocity_fraction: Fraction = Field(0.5, gt=0, alias="velocity", description="Signal speed over that of light.")
    longest_length_m: Metres = Field(gt=0, alias="longest_length", description="Longest way from die to die.")
    energy_j_per_byte: JoulesPerByte = Field(alias="energy", description="Energy of one byte, both ends together.")
    idle_w: Watts = Field(0.0, alias="idle", description="Power of one module and direction that burns always.")

    @model_validator(mode="after")
    def _holds_a_module(self) -> DieLink:
        if self.num_modules < 1:
            raise ValueError(
                f"edge: {format_quantity(self.edge_m, 'length')} hold no module of "
                f"{format_quantity(self.module_edge_m, 'length')}. Give the link more edge."
            )
        return self

    @property
    def num_modules(self) -> int:
        """Whole modules along the edge."""
        return math.floor(self.edge_m / self.module_edge_m + 1e-9)

    @property
    def bandwidth_bytes_per_s(self) -> float:
        """Payload per direction."""
        return self.num_modules * self.lanes * self.rate_bytes_per_s * self.coding_fraction

    def to_link(self, length_m: float) -> LinkSpec:
        """This link as the link of a system's level.

        Args:
            length_m: Way from die to die.

        Raises:
            ConfigError: The way is too long.
        """
        if length_m > self.longest_length_m:
            raise ConfigError(
                f"die link {self.name}: {format_quantity(length_m, 'length')} is beyond its longest length of "
                f"{format_quantity(self.longest_length_m, 'length')}. Move the dies together, or use light."
            )
        return LinkSpec(
            bandwidth_bytes_per_s=self.bandwidth_bytes_per_s,
            latency_s=self.interface_s + length_m / (LIGHT_M_PER_S * self.velocity_fraction),
            energy_j_per_byte=self.energy_j_per_byte,
            static_w=self.num_modules * self.idle_w,
        )
