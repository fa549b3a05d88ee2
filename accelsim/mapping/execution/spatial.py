"""Spatial: groups of operators own rectangles of tiles, weights stay there and activations stream."""

from __future__ import annotations

from typing import ClassVar

from accelsim.mapping.execution.base import register_execution
from accelsim.mapping.plan_keys import Count, PlanKey, Word

PLACER = PlanKey("placer", Word(), "Who finds the rectangles of the groups; see accelsim show placers. Default: snake.")
CHUNK = PlanKey(
    "chunk",
    Count(),
    "Tokens of a prompt, or requests that decode, that walk through the rectangles together; "
    "default: the number with the smallest estimated latency.",
)
GRANULARITY = PlanKey(
    "granularity", Word(), "What shares a rectangle: layer, block (attention, MLP) or operator.", default="block"
)
OBJECTIVE = PlanKey(
    "objective",
    Word(("byte_hops", "latency")),
    "What placers make least: byte_hops (bytes x hops) or latency (estimated seconds).",
    default="byte_hops",
)


@register_execution("spatial")
class Spatial:
    """Groups of operators on rectangles of tiles, through which units of activations walk one behind another."""

    keys: ClassVar[tuple[PlanKey, ...]] = (PLACER, CHUNK, GRANULARITY, OBJECTIVE)
