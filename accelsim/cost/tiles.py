"""What bsp and mesh machines have in common: a cost by cause and by bytes of tiles, as the cost of an operator."""

from __future__ import annotations

from typing import Protocol

from accelsim.cost.cost import Cost
from accelsim.cost.elementwise import Values
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator


class TileBytes(Protocol):
    """Bytes that tiles read, write, send and hold."""

    @property
    def sram_bytes(self) -> Values:
        """Read and written in the SRAM of all tiles."""

    @property
    def noc_bytes(self) -> Values:
        """Moved between tiles."""

    @property
    def tile_bytes(self) -> Values:
        """Held by one tile at once."""


def cost_on_tiles(operator: Operator, chip: Chip, moved: TileBytes, parts_s: dict[str, float]) -> Cost:
    """The cost of an operator whose causes follow each other, with the energy of its arithmetic and bytes.

    Args:
        operator: What is computed.
        chip: The chip with its energies.
        moved: The bytes, one number each.
        parts_s: Seconds by cause; they add up to the time.
    """
    traffic_bytes = {"sram": float(moved.sram_bytes), "noc": float(moved.noc_bytes)}
    energy_j = operator.flops * chip.matrix_energy_j_per_flop + traffic_bytes["sram"] * chip.sram_energy_j_per_byte
    if chip.noc is not None:
        energy_j += traffic_bytes["noc"] * chip.noc.energy_j_per_byte
    return Cost(
        tile_bytes=float(moved.tile_bytes),
        traffic_bytes=traffic_bytes,
        energy_j=energy_j,
        work_s=sum(parts_s.values()),
        parts_s=parts_s,
        limiter=max(parts_s, key=lambda cause: parts_s[cause]),
    )
