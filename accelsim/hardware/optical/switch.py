"""An optical circuit switch: mirrors (or other passive paths) that join input ports to output ports one to one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from accelsim.config.bounds import Count
from accelsim.config.quantity import Seconds, Watts
from accelsim.config.schema import Spec
from accelsim.hardware.optical.decibel import LossDb


class OpticalSwitch(Spec):
    """An optical circuit switch; it forwards light, so it has no bandwidth, buffers or arbitration of its own.

    A port carries one circuit at a time. Setting circuits takes ``reconfiguration`` during which the ports that change
    carry nothing; other circuits go on. Not modelled: the control plane beyond that time, return loss, ports that fail.
    """

    schema_version: Literal[1]
    kind: Literal["optical_switch"]
    name: str = Field(min_length=1, description="Name used in systems; the file is called the same.")
    description: str = Field(description="Published figures, modelling decisions, what is left out.")
    ports: Count = Field(description="Inputs, and as many outputs, in use.")
    reconfiguration_s: Seconds = Field(description="Time from the command until light passes the new circuits.")
    insertion_loss_db: LossDb = Field(alias="insertion_loss", description="Loss of one pass.")
    latency_s: Seconds = Field(0.0, description="Time through the switch.")
    power_w: Watts = Field(0.0, description="Power of the whole switch, always on.")
