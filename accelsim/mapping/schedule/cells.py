"""Where the cells of a schedule are in a task graph, and how long its stages are idle between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.engine.taskgraph import Int64Array
from accelsim.engine.timeline import Timeline
from accelsim.mapping.schedule.base import Cell


@dataclass(frozen=True, eq=False)
class Cells:
    """Where the cells of a pipeline are in its graph.

    Attributes:
        cells: Stage by stage, in the order in which they are played.
        first: First task of each. int64[cells].
        last: Task that ends when all of the cell has ended but for what it sends. int64[cells].
    """

    cells: tuple[Cell, ...]
    first: Int64Array
    last: Int64Array

    @property
    def num_stages(self) -> int:
        """Stages of the pipeline."""
        return len({cell.stage for cell in self.cells})

    def spans(self, timeline: Timeline) -> tuple[Int64Array, Int64Array]:
        """Start and end of each cell, in ticks. int64[cells] each."""
        begun = [timeline.start_ticks[a:b].min() for a, b in zip(self.first, self.last, strict=True)]
        return np.array(begun, dtype=np.int64), timeline.end_ticks[self.last]

    def bubble_fraction(self, timeline: Timeline) -> float:
        """Part of the makespan in which a stage plays no cell, mean of the stages."""
        start, end = self.spans(timeline)
        return 1.0 - float((end - start).sum()) / (self.num_stages * timeline.makespan_ticks)
