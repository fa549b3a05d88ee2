"""A small description that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

from pydantic import Field, PositiveInt

from accelsim.config.quantity import Bytes, BytesPerS, Fraction, Hertz, Seconds
from accelsim.config.schema import Spec


class Shape(Enum):
    RING = "ring"
    TORUS = "torus"


class Memory(Spec):
    """A memory.

    Attributes:
        capacity_bytes: Bytes a program can use,
            spares left out.
        latency_s: Time of one access.
    """

    capacity_bytes: Bytes
    bandwidth_bytes_per_s: BytesPerS = Field(gt=0, description="Peak rate, per direction.")
    latency_s: Seconds = 0.0


class Level(Spec):
    """One level of a machine."""

    name: str
    topology: Shape
    num_links: PositiveInt = 1
    mode: Literal["half", "full"] = "full"


class Machine(Spec):
    """A machine for tests. More text."""

    name: str
    clock_hz: Hertz = Field(description="Clock of the cores.")
    memories: Mapping[str, Memory] = Field(default_factory=dict)
    levels: tuple[Level, ...] = ()
    busy: Fraction = 1.0
    spare: Memory | None = None
    peaks: Mapping[Shape, BytesPerS] = Field(default_factory=dict)


GOOD = """\
name: small
clock: {value: 1410 MHz, source: "white paper", kind: datasheet, note: boost}
memories:
  hbm:
    capacity: 80 GiB
    bandwidth:
      value: 2 TB/s
      kind: measured
levels:
  - {name: board, topology: ring}
  - {name: pod, topology: torus, num_links: 4}
busy: 90%
"""
