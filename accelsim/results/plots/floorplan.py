"""The floorplan of a spatial run: groups as rectangles, coloured by part, with the SRAM they fill."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle as Patch

from accelsim.results.plots.style import OKABE_ITO

if TYPE_CHECKING:
    from accelsim.mapping.spatial.run import SpatialRun

_SMALLEST_LABEL = 0.05
_LINK_ENDS = re.compile(r"(?:chip(\d+)\.)?noc\((\d+),(\d+)\)->\((\d+),(\d+)\)")
#: How far beside the line between two blocks a direction is drawn, in blocks, so that both can be seen.
_BESIDE = 0.08


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
            label = group.name.replace(".", "\n")  # two lines fit where one would run into the neighbour
            ax.text(r.col + r.cols / 2, r.row + r.rows / 2, label, ha="center", va="center", fontsize=5)
    ax.set(xlim=(0, cols), ylim=(rows, 0), xlabel="column of tiles", ylabel="row of tiles", aspect="equal")
    ax.set_title(
        f"{run.floor.system.chip.name}, chip {chip}: {run.plan}; filled = share of SRAM in use", fontsize="small"
    )
    return ax


def plot_link_load(run: SpatialRun, chip: int = 0, ax: Axes | None = None) -> Axes:
    """Links of one chip's coarse mesh, darker and wider where more bytes pass over the whole run.

    Each direction of a link has a line of its own; a link that carries nothing is left out.

    Args:
        run: A spatial run.
        chip: Number of the chip.
        ax: Axes to draw over, e.g. those of :func:`plot_floorplan`; None makes a figure.
    """
    rows, cols = run.floor.system.chip.core_grid
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 8 * rows / cols), layout="constrained")
        ax.set(xlim=(0, cols), ylim=(rows, 0), xlabel="column of tiles", ylabel="row of tiles", aspect="equal")
    loads = _link_bytes(run)
    mesh = run.floor.mesh
    row_middles, col_middles = ((edges[:-1] + edges[1:]) / 2 for edges in (mesh.row_edges, mesh.col_edges))
    lines, carried = [], []
    for (name, _), nbytes in zip(run.floor.links, loads.tolist(), strict=True):
        found = _LINK_ENDS.fullmatch(name)
        if found is None or nbytes == 0 or int(found[1] or 0) != chip:
            continue
        r0, c0, r1, c1 = (int(found[i]) for i in range(2, 6))
        start = np.array([col_middles[c0], row_middles[r0]])
        end = np.array([col_middles[c1], row_middles[r1]])
        way = end - start
        aside = _BESIDE * np.array([-way[1], way[0]])
        lines.append([start + aside, end + aside])
        carried.append(nbytes)
    most = max(carried, default=1.0)
    links = LineCollection(
        lines, cmap="inferno_r", linewidths=[1.0 + 3.0 * nbytes / most for nbytes in carried], capstyle="butt"
    )
    links.set_array(np.array(carried) / 1e6)
    links.set_clim(0.0, most / 1e6)
    ax.add_collection(links)
    ax.figure.colorbar(links, ax=ax, label="MB over a link, whole run", shrink=0.7)
    return ax


def _link_bytes(run: SpatialRun) -> np.ndarray:
    """Bytes that each link of the floor carries over the whole run. float64[links]."""
    total = run.flow_bytes @ run.stream.counts
    loads = np.zeros(len(run.floor.links))
    for flow, nbytes in zip(run.pipeline.flows, total.tolist(), strict=True):
        lanes = run.floor.lanes(flow.producer, flow.consumer)
        for route, share in zip(lanes.routes, lanes.lane_bytes(int(nbytes)).tolist(), strict=True):
            for link in route:
                loads[link] += share
    return loads


def floorplan_png(run: SpatialRun, chip: int = 0) -> bytes:
    """The floorplan as the bytes of a PNG file."""
    rows, cols = run.floor.system.chip.core_grid
    figure = Figure(figsize=(8, 8 * rows / cols), layout="constrained")
    plot_floorplan(run, chip, figure.add_subplot())
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()
