"""Hierarchical algorithms: scatter inside the groups, work across them, gather inside again.

Groups are the last dimension of the shape, other dimensions count groups. Between groups every rank talks only to the
rank of the same place, about its own part, so the slow level outside carries 1/members of the buffer per port.

Source:
    Cho et al., *BlueConnect: decomposing all-reduce for deep learning on heterogeneous network hierarchy*, 2019.
"""

from __future__ import annotations

import math

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import TwoPhases, register_phases
from accelsim.network.collectives.ring import ring_rows
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, split_evenly

NAME = "hierarchical"


def groups_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Groups and members of each; a shape of one dimension is cut into the most even groups."""
    if len(shape) > 1:
        return math.prod(shape[:-1]), shape[-1]
    num_ranks = shape[0]
    members = max(n for n in range(1, math.isqrt(num_ranks) + 1) if num_ranks % n == 0)
    return num_ranks // members, members


def _inside(rows: IntArray, groups: int, members: int) -> IntArray:
    """Rows of a collective of one group repeated in every group; a chunk stands for one of each group's."""
    step, src, dst, chunk, reduce = (column[:, None, None] for column in rows.T)
    group, part = np.arange(groups)[None, :, None], np.arange(groups)[None, None]
    columns = (step, group * members + src, group * members + dst, part * members + chunk, reduce)
    return np.stack([column.ravel() for column in np.broadcast_arrays(*columns)], 1)


def _across(rows: IntArray, members: int) -> IntArray:
    """Rows of a collective among groups repeated for every place in a group."""
    step, src, dst, chunk, reduce = (column[:, None] for column in rows.T)
    place = np.arange(members)[None]
    columns = (step, src * members + place, dst * members + place, chunk * members + place, reduce)
    return np.stack([column.ravel() for column in np.broadcast_arrays(*columns)], 1)


@register_phases(NAME)
class Hierarchical(TwoPhases):
    """Rings inside the groups and across them: the slow level outside carries the part of one member."""

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """Rings within rings; rank r owns chunk r."""
        groups, members = groups_of(shape)
        blocks, first = [], 0
        if self.scatters:
            blocks += [_inside(ring_rows(members, 0, True), groups, members)]
            blocks += [_across(ring_rows(groups, members - 1, True), members)]
            first = members + groups - 2
        if self.gathers:
            blocks += [_across(ring_rows(groups, first, False), members)]
            blocks += [_inside(ring_rows(members, first + groups - 1, False), groups, members)]
        return make_schedule(groups * members, split_evenly(nbytes, groups * members), blocks)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """Steps of size / members inside the groups, of size / n between them."""
        groups, members = groups_of(shape)
        chunk_bytes = -(-nbytes // (groups * members))
        inside, across = FoldedStep(groups * chunk_bytes, members - 1), FoldedStep(chunk_bytes, groups - 1)
        order = ([inside, across] if self.scatters else []) + ([across, inside] if self.gathers else [])
        return tuple(step for step in order if step.repeat)
