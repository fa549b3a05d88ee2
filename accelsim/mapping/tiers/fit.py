"""Bytes that each memory of a chip holds, and whether they suffice."""

from __future__ import annotations

from accelsim.hardware.chip import Chip
from accelsim.mapping.footprint import Footprint
from accelsim.mapping.tiers.placing import TierPlacement
from accelsim.units import format_quantity


def tier_footprint(placement: TierPlacement, chip: Chip) -> Footprint:
    """The main memory with what it holds, and those behind it that hold something.

    Args:
        placement: Where the tensors lie.
        chip: The chip with its memories.
    """
    main, *behind = placement.tiers
    further = (Footprint(name, chip.behind[name].capacity_bytes, placement.role_bytes(name)) for name in behind)
    held = tuple(one for one in further if one.total_bytes)
    return Footprint(main, chip.main_memory_bytes, placement.role_bytes(main), held)


def shortage(placement: TierPlacement, chip: Chip) -> str | None:
    """What the memories lack; None if they hold all.

    Args:
        placement: Where the tensors lie.
        chip: The chip with its memories.
    """
    if not placement.short_bytes:
        return None
    need = tier_footprint(placement, chip)
    filled = " and ".join(str(one) for one in (need, *need.behind))
    short = format_quantity(placement.short_bytes, "bytes")
    return f"needs {filled} per chip: {short} short."
