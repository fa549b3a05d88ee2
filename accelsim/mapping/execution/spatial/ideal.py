"""A latency that no placement beats: every group on the best rectangle for its tiles, transfers free.

The best is taken per part over near-squares of its tiles and every rectangle that any of the placements compared gave
it, so that one bound holds for all of them; what is left above it is what placement can still win.  The run is the same
task graph with these prices and without bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from accelsim.cost.base import Region
from accelsim.engine.program import run_program
from accelsim.mapping.execution.spatial.lowering import lower_pipeline
from accelsim.mapping.execution.spatial.prices import Prices
from accelsim.mapping.execution.spatial.pricing import GroupPrice
from accelsim.mapping.execution.spatial.run import SpatialRun
from accelsim.mapping.execution.spatial.walk import Walk

#: Longer over shorter side of the rectangles tried.
ASPECTS = (1.0, 1.5, 2.0, 3.0, 5.0)


def ideal_latency_s(runs: Sequence[SpatialRun]) -> float:
    """Least latency over all placements, in seconds.

    Args:
        runs: Placements of one pipeline and stream; the first gives the tiles of each part.
    """
    settled = runs[0].settled
    walk = settled.walk
    best = [_best_prices(walk, part, _regions(runs, part)) for part in range(len(walk.pipeline.parts))]
    free = replace(walk, flow_bytes=np.zeros_like(walk.flow_bytes))
    prices = tuple(best[group.part] for group in walk.pipeline.groups)
    program, _, _ = lower_pipeline(replace(settled, walk=free, prices=prices))
    return run_program(program).makespan_s


def _regions(runs: Sequence[SpatialRun], part: int) -> set[Region]:
    tiles = max(run.sizes.tiles[part] for run in runs)
    squares = [max(1, round(math.sqrt(tiles / aspect))) for aspect in ASPECTS]
    found = {Region(side, tiles // side) for side in squares} | {Region(tiles // side, side) for side in squares}
    for run in runs:
        spots = [s for g, s in zip(run.pipeline.groups, run.floor.spots, strict=True) if g.part == part]
        found |= {Region(spot.rectangle.rows, spot.rectangle.cols) for spot in spots}
    return found


def _best_prices(walk: Walk, part: int, regions: set[Region]) -> Prices:
    """The quickest of the prices of each shape."""
    rows = [walk.prices.on(part, region) for region in sorted(regions, key=lambda r: (r.rows, r.cols))]
    best: list[GroupPrice | None] = []
    for prices in zip(*rows, strict=True):
        fitting = [price for price in prices if price is not None]
        best.append(min(fitting, key=lambda price: price.work_s) if fitting else None)
    return tuple(best)
