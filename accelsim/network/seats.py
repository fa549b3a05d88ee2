"""Which chip each rank sits on, and which groups of ranks play a collective at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware.level import GroupLevel
from accelsim.hardware.system import System
from accelsim.network.spread import block_of
from accelsim.workload.group import Group

IntArray = npt.NDArray[np.int64]
#: Topologies whose members are all alike, so that any of them form the same group.
_ALIKE = frozenset({"switch", "fully_connected"})
#: Topologies whose members may all differ, so that no group stands for another.
_UNLIKE = frozenset({"graph"})


@dataclass(frozen=True, slots=True)
class Seats:
    """Chips of the ranks of a plan.

    Attributes:
        num_ranks: Ranks.
        chips: Chip of each rank; None seats rank ``r`` on chip ``r``.
    """

    num_ranks: int
    chips: tuple[int, ...] | None = None

    def of_ranks(self) -> IntArray:
        """Chip of each rank. int64[ranks]."""
        return np.arange(self.num_ranks) if self.chips is None else np.array(self.chips, dtype=np.int64)

    def groups(self, group: Group) -> IntArray:
        """Chips of every group like ``group``; together they hold every rank once. int64[groups, size]."""
        blocks = self.of_ranks().reshape(-1, group.size, group.stride)
        return np.ascontiguousarray(blocks.swapaxes(1, 2).reshape(-1, group.size))

    def pairs(self, group: Group, source: int) -> IntArray:
        """Chips at place ``source`` of the groups, each with its neighbour at the next place. int64[groups, 2].

        Args:
            group: A group of ranks in one order, such as the stages of a pipeline.
            source: Place in the group, from 0 to the last but one.
        """
        return self.groups(group)[:, source : source + 2]

    def follow_levels(self, group: Group, system: System) -> bool:
        """Whether all groups lie on the levels of the system alike, as :meth:`System.group` describes the first.

        Then one stands for all, and none loads a link of another.  A single group of neighbouring ranks always does.

        Args:
            group: Size and stride in ranks.
            system: The levels with their sizes.
        """
        if self.chips is not None:
            return False
        if group.stride == 1 and group.size == self.num_ranks:
            return True
        if any(level.topology in _UNLIKE for level in system.levels.values()):
            return False
        if not _is_aligned(group, self.num_ranks, system):
            return False
        return group.stride == 1 or all(
            _is_apart(part, system, group) for part in system.group(group.size, group.stride)
        )


def interleaved(group: Group, system: System) -> IntArray:
    """Chips of the first group and of those that begin between its first two ranks. int64[groups, size].

    Args:
        group: Size and stride in chips.
        system: The machine, whose chips bound how many groups there are.

    Raises:
        ConfigError: The first group needs more chips than the system has.
    """
    system.group(group.size, group.stride)  # refuses what does not fit
    last = (group.size - 1) * group.stride
    starts = np.arange(min(group.stride, system.num_chips - last))
    return starts[:, None] + np.arange(group.size) * group.stride


def _is_aligned(group: Group, num_ranks: int, system: System) -> bool:
    """Whether no group straddles the members of a level otherwise than the first does."""
    left, apart, ranks = group.size, group.stride, num_ranks
    for level in system.levels.values():
        if left == 1 or ranks <= level.size:  # all ranks in one member: nothing to straddle
            return True
        if apart >= level.size:
            if apart % level.size:
                return False
            apart //= level.size
        else:
            here = min(left, level.size // apart)
            if level.size % (here * apart) or left % here:
                return False
            left, apart = left // here, 1
        ranks = -(-ranks // level.size)
    return True


def _is_apart(part: GroupLevel, system: System, group: Group) -> bool:
    """Whether groups ``stride`` apart have links of their own at a level."""
    level = part.level
    inner = 1
    for name, other in system.levels.items():
        if name == level.name:
            break
        inner *= other.size
    ports = level.spec.ports_per_group
    if ports is not None and min(inner, group.stride) > 1 and inner > ports:
        return False
    if level.topology in _ALIKE or (part.stride == 1 and len(level.shape) == 1):
        return True
    return len(level.shape) > 1 and not block_of(part)[1]
