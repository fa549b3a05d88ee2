"""SRAM of every group's tiles: what stays, what waits in buffers, what operators need while they run.

Weights, KV cache and buffers are spread evenly over a rectangle, so one tile stands for all of its group.  The curve
follows the KV cache, which fills as units pass; weights, buffers and scratch are held for the whole run, because a tile
program sets its buffers aside before it starts.

Not modelled: code, stack, and the uneven last tiles of a tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from accelsim.engine.timeline import Timeline

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fill:
    """SRAM of one group, bytes per tile.

    Attributes:
        name: Group.
        num_tiles: Tiles of its rectangle.
        weight_bytes: Weights.
        kv_bytes: KV cache at the end of the run.
        buffer_bytes: Activations that wait to go in or out: double buffers, more where a flow bypasses groups.
        scratch_bytes: What the hungriest operator needs beside these.
        capacity_bytes: SRAM of one tile.
    """

    name: str
    num_tiles: int
    weight_bytes: float
    kv_bytes: float
    buffer_bytes: float
    scratch_bytes: float
    capacity_bytes: float

    def beside(self, other: Fill) -> Fill:
        """Both on the same tiles, one after the other: what stays adds up, scratch is that of the hungrier one."""
        return replace(
            self,
            weight_bytes=self.weight_bytes + other.weight_bytes,
            kv_bytes=self.kv_bytes + other.kv_bytes,
            buffer_bytes=self.buffer_bytes + other.buffer_bytes,
            scratch_bytes=max(self.scratch_bytes, other.scratch_bytes),
        )

    @property
    def peak_bytes(self) -> float:
        """Fullest moment."""
        return self.weight_bytes + self.kv_bytes + self.buffer_bytes + self.scratch_bytes

    @property
    def fraction(self) -> float:
        """Share of the SRAM used at the fullest moment."""
        return self.peak_bytes / self.capacity_bytes


@dataclass(frozen=True, slots=True)
class Occupancy:
    """SRAM of all groups.

    Attributes:
        fills: One per group.
        rectangles: One per rectangle; several groups may share one.
        kv_capacity_tokens: Tokens (all sequences together) whose KV cache fits beside everything else in the group
            that runs out first; None if no group keeps a cache.
    """

    fills: tuple[Fill, ...]
    rectangles: tuple[Fill, ...]
    kv_capacity_tokens: int | None

    @property
    def fullest(self) -> Fill:
        """Fullest tiles, by the name of their first group."""
        return max(self.rectangles, key=lambda fill: fill.fraction)


def kv_capacity(fills: Sequence[Fill], kv_tokens: int) -> int | None:
    """Tokens that fit when ``kv_tokens`` need the ``kv_bytes`` of ``fills``.

    Args:
        fills: SRAM of one tile of every group.
        kv_tokens: Tokens of all sequences in the caches of ``fills``.

    Returns:
        Tokens at which the first group is full; None where nothing is cached.
    """
    cached = [fill for fill in fills if fill.kv_bytes > 0]
    if not cached or kv_tokens < 1:
        return None
    return min(
        int((fill.capacity_bytes - fill.peak_bytes + fill.kv_bytes) / (fill.kv_bytes / kv_tokens)) for fill in cached
    )


def occupancy_curve(
    fill: Fill, group_task: int, num_tasks: int, unit_tokens: FloatArray, cached_before: float, timeline: Timeline
) -> tuple[FloatArray, FloatArray]:
    """Bytes per tile of one group over time, as steps: ``(times_s, bytes)``, each value from its time on.

    Args:
        fill: The group.
        group_task: Its task in the graph of one unit.
        num_tasks: Tasks of one unit.
        unit_tokens: New tokens that each unit caches. float64[units].
        cached_before: Tokens cached when the run starts.
        timeline: The run.
    """
    starts = timeline.start_s[group_task::num_tasks]
    order = np.argsort(starts, kind="stable")
    tokens = cached_before + np.cumsum(unit_tokens[order])
    share = np.concatenate([[cached_before], tokens]) / max(float(tokens[-1]), 1.0)
    held = fill.weight_bytes + fill.buffer_bytes + fill.scratch_bytes
    return np.concatenate([[0.0], starts[order]]), held + fill.kv_bytes * share
