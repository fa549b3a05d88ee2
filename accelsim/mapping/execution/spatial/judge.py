"""The estimated time of a layout, which placers make least.

A unit passes all groups of a chip one after another and all that they send; the slowest group or transfer sets the pace
of those behind it::

    sum of groups and transfers + (units - 1) x slowest

Groups are priced on the very rectangles; a transfer takes its hops and its bytes over as many links side by side as the
shorter sides of its ends have.  Not modelled here: transfers that meet on a link (the simulation has them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.cost.base import Region
from accelsim.hardware.chip import Chip
from accelsim.mapping.execution.spatial.pricing import GroupPrice
from accelsim.mapping.execution.spatial.walk import Walk
from accelsim.mapping.placement.base import FloatArray, IntArray, Net, Timing


@dataclass(frozen=True, eq=False)
class LatencyJudge:
    """Estimates layouts of one run.

    Attributes:
        walk: Groups, units, and what they cost on any region.
        chip: Whose tiles they are.
    """

    walk: Walk
    chip: Chip

    def of(self, members: Sequence[int]) -> Timing:
        """What makes rectangles of the groups ``members`` fast."""
        place = {group: at for at, group in enumerate(members)}
        stream, pipeline = self.walk.stream, self.walk.pipeline
        typical = int(np.argmax(stream.counts * np.array([shape.tokens for shape in stream.shapes])))
        hungriest = max(
            range(len(stream.shapes)), key=lambda at: (stream.shapes[at].tokens, stream.shapes[at].past_len)
        )
        noc = self.chip.noc
        assert noc is not None
        transfers = (
            Net((place[flow.producer], place[flow.consumer]), float(self.walk.flow_bytes[index, typical]))
            for index, flow in enumerate(pipeline.flows)
            if flow.producer in place and flow.consumer in place
        )

        def item_s(part: int, rows: IntArray, cols: IntArray) -> FloatArray:
            return np.array([price.work_s for price in self._prices(part, rows, cols, typical)])

        def lacks(part: int, rows: IntArray, cols: IntArray) -> FloatArray:
            short = [price.short_bytes for price in self._prices(part, rows, cols, hungriest)]
            return np.maximum(0.0, short) / self.chip.sram_per_core_bytes

        return Timing(
            kinds=tuple(pipeline.groups[group].part for group in members),
            item_s=item_s,
            lacks=lacks,
            transfers=tuple(transfers),
            hop_s=noc.hop_latency_s,
            byte_s=1.0 / noc.link_bandwidth_bytes_per_s,
            slowest=float(stream.in_flight - 1),
        )

    def _prices(self, part: int, rows: IntArray, cols: IntArray, shape: int) -> list[GroupPrice]:
        """Price of a part on each of some rectangles, for a unit of one shape."""
        pairs = zip(rows.tolist(), cols.tolist(), strict=True)
        return [self.walk.prices.one(part, Region(*pair), shape) for pair in pairs]
