"""Where light takes over from copper: the length from which an optical link needs less energy, or copper ends."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.hardware.optical.copper import CopperLink
from accelsim.hardware.optical.link import OpticalLink


@dataclass(frozen=True, slots=True)
class CopperEnd:
    """Copper against light at one rate of a lane.

    Attributes:
        lane_bytes_per_s: Rate of one copper lane.
        reach_m: Copper without a retimer.
        end_m: Copper with all its retimers.
        from_m: Light needs no more energy than copper, or copper ends, from this length on; 0 where light always wins.
        copper_j_per_byte: Energy of copper just below that length.
        optical_j_per_byte: Energy of light at the given use.
    """

    lane_bytes_per_s: float
    reach_m: float
    end_m: float
    from_m: float
    copper_j_per_byte: float
    optical_j_per_byte: float


def end_of_copper(copper: CopperLink, optical: OpticalLink, utilization: float = 1.0) -> CopperEnd:
    """The shortest length for which light is the better medium.

    Copper's energy rises with every retimer, so the length is a multiple of its reach without one. Light's energy does
    not depend on the length here, only on the use of the link: lasers burn while it idles.

    Args:
        copper: The electrical channel, with its retimers.
        optical: The link of light to compare with.
        utilization: Share of the time in which the optical link carries payload, 0 to 1.

    Raises:
        ValueError: The utilization is not in [0, 1].
    """
    light = optical.energy_per_useful_byte_j(utilization)
    stretches = copper.max_retimers + 1
    found = next((n for n in range(stretches) if _copper_j(copper, n) >= light), stretches)
    below = _copper_j(copper, max(0, found - 1))
    reach_m = copper.reach_m
    return CopperEnd(copper.rate_bytes_per_s, reach_m, stretches * reach_m, found * reach_m, below, light)


def _copper_j(copper: CopperLink, retimers: int) -> float:
    return copper.serdes_energy_j_per_byte + retimers * copper.retimer_energy_j_per_byte
