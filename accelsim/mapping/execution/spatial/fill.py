"""The SRAM of settled groups: of every group's tiles, and of the chip that holds most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from accelsim.mapping.execution.spatial.lanes import Spot
from accelsim.mapping.execution.spatial.occupancy import Fill, Occupancy, kv_capacity
from accelsim.mapping.execution.spatial.settle import Settled
from accelsim.mapping.footprint import Footprint
from accelsim.workload.tensor import Role
from accelsim.workload.traversal import Traversal

_HELD = (Role.WEIGHT, Role.KV_CACHE, Role.ACTIVATION)


def fill_sram(settled: Settled, fullest: Traversal) -> Occupancy:
    """What one tile of each group holds; ``fullest`` says how many tokens the KV cache then has.

    Args:
        settled: Groups on their rectangles.
        fullest: The pass with the most tokens in the KV cache.
    """
    fills = []
    for index, (group, tiles) in enumerate(zip(settled.walk.pipeline.groups, settled.tiles, strict=True)):
        part = settled.walk.pipeline.part_of(index)
        fills.append(
            Fill(
                name=group.name,
                num_tiles=tiles,
                weight_bytes=part.weight_bytes / tiles,
                kv_bytes=part.kv_bytes / tiles,
                buffer_bytes=settled.walk.prices.group_buffer_bytes(index) / tiles,
                scratch_bytes=max((p.scratch_bytes for p in settled.prices[index] if p is not None), default=0),
                capacity_bytes=settled.floor.system.chip.sram_per_core_bytes,
            )
        )
    rectangles = _by_spot(settled, fills)
    return Occupancy(tuple(fills), tuple(rectangles), kv_capacity(rectangles, fullest.positions))


def fullest_chip(settled: Settled, occupancy: Occupancy) -> Footprint:
    """Weights, KV cache, and buffers with operator scratch, of the chip that holds most.

    Args:
        settled: Groups on their rectangles, perhaps of several chips.
        occupancy: What one tile of each group holds.
    """
    chips: dict[int, dict[str, int]] = defaultdict(lambda: {role.value: 0 for role in _HELD})
    spots = dict.fromkeys(settled.floor.spots)
    for spot, fill in zip(spots, occupancy.rectangles, strict=True):
        held = chips[spot.chip]
        held[Role.WEIGHT.value] += round(fill.weight_bytes * fill.num_tiles)
        held[Role.KV_CACHE.value] += round(fill.kv_bytes * fill.num_tiles)
        held[Role.ACTIVATION.value] += round((fill.buffer_bytes + fill.scratch_bytes) * fill.num_tiles)
    fullest = max(chips.values(), key=lambda held: sum(held.values()))
    return Footprint("sram", settled.floor.system.chip.sram_bytes, fullest)


def _by_spot(settled: Settled, fills: Sequence[Fill]) -> list[Fill]:
    """What one tile of each rectangle holds: all that its groups keep, and what the hungriest needs while it runs."""
    found: dict[Spot, Fill] = {}
    for spot, fill in zip(settled.floor.spots, fills, strict=True):
        found[spot] = found[spot].beside(fill) if spot in found else fill
    return list(found.values())
