"""The floorplan of a spatial run: groups as rectangles, the SRAM they fill, the bytes on the links between them."""

from __future__ import annotations

import functools
import io
from typing import TYPE_CHECKING, Literal

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle as Patch
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

from accelsim.network.noc import Rectangle
from accelsim.results.floorplan import Floorplan, GroupBox, floorplan_of
from accelsim.results.plots.style import OKABE_ITO, Paint, new_axes, size_unit

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.run import SpatialRun

_HEIGHT_INCHES = 7.5
_LARGEST_LABEL, _SMALLEST_LABEL = 8.0, 4.5
#: Share of a rectangle's width and height that a label may take.
_ROOM = 0.9
#: Letters rounded to whole pixels are wider than drawn ones by up to this.
_HINTED = 1.15
#: Height of a line of a label, in sizes of its font.
_LINE_EM = 1.25
#: Side below which closed tiles are too small to hatch, as a share of the grid's.
_SMALLEST_HATCH = 0.01
_SRAM_COLOURS = "cividis"

ColourBy = Literal["part", "sram"]


def plot_floorplan(
    run: SpatialRun, chip: int = 0, ax: Axes | None = None, *, colour_by: ColourBy = "part", faint: bool = False
) -> Axes:
    """Rectangles of one chip.

    Coloured by part, the lower part of each rectangle is filled as far as its SRAM is; coloured by SRAM, the whole
    rectangle says it.  A label is written where it fits, shortened if need be.  Hatched or crossed tiles are dead,
    spare or forbidden, a thick edge marks a pinned group.

    Args:
        run: A spatial run.
        chip: Number of the chip.
        ax: Axes to draw into; None makes a figure.
        colour_by: ``part`` or ``sram``.
        faint: Pale and without labels, as a background.
    """
    plan = floorplan_of(run, chip)
    ax = _floor_axes(plan, ax)
    _draw_closed(ax, plan)
    for group in plan.groups:
        if colour_by == "sram":
            _draw_by_sram(ax, group)
        else:
            _draw_by_part(ax, group, 0.25 if faint else 1.0)
    if colour_by == "sram":
        shares = ScalarMappable(Normalize(0.0, 100.0), _SRAM_COLOURS)
        ax.figure.colorbar(shares, ax=ax, label="SRAM in use at the fullest moment (%)", shrink=0.7)
    if not faint:
        _write_labels(ax, plan, colour_by)
    ax.set_title(plan.title, fontsize="small")
    return ax


def plot_link_load(run: SpatialRun, chip: int = 0, ax: Axes | None = None) -> Axes:
    """Links of one chip's coarse mesh, darker and wider where more bytes pass over the whole run.

    Each direction of a link has a line of its own; a link that carries nothing is left out.

    Args:
        run: A spatial run.
        chip: Number of the chip.
        ax: Axes to draw over, e.g. those of :func:`plot_floorplan`; None makes a figure.
    """
    plan = floorplan_of(run, chip)
    ax = _floor_axes(plan, ax)
    most = max((link.nbytes for link in plan.links), default=1.0)
    prefix, factor = size_unit(most)
    links = LineCollection(
        [[link.start, link.end] for link in plan.links],
        cmap="inferno_r",
        linewidths=[1.0 + 3.5 * link.nbytes / most for link in plan.links],
        capstyle="butt",
    )
    links.set_array(np.array([link.nbytes for link in plan.links]) / factor)
    links.set_clim(0.0, most / factor)
    ax.add_collection(links)
    ax.figure.colorbar(links, ax=ax, label=f"{prefix}B over a link, whole run", shrink=0.7)
    return ax


