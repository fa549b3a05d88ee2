"""Multi-dimensional bucket algorithms for tori: one ring phase per dimension, all dimensions at work at once.

The buffer is cut into parts. A part is reduce-scattered along one dimension after the other, which leaves each rank a
chunk, and gathered back along them in reverse; each part starts with another dimension, so in every phase different
parts use different links. On a torus whose extents all exceed two there are two parts per dimension, one for each
direction; otherwise one per dimension. So n = L1 x L2 x ... ranks need ``2 (L1 - 1 + L2 - 1 + ...)`` steps where one
ring needs ``2 (n - 1)``, and move the same bytes.

All parts are in step: where extents differ, a step lasts as long as the part that sends most in it, which is slower
than parts that run ahead of each other.

Source:
    Barnett, Littlefield, Payne, van de Geijn, *Global combine on mesh architectures with wormhole routing*, IPPS 1993.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.cost.call import FoldedStep
from accelsim.network.collectives.base import TwoPhases, register_phases
from accelsim.network.collectives.schedule import IntArray, Schedule, make_schedule, rows_of, split_evenly

NAME = "torus_bucket"


@dataclass(frozen=True, slots=True)
class _Slice:
    """One part of the buffer: the order of its dimensions and the direction it travels in."""

    index: int
    order: tuple[int, ...]
    direction: int


def _parts(shape: tuple[int, ...]) -> list[_Slice]:
    used = [axis for axis, extent in enumerate(shape) if extent > 1]
    directions = (1, -1) if all(shape[axis] > 2 for axis in used) else (1,)
    orders = [tuple(used[first:] + used[:first]) for first in range(len(used))]
    pairs = itertools.product(orders, directions)
    return [_Slice(index, order, direction) for index, (order, direction) in enumerate(pairs)]


def _phase_steps(shape: tuple[int, ...], phase: int) -> int:
    return max(shape[part.order[phase]] for part in _parts(shape)) - 1


def _folded_phase(nbytes: int, shape: tuple[int, ...], phase: int) -> list[FoldedStep]:
    """The steps of one phase, each as long as the part that sends most in it; equal neighbours are joined."""
    parts = _parts(shape)
    chunk_bytes = -(-nbytes // (len(parts) * math.prod(shape)))
    sent = {part: chunk_bytes * math.prod(shape[axis] for axis in part.order[phase + 1 :]) for part in parts}
    largest = [
        max(sent[part] for part in parts if step < shape[part.order[phase]] - 1)
        for step in range(_phase_steps(shape, phase))
    ]
    return [FoldedStep(size, len(list(steps))) for size, steps in itertools.groupby(largest)]


def _ring_rows(shape: tuple[int, ...], part: _Slice, phase: int, gathers: bool) -> Iterator[tuple[int, IntArray]]:
    """For each step of one phase of a part, rows ``(src, dst, chunk)``: every rank, every chunk it sends."""
    ranks = np.stack(np.unravel_index(np.arange(math.prod(shape)), shape), 1)
    axis, free = part.order[phase], part.order[phase + 1 :]
    extent = shape[axis]
    others = np.array(list(itertools.product(*(range(shape[a]) for a in free))), dtype=np.int64)
    place = ranks[:, axis] * part.direction
    after = ranks.copy()
    after[:, axis] = (after[:, axis] + part.direction) % extent
    dst = np.ravel_multi_index(tuple(after.T), shape)
    for step in range(extent - 1):
        owner = np.repeat(ranks[:, None, :], len(others), 1)
        owner[:, :, list(free)] = others[None]
        owner[:, :, axis] = ((place - step - (0 if gathers else 1)) * part.direction % extent)[:, None]
        chunk = np.ravel_multi_index(tuple(np.moveaxis(owner, 2, 0)), shape) + part.index * len(ranks)
        src = np.repeat(np.arange(len(ranks)), len(others))
        yield step, np.stack([src, np.repeat(dst, len(others)), chunk.ravel()], 1)


def _schedule(nbytes: int, shape: tuple[int, ...], scatters: bool, gathers: bool) -> Schedule:
    parts, num_ranks = _parts(shape), math.prod(shape)
    num_phases = len(parts[0].order) if parts else 0
    phases = [(phase, False) for phase in range(num_phases)] if scatters else []
    phases += [(phase, True) for phase in reversed(range(num_phases))] if gathers else []
    rows = [np.empty((0, 5), dtype=np.int64)]
    first_step = 0
    for phase, gather in phases:
        for part in parts:
            for step, moved in _ring_rows(shape, part, phase, gather):
                fixed = np.tile([first_step + step, int(not gather)], (len(moved), 1))
                rows.append(np.concatenate([fixed, moved], 1))
        first_step += _phase_steps(shape, phase)
    table = np.concatenate(rows)
    table = table[np.argsort(table[:, 0], kind="stable")]
    step, reduce, src, dst, chunk = table.T
    chunk_bytes = split_evenly(nbytes, num_ranks * max(1, len(parts)))
    return Schedule(num_ranks, chunk_bytes, step, src, dst, chunk, reduce.astype(bool))


def _messages(nbytes: int, shape: tuple[int, ...], scatters: bool, gathers: bool) -> Schedule:
    """One row per step, part and rank; chunks count as the largest."""
    parts, num_ranks = _parts(shape), math.prod(shape)
    num_phases = len(parts[0].order) if parts else 0
    order = list(range(num_phases)) * int(scatters) + list(reversed(range(num_phases))) * int(gathers)
    ranks = np.arange(num_ranks).reshape(shape)
    chunk_bytes = -(-nbytes // (num_ranks * max(1, len(parts))))
    first_step = 0
    sizes: list[int] = []
    blocks: list[IntArray] = []
    for phase in order:
        for part in parts:
            axis = part.order[phase]
            dst = np.roll(ranks, -part.direction, axis).ravel()
            steps = first_step + np.arange(shape[axis] - 1)[:, None]
            blocks.append(rows_of(steps, ranks.ravel()[None], dst[None], len(sizes), False))
            sizes.append(chunk_bytes * math.prod(shape[a] for a in part.order[phase + 1 :]))
        first_step += _phase_steps(shape, phase)
    return make_schedule(num_ranks, np.array(sizes, dtype=np.int64), blocks)


def _folded(nbytes: int, shape: tuple[int, ...], scatters: bool, gathers: bool) -> tuple[FoldedStep, ...]:
    num_phases = sum(extent > 1 for extent in shape)
    phases = [_folded_phase(nbytes, shape, phase) for phase in range(num_phases)]
    order = (phases if scatters else []) + (phases[::-1] if gathers else [])
    return tuple(step for phase in order for step in phase)


@register_phases(NAME)
class Bucket(TwoPhases):
    """In each phase a ring per dimension and part of the buffer, all dimensions at work at once."""

    follows_grid = True
    topologies = frozenset({"mesh", "torus"})

    def links(self, shape: tuple[int, ...]) -> int:
        """Links each rank uses at once: one per part."""
        return max(1, len(_parts(shape)))

    def schedule(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers, one row per chunk."""
        return _schedule(nbytes, shape, self.scatters, self.gathers)

    def messages(self, nbytes: int, shape: tuple[int, ...]) -> Schedule:
        """All transfers, one row per step, part and rank."""
        return _messages(nbytes, shape, self.scatters, self.gathers)

    def folded(self, nbytes: int, shape: tuple[int, ...]) -> tuple[FoldedStep, ...]:
        """One entry per phase, in bytes over one link."""
        return _folded(nbytes, shape, self.scatters, self.gathers)
