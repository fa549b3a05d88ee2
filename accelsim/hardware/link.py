"""One direction of a link between chips, as a frozen description."""

from __future__ import annotations

from pydantic import Field

from accelsim.config.quantity import BytesPerS, JoulesPerByte, Metres, Seconds, Watts
from accelsim.config.schema import Spec


class LinkSpec(Spec):
    """What one chip can send over one link (or, on a switch, over its port), per direction.

    In a file, ``link: {optical: NAME, length: 3 m}`` takes all of these numbers from the optics of that name;
    ``through`` names an optical circuit switch on the way. Not modelled here: packet headers and flow control (part of
    a level's efficiency), bit errors.
    """

    bandwidth_bytes_per_s: BytesPerS = Field(gt=0, description="Bandwidth per direction, of one chip's link or port.")
    latency_s: Seconds = Field(0.0, description="Time of the first byte from chip to chip, switch included.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte over the link, both ends included.")
    static_w: Watts = Field(0.0, description="Power of the link that burns while idle: lasers, heaters, transceivers.")
    optical: str | None = Field(None, description="Optics the numbers come from, a name of hw_configs/optics.")
    length_m: Metres = Field(0.0, description="Length of the link, where it names optics.")
    reconfiguration_s: Seconds = Field(
        0.0, description="Time to set the circuit switch on the way to other circuits, where there is one."
    )
    through: str | None = Field(None, description="Optical circuit switch on the way, a name of hw_configs/optics.")
