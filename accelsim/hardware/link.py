"""One direction of a link between chips, as a frozen description."""

from __future__ import annotations

from pydantic import Field

from accelsim.config.quantity import BytesPerS, JoulesPerByte, Seconds
from accelsim.config.schema import Spec


class LinkSpec(Spec):
    """What one chip can send over one link (or, on a switch, over its port), per direction.

    Not modelled here: packet headers and flow control (part of a level's efficiency), bit errors.
    """

    bandwidth_bytes_per_s: BytesPerS = Field(gt=0, description="Bandwidth per direction, of one chip's link or port.")
    latency_s: Seconds = Field(0.0, description="Time of the first byte from chip to chip, switch included.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy of one byte over the link, both ends included.")
