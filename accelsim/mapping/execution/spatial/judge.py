"""The estimated time of a layout, for placers that shall find fast ones instead of short wires.

A unit passes all groups of a chip one after another and all that they send; the slowest group or transfer sets the pace
of those behind it::

    sum of groups and transfers + (units - 1) x slowest

Groups are priced on the very rectangles; a transfer takes its hops and its bytes over as many links side by side as the
shorter sides of its ends have.  Not modelled here: transfers that meet on a link (the simulation has them).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.cost.base import Region
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.walk import Walk
from accelsim.network.noc import Rectangle


@dataclass(frozen=True, eq=False)
class LatencyJudge:
    """Estimates layouts of one run.

    Attributes:
        walk: Groups, units, and what they cost on any region.
        chip: Whose tiles they are.
    """

    walk: Walk
    chip: Chip

    def of(self, members: Sequence[int]) -> Callable[[Sequence[Rectangle]], float]:
        """Seconds of rectangles of the groups ``members``, in their order."""
        place = {group: at for at, group in enumerate(members)}
        stream = self.walk.stream
        typical = int(np.argmax(stream.counts * np.array([shape.tokens for shape in stream.shapes])))
        wires = [
            (place[flow.producer], place[flow.consumer], float(self.walk.flow_bytes[index, typical]))
            for index, flow in enumerate(self.walk.pipeline.flows)
            if flow.producer in place and flow.consumer in place
        ]
        later = stream.in_flight - 1
        noc = self.chip.noc
        assert noc is not None

        def seconds(rectangles: Sequence[Rectangle]) -> float:
            times = [self._work_s(group, r, typical) for group, r in zip(members, rectangles, strict=True)]
            for a, b, nbytes in wires:
                p, q = rectangles[a], rectangles[b]
                hops = abs(p.row + p.rows / 2 - q.row - q.rows / 2) + abs(p.col + p.cols / 2 - q.col - q.cols / 2)
                side = min(p.rows, p.cols, q.rows, q.cols)
                times.append(hops * noc.hop_latency_s + nbytes / (side * noc.link_bandwidth_bytes_per_s))
            return sum(times) + later * max(times)

        return seconds

    def _work_s(self, group: int, rectangle: Rectangle, typical: int) -> float:
        """Time of a group for one unit; infinite where it does not fit."""
        row = self.walk.prices.on(self.walk.pipeline.groups[group].part, Region(rectangle.rows, rectangle.cols))
        prices = [price for price in row if price is not None]
        if any(price.short_bytes > 0 for price in prices):
            return math.inf
        price = row[typical] or prices[0]
        return price.work_s
