"""What the networks carry at once: a tensor to all who read it as one tree, summands to their sum as another.

Flows say who reads what; a cast is what the network carries.  A tensor that several groups of a chip read forks on its
way to them; partial results of several groups of a chip are added up where they meet, so each link carries the sum
once.  A tensor with one reader is a cast of one flow.  Readers on other chips share one tree over the links between
chips, and so do the summands of chips whose sum is made on another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.mapping.execution.spatial.groups import Flow


@dataclass(frozen=True, slots=True)
class Cast:
    """A tensor on its way to its readers on its chip or on all others, or such summands on their way to their sum.

    Attributes:
        producers: Groups that send; several where their results are added up.
        flows: Numbers of the flows it serves, rising.
        consumers: Groups that they end at; one where results are added up.
        tensor: Name of the tensor, or of the sum.
    """

    producers: tuple[int, ...]
    flows: tuple[int, ...]
    consumers: tuple[int, ...]
    tensor: str


def casts_of(flows: Sequence[Flow], chip_of: Sequence[int]) -> tuple[Cast, ...]:
    """Flows that travel together, in order of their first flow.

    Args:
        flows: All flows.
        chip_of: Chip of each group.
    """
    found: dict[tuple[object, ...], list[int]] = {}
    for index, flow in enumerate(flows):
        leaves = chip_of[flow.producer] != chip_of[flow.consumer]
        if flow.total:
            key: tuple[object, ...] = flow.consumer, flow.total, leaves
        else:
            key = flow.producer, flow.segment, flow.tensor, flow.is_feedback, leaves
        found.setdefault(key, []).append(index)
    return tuple(_cast([flows[i] for i in members], tuple(members)) for members in found.values())


def _cast(flows: Sequence[Flow], numbers: tuple[int, ...]) -> Cast:
    first = flows[0]
    producers = tuple(flow.producer for flow in flows) if first.total else (first.producer,)
    consumers = (first.consumer,) if first.total else tuple(flow.consumer for flow in flows)
    return Cast(producers, numbers, consumers, first.total or first.tensor)
