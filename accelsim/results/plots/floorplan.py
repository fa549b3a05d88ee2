"""The floorplan of a spatial run: groups as rectangles, coloured by part, with the SRAM they fill."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle as Patch

from accelsim.results.plots.style import OKABE_ITO

if TYPE_CHECKING:
    from accelsim.mapping.spatial.run import SpatialRun

_SMALLEST_LABEL = 0.05


def plot_floorplan(run: SpatialRun, chip: int = 0, ax: Axes | None = None) -> Axes:
    """Rectangles of one chip; the lower part of each is filled as far as its SRAM is.

    Args:
        run: A spatial run.
        chip: Number of the chip.
        ax: Axes to draw into; None makes a figure.
    """
    rows, cols = run.floor.system.chip.core_grid
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 8 * rows / cols), layout="constrained")
    for group, spot, fill in zip(run.pipeline.groups, run.floor.spots, run.occupancy.fills, strict=True):
        if spot.chip != chip:
            continue
        r, colour = spot.rectangle, OKABE_ITO[group.part % len(OKABE_ITO)]
        ax.add_patch(Patch((r.col, r.row), r.cols, r.rows, facecolor=colour, alpha=0.25, edgecolor="black", lw=0.5))
        height = r.rows * min(1.0, fill.fraction)
        ax.add_patch(Patch((r.col, r.row + r.rows - height), r.cols, height, facecolor=colour, alpha=0.55))
        if r.cols > _SMALLEST_LABEL * cols:
            ax.text(r.col + r.cols / 2, r.row + r.rows / 2, group.name, ha="center", va="center", fontsize=5)
    ax.set(xlim=(0, cols), ylim=(rows, 0), xlabel="column of tiles", ylabel="row of tiles", aspect="equal")
    ax.set_title(
        f"{run.floor.system.chip.name}, chip {chip}: {run.plan}; filled = share of SRAM in use", fontsize="small"
    )
    return ax


def floorplan_png(run: SpatialRun, chip: int = 0) -> bytes:
    """The floorplan as the bytes of a PNG file."""
    rows, cols = run.floor.system.chip.core_grid
    figure = Figure(figsize=(8, 8 * rows / cols), layout="constrained")
    plot_floorplan(run, chip, figure.add_subplot())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
