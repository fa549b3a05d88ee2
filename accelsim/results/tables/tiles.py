"""Groups of operators on their rectangles of tiles, and the SRAM they hold."""

from __future__ import annotations

from accelsim.results.data import RunData
from accelsim.results.tables.columns import Columns, by_column

COLUMNS = (
    "group",
    "chip",
    "first_row",
    "first_col",
    "rows",
    "cols",
    "weight_bytes",
    "kv_cache_bytes",
    "buffer_bytes",
    "scratch_bytes",
    "capacity_bytes",
    "fill_fraction",
)


def tiles_table(result: RunData) -> Columns:
    """One row per group of a spatial run: its rectangle, and bytes per tile at the fullest moment.

    Empty for a run in which operators span the chip.  Bytes are spread evenly over a rectangle.
    """
    run = result.spatial
    rows = []
    for spot, fill in zip(run.floor.spots, run.occupancy.fills, strict=True) if run is not None else ():
        r = spot.rectangle
        held = (fill.weight_bytes, fill.kv_bytes, fill.buffer_bytes, fill.scratch_bytes)
        rows.append((fill.name, spot.chip, r.row, r.col, r.rows, r.cols, *held, fill.capacity_bytes, fill.fraction))
    return by_column(rows, COLUMNS)
