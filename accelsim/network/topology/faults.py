"""Dead and slow links of a level, renumbered for a part of it or for the chips inside its members."""

from __future__ import annotations

import math

import numpy as np

from accelsim.errors import ConfigError
from accelsim.hardware.level import Level, LinkFault, SystemLevel

_SWITCH = "switch"


def faults_of_block(level: SystemLevel, shape: tuple[int, ...], stride: int = 1) -> Level:
    """What describes ``level``, with the faults that a block of ``shape`` members, ``stride`` apart, has.

    All blocks of a level are priced as one, so the block has the faults of every block: the slowest sets the pace.
    A link between two blocks carries nothing of either and is left out.

    Args:
        level: A level with all its members.
        shape: Extents of the block in members; as many dimensions as the level, or one.
        stride: Distance of its members in the order of the level, where the block has one dimension.

    Raises:
        ConfigError: A fault at a switch of a topology whose blocks have other switches than the whole.
    """
    if not level.spec.faults or shape == level.shape:
        return level.spec
    if len(shape) == 1:  # chips of a block are `stride` apart
        places = np.arange(level.size) // stride % shape[0]
        blocks = np.arange(level.size) // (stride * shape[0]) * stride + np.arange(level.size) % stride
    else:
        at = np.indices(level.shape).reshape(len(shape), -1)
        extents = np.array(shape)[:, None]
        places = np.ravel_multi_index(tuple(at % extents), shape)
        blocks = np.ravel_multi_index(tuple(at // extents), level.shape)
    left: dict[tuple[int, int], float] = {}
    for fault in level.spec.faults:
        ends = [node for node in (fault.src, fault.dst) if node < level.size]
        if len(ends) < 2 and (level.topology != _SWITCH or max(fault.src, fault.dst) > level.size):
            raise ConfigError(
                f"system.levels.{level.name}: faults: link {fault.src} to {fault.dst} of {level} has no place in a "
                f"group of {math.prod(shape)}. Use groups that span the level, or faults between its members."
            )
        if len({int(blocks[node]) for node in ends}) > 1:
            continue
        src, dst = (int(places[node]) if node < level.size else math.prod(shape) for node in (fault.src, fault.dst))
        left[src, dst] = min(fault.capacity_fraction, left.get((src, dst), 1.0))
    faults = tuple(LinkFault(src=src, dst=dst, capacity_fraction=share) for (src, dst), share in left.items())
    return level.spec.model_copy(update={"faults": faults})


def faults_of_ports(level: SystemLevel, inner: int) -> Level:
    """What describes a switch over groups of ``inner`` chips, with the faults of a group at the port of each chip.

    Args:
        level: A switch whose members are groups of chips.
        inner: Chips per group.

    Raises:
        ConfigError: A fault that is no link between a group and the switch.
    """
    faults: list[LinkFault] = []
    for fault in level.spec.faults:
        group, switch = sorted((fault.src, fault.dst))
        if group == switch or switch != level.size:
            raise ConfigError(
                f"system.levels.{level.name}: faults: no link from node {fault.src} to {fault.dst}. Its members are "
                f"groups of {inner} chips, 0 to {level.size - 1}, each with links to and from the switch, {level.size}."
            )
        hub = level.size * inner
        for chip in range(group * inner, (group + 1) * inner):
            ends = {"src": chip, "dst": hub} if fault.src == group else {"src": hub, "dst": chip}
            faults.append(fault.model_copy(update=ends))
    return level.spec.model_copy(update={"faults": tuple(faults)})
