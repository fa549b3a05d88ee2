"""What a run costs and emits at the prices its user states; nothing is assumed and nothing is shown without them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from accelsim.errors import ConfigError
from accelsim.results.data import RunData

S_PER_HOUR = 3600.0
J_PER_KWH = 3.6e6
TOKENS = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices stated by the user; None where none is.

    Attributes:
        price_per_chip_hour: Price of one chip for one hour, in any currency: what a cloud asks, or the price of a chip
            over its hours of life.
        grid_gco2_per_kwh: Carbon intensity of the electricity, in grams of CO2 (equivalent) per kWh.

    Raises:
        ConfigError: A rate is negative or not finite.
    """

    price_per_chip_hour: float | None = None
    grid_gco2_per_kwh: float | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("price per chip-hour", self.price_per_chip_hour),
            ("grid intensity", self.grid_gco2_per_kwh),
        ):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"{name}: {value} is not a rate. Give a finite number, 0 or more.")


def bill(result: RunData, rates: Rates) -> dict[str, dict[str, float]]:
    """Cost and carbon of a run, each only where its rate is stated.

    Cost is the price of the chips of the plan over the latency: chips of the system that the plan leaves idle are not
    counted, nor is time between runs.  Carbon is the modelled energy of the chips at the intensity of the grid: hosts,
    switches, cooling and the making of chips are not counted.

    Args:
        result: The run.
        rates: What the user states; a rate that is None leaves its part out.

    Returns:
        ``cost`` and ``carbon``, each with its rate, its total and that per million tokens.
    """
    found: dict[str, dict[str, float]] = {}
    per_million = TOKENS / result.tokens
    if rates.price_per_chip_hour is not None:
        total = rates.price_per_chip_hour * result.num_chips * result.latency_s / S_PER_HOUR
        found["cost"] = {
            "price_per_chip_hour": rates.price_per_chip_hour,
            "total": total,
            "per_million_tokens": total * per_million,
        }
    if rates.grid_gco2_per_kwh is not None:
        grams = rates.grid_gco2_per_kwh * result.energy.total_j / J_PER_KWH
        found["carbon"] = {
            "grid_gco2_per_kwh": rates.grid_gco2_per_kwh,
            "total_g": grams,
            "per_million_tokens_g": grams * per_million,
        }
    return found
