"""Power of the light over the cores that must be on for a run, whether or not it carries something."""

from __future__ import annotations

from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.mapping.mapped import Mapped


def lit_w(mapped: Mapped, chip: Chip) -> float:
    """Lasers and rings of all chips, in watts: of each region for its hungriest operator, of groups also their paths.

    Args:
        mapped: What ran.
        chip: Its cores and stations.
    """
    if mapped.on_tiles is not None:
        return mapped.on_tiles.light_w * int(mapped.plan.dp)
    hungriest_w = max((cost.light_w for _, cost in mapped.prices()), default=0.0)
    regions = max(1, chip.num_cores // region_of(mapped.plan, chip).num_cores)
    return hungriest_w * regions * mapped.num_chips
