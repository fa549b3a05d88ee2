"""What one group sends at once: a tensor that several groups of a chip read travels to them as one tree.

Flows say who reads what; a cast is what the network carries.  A tensor with one reader is a cast of one flow.  Readers
on another chip share one transfer through the ports.

An operator never spans groups, so no partial sum crosses from group to group: reductions stay inside a rectangle,
where the cost model prices them as trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.mapping.execution.spatial.groups import Flow


@dataclass(frozen=True, slots=True)
class Cast:
    """A tensor on its way from one group to all its readers on one chip.

    Attributes:
        producer: Group that sends.
        flows: Numbers of the flows it serves, rising.
        consumers: Group that each of them ends at.
        tensor: Name of the tensor.
    """

    producer: int
    flows: tuple[int, ...]
    consumers: tuple[int, ...]
    tensor: str


def casts_of(flows: Sequence[Flow], chip_of: Sequence[int]) -> tuple[Cast, ...]:
    """Flows that carry the same tensor from one group to one chip, together; in order of their first flow.

    Args:
        flows: What each group reads from another.
        chip_of: Chip of each group.
    """
    found: dict[tuple[int, int, str, bool, int], list[int]] = {}
    for index, flow in enumerate(flows):
        key = flow.producer, flow.segment, flow.tensor, flow.is_feedback, chip_of[flow.consumer]
        found.setdefault(key, []).append(index)
    return tuple(
        Cast(key[0], tuple(members), tuple(flows[i].consumer for i in members), key[2])
        for key, members in found.items()
    )
