"""Memories of a chip: those its operators read, and those behind, from which what does not fit streams in."""

from __future__ import annotations

from pydantic import Field

from accelsim.config.bounds import CountOrNone
from accelsim.config.quantity import Bytes, BytesPerS, Fraction, JoulesPerByte, Seconds
from accelsim.config.schema import Spec

#: A core as (row, column) from 0.
Tile = tuple[CountOrNone, CountOrNone]


class Memory(Spec):
    """A memory shared by all cores of a chip (an L2, an HBM stack); one entry of ``chip.memories``."""

    capacity_bytes: Bytes = Field(gt=0, description="Bytes a program can use.")
    bandwidth_bytes_per_s: BytesPerS = Field(gt=0, description="Published peak bandwidth, reads and writes together.")
    latency_s: Seconds = Field(0.0, description="Load-to-use latency of one access.")
    energy_j_per_byte: JoulesPerByte = Field(0.0, description="Energy to move one byte between it and a core.")


class Dataflow(Spec):
    """What a chip needs to run operators side by side on its cores, which hand results on in their SRAM."""

    start_s: Seconds = Field(0.0, description="Time to start one section of operators.")
    memory_efficiency: Fraction = Field(
        1.0, gt=0, description="Share of the main memory's bandwidth that weights reach on their way to a section."
    )


class BackingMemory(Memory):
    """A memory behind the main one (DRAM behind SRAM tiles, DDR behind HBM); one entry of ``chip.behind``.

    Operators do not read it: what a plan places there streams in while they run.
    """

    efficiency: Fraction = Field(1.0, gt=0, description="Share of the bandwidth that long streams reach.")
    ports: tuple[Tile, ...] = Field(
        (),
        description="Cores at which its controllers join the on-chip network, every byte spread evenly over them; "
        "none: above every core (stacked), or a chip without such a network.",
    )

    @property
    def stream_bytes_per_s(self) -> float:
        """What a long stream reaches, in bytes/s."""
        return self.bandwidth_bytes_per_s * self.efficiency