def draw_floorplan(run: SpatialRun, chip: int = 0, title: str = "") -> Figure:
    """Groups with their SRAM on the left, the bytes on the links on the right.

    Args:
        run: A spatial run.
        chip: Number of the chip.
        title: Above both; empty names the chip and the plan.
    """
    plan = floorplan_of(run, chip)
    rows, cols = plan.grid
    figure = Figure(figsize=(2 * _HEIGHT_INCHES * cols / rows + 1.5, _HEIGHT_INCHES + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot_floorplan(run, chip, left)
    plot_floorplan(run, chip, right, faint=True)
    plot_link_load(run, chip, right)
    left.set_title("groups; strong part: share of the SRAM in use; a number alone: the block", fontsize="small")
    right.set_title("bytes over the links", fontsize="small")
    right.set_ylabel("")
    parts = {group.part: OKABE_ITO[group.kind % len(OKABE_ITO)] for group in plan.groups}
    handles = [Patch((0, 0), 1, 1, facecolor=colour, alpha=0.6, label=part) for part, colour in parts.items()]
    figure.legend(handles=handles, loc="outside lower left", ncols=6, fontsize="small", frameon=False)
    figure.suptitle(title or plan.title, fontsize="medium")
    return figure


def floorplan_png(run: SpatialRun, chip: int = 0, title: str = "", dpi: int = 150) -> bytes:
    """:func:`draw_floorplan` as the bytes of a PNG file.

    Args:
        run: A placed run.
        chip: Chip of the run to draw, from 0.
        title: Title of the figure; blank for none.
        dpi: Pixels per inch.
    """
    buffer = io.BytesIO()
    draw_floorplan(run, chip, title).savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def _floor_axes(plan: Floorplan, ax: Axes | None) -> Axes:
    """Axes in rows and columns of tiles, row 0 at the top."""
    rows, cols = plan.grid
    ax = new_axes(ax, _HEIGHT_INCHES * cols / rows + 2.0, _HEIGHT_INCHES)
    ax.set(xlim=(0, cols), ylim=(rows, 0), xlabel="column of tiles", ylabel="row of tiles", aspect="equal")
    return ax


def _draw_closed(ax: Axes, plan: Floorplan) -> None:
    """Hatched where large enough; dead tiles alone are marked, or nobody would see them."""
    least = _SMALLEST_HATCH * max(plan.grid)
    small = [r for r in plan.closed if max(r.rows, r.cols) < least]
    for closed in (r for r in plan.closed if max(r.rows, r.cols) >= least):
        ax.add_patch(_patch(closed, facecolor="none", edgecolor="#777777", hatch="xxxx", lw=0.5))
    if small:
        cols, rows = [r.col + r.cols / 2 for r in small], [r.row + r.rows / 2 for r in small]
        ax.scatter(cols, rows, s=12, marker="x", color="black", linewidths=0.8, zorder=3)


def _draw_by_part(ax: Axes, group: GroupBox, strength: float) -> None:
    r, colour = group.rectangle, OKABE_ITO[group.kind % len(OKABE_ITO)]
    edge = {"edgecolor": "black", "lw": 2.0 if group.is_pinned else 0.5}
    ax.add_patch(_patch(r, facecolor=colour, alpha=0.25 * strength, lw=0))
    height = r.rows * min(1.0, group.fill.fraction)
    ax.add_patch(Patch((r.col, r.row + r.rows - height), r.cols, height, facecolor=colour, alpha=0.55 * strength, lw=0))
    ax.add_patch(_patch(r, facecolor="none", alpha=max(strength, 0.4), **edge))


def _draw_by_sram(ax: Axes, group: GroupBox) -> None:
    edge = {"edgecolor": "white", "lw": 2.0 if group.is_pinned else 0.5}
    ax.add_patch(_patch(group.rectangle, facecolor=_sram_colour(group), **edge))


def _sram_colour(group: GroupBox) -> str:
    return to_hex(colormaps[_SRAM_COLOURS](min(1.0, group.fill.fraction)))


def _patch(r: Rectangle, **style: object) -> Patch:
    return Patch((r.col, r.row), r.cols, r.rows, **style)  # type: ignore[arg-type]


def _write_labels(ax: Axes, plan: Floorplan, colour_by: ColourBy) -> None:
    """The fullest label that fits each rectangle; none where not even a number is readable."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # the layout decides how many pixels a tile has
    box, (rows, cols) = ax.get_window_extent(), plan.grid
    points_per_tile = min(box.width / cols, box.height / rows) * 72.0 / figure.dpi
    for group in plan.groups:
        r, labels = group.rectangle, group.labels
        if colour_by == "sram":
            labels = (*((*lines, f"{group.fill.fraction:.0%}") for lines in labels), *labels)
        fitted = fit_label(labels, r.cols * points_per_tile, r.rows * points_per_tile)
        if fitted is not None:
            lines, points = fitted
            middle = r.col + r.cols / 2, r.row + r.rows / 2
            text = ax.text(*middle, "\n".join(lines), ha="center", va="center", fontsize=points, linespacing=1.1)
            if colour_by == "sram":
                text.set_color(Paint(_sram_colour(group)).text_colour)
            else:
                text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])


def fit_label(
    candidates: tuple[tuple[str, ...], ...], width: float, height: float
) -> tuple[tuple[str, ...], float] | None:
    """The first label that fits a rectangle of so many points, with the size to write it in; None if none does.

    Args:
        candidates: Labels as tuples of lines, the most telling first.
        width: Width of the rectangle, in points.
        height: Height of the rectangle, in points.

    Returns:
        Lines and font size in points.
    """
    for lines in candidates:
        across = width * _ROOM / max(_width_in_em(line) for line in lines)
        size = min(_LARGEST_LABEL, across, height * _ROOM / (_LINE_EM * len(lines)))
        if size >= _SMALLEST_LABEL:
            return lines, size
    return None


@functools.cache
def _width_in_em(text: str) -> float:
    return float(TextPath((0, 0), text, size=1).get_extents().width) * _HINTED
