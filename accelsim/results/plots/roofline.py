"""Operators against the ceilings of the machine: which are limited by a memory, by compute, by neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import Bbox

from accelsim.dtypes import DType
from accelsim.mapping.execution.whole_chip.regions import region_of
from accelsim.results.account import OperatorRow
from accelsim.results.plots.labels import PointLabel, place_labels
from accelsim.results.plots.style import KIND_FILLS, fills, new_axes, operator_names, run_text, size_unit
from accelsim.results.result import Result
from accelsim.units import format_quantity

#: Marker area of an operator that takes all of the time, in square points; areas go with time.
_LARGEST_AREA, _SMALLEST_AREA = 900.0, 12.0
_SAME_PLACE = 0.02
_ROOM_FOR_PEAKS = 25  # the names of the compute ceilings stand right of the last point
_LINE_SAMPLES = 160


@dataclass(frozen=True, slots=True)
class Ceilings:
    """Peaks of the cores an operator runs on.

    Attributes:
        compute_flops_per_s: Peak by name of the unit.
        bandwidth_bytes_per_s: Peak by memory level.
    """

    compute_flops_per_s: dict[str, float]
    bandwidth_bytes_per_s: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Point:
    name: str
    row: OperatorRow
    intensity: float
    flops_per_s: float
    share: float

    @property
    def area(self) -> float:
        return max(_SMALLEST_AREA, _LARGEST_AREA * self.share)

    @property
    def radius_points(self) -> float:
        return float(np.sqrt(self.area / np.pi))


def plot_roofline(result: Result, ax: Axes | None = None, *, level: str | None = None, max_labels: int = 14) -> Axes:
    """Draw every operator of a run under the ceilings of one chip, on log-log axes.

    An operator stands at its arithmetic intensity against one named level (FLOPs over the bytes moved there, by the
    cost model's count and not the compulsory minimum) and the FLOP/s it reached on one chip; its area goes with its
    time.  Ceilings are published peaks of the cores an operator spans: the matrix unit in the run's dtype, the vector
    unit in fp32 where lower, each memory and the SRAM.  Only the ceiling of the named level bounds the points; the
    others are drawn dashed for comparison.  Networks have no ceiling here: their peak depends on the route.

    Operators without FLOPs or without bytes at the level have no place; a note counts them and their time.

    Args:
        result: The run.
        ax: Axes to draw on; None makes a figure.
        level: Memory level of the horizontal axis; None is the main memory.
        max_labels: Operators named, longest first; fewer where there is no room, and the note says so.

    Raises:
        ValueError: The level has no ceiling, or no operator has FLOPs and bytes there.
    """
    level = level or result.machine.chip.main_memory
    ceilings = find_ceilings(result)
    if level not in ceilings.bandwidth_bytes_per_s:
        raise ValueError(f"level={level!r} has no ceiling. Known: {', '.join(ceilings.bandwidth_bytes_per_s)}.")
    points = _points(result, level)
    if not points:
        raise ValueError(f"no operator of this run has both FLOPs and bytes of {level}.")
    ax = new_axes(ax, 9.0, 5.6)
    _set_axes(ax, result, points, ceilings, level)
    for kind, fill in fills(sorted({p.row.kind for p in points}), KIND_FILLS).items():
        of_kind = [p for p in points if p.row.kind == kind]
        ax.scatter(
            [p.intensity for p in of_kind],
            [p.flops_per_s for p in of_kind],
            [p.area for p in of_kind],
            color=fill.colour,
            edgecolor="black",
            linewidth=0.6,
            label=kind,
            alpha=0.85,
            zorder=4,
        )
    legend = ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, title="operator kind")
    for handle in legend.legend_handles:
        handle.set_sizes([40.0])  # type: ignore[union-attr]
    _write_note(ax, result, points, max_labels, 0)
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    texts = _write_ceilings(ax, ceilings, level)
    samples = _draw_ceilings(ax, ceilings, level)
    unplaced = _write_labels(ax, points, texts, samples, max_labels)
    _write_note(ax, result, points, max_labels, unplaced)
    return ax


def find_ceilings(result: Result) -> Ceilings:
    """Peaks of the cores an operator of ``result`` spans: its region's share of compute and SRAM, whole memories."""
    chip = result.machine.chip
    num_cores = region_of(result.plan, chip).num_cores
    dtype = DType(result.types["arithmetic"])
    compute = {f"{dtype.value} peak": chip.peak_flops_per_s(dtype, num_cores)}
    if DType.FP32 in chip.vector_flops_per_cycle:
        vector = chip.vector_flops_per_s(DType.FP32, num_cores)
        if vector < 0.8 * compute[f"{dtype.value} peak"]:
            compute["fp32 vector peak"] = vector
    bandwidth = {"sram": num_cores * chip.sram_bandwidth_per_core_bytes_per_s}
    bandwidth |= {name: memory.bandwidth_bytes_per_s for name, memory in chip.memories.items()}
    return Ceilings(compute, bandwidth)


def _points(result: Result, level: str) -> list[_Point]:
    """Operators that have a place, longest first."""
    rows = result.ledger.rows
    total_s = sum(row.time_s for row in rows) or 1.0
    points = [
        _Point(name, row, row.flops / nbytes, row.flops / row.time_s / result.plan.num_ranks, row.time_s / total_s)
        for name, row in zip(operator_names(rows), rows, strict=True)
        if row.flops > 0 and row.time_s > 0 and (nbytes := row.traffic_bytes.get(level, 0.0)) > 0
    ]
    return sorted(points, key=lambda point: -point.row.time_s)


def _set_axes(ax: Axes, result: Result, points: Sequence[_Point], ceilings: Ceilings, level: str) -> None:
    peak = max(ceilings.compute_flops_per_s.values())
    ridge = peak / ceilings.bandwidth_bytes_per_s[level]
    intensities = [p.intensity for p in points]
    lowest = min(p.flops_per_s for p in points)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(min(*intensities, ridge) / 5, max(*intensities, ridge) * _ROOM_FOR_PEAKS)
    ax.set_ylim(min(lowest, peak / 100) / 5, max(peak, *(p.flops_per_s for p in points)) * 4)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _rate_text(value)))
    ax.set_xlabel(f"arithmetic intensity against {level} (FLOP per byte)")
    ax.set_ylabel("reached by one chip (FLOP/s)")
    ax.set_title(run_text(result), loc="left", fontsize="medium", wrap=True)
    ax.grid(True, which="major", color="#E5E5E5", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _rate_text(value: float) -> str:
    prefix, factor = size_unit(value)
    return f"{value / factor:g} {prefix}"


def _draw_ceilings(ax: Axes, ceilings: Ceilings, level: str) -> list[Bbox]:
    """Memories up to the compute peak, compute from the first ridge on; return small boxes along them."""
    left, right = ax.get_xlim()
    peak = max(ceilings.compute_flops_per_s.values())
    samples: list[Bbox] = []
    for name, bandwidth in ceilings.bandwidth_bytes_per_s.items():
        if peak / bandwidth > left:
            ends = (left, left * bandwidth), (peak / bandwidth, peak)
            samples += _draw_ceiling(ax, name, ends, bold=name == level)
    first_ridge = max(left, peak / max(ceilings.bandwidth_bytes_per_s.values()))
    for name, rate in ceilings.compute_flops_per_s.items():
        start = first_ridge if rate == peak else left
        samples += _draw_ceiling(ax, name, ((start, rate), (right, rate)), bold=rate == peak)
    return samples


def _draw_ceiling(ax: Axes, name: str, ends: tuple[tuple[float, float], tuple[float, float]], bold: bool) -> list[Bbox]:
    (x0, y0), (x1, y1) = ends
    ax.plot(
        [x0, x1],
        [y0, y1],
        color="black",
        linestyle="-" if bold else "--",
        linewidth=1.6 if bold else 0.9,
        gid=f"ceiling:{name}",
    )
    start, end = ax.transData.transform(ends)
    pixels = np.linspace(start, end, _LINE_SAMPLES)
    return [Bbox.from_bounds(float(x) - 1.0, float(y) - 1.0, 2.0, 2.0) for x, y in pixels]


def _write_ceilings(ax: Axes, ceilings: Ceilings, level: str) -> list[Text]:
    """Name and peak on every ceiling: compute at the right end, memories along the line where it enters."""
    left, right = ax.get_xlim()
    bottom, _ = ax.get_ylim()
    peak = max(ceilings.compute_flops_per_s.values())
    texts: list[Text] = []
    for name, rate in ceilings.compute_flops_per_s.items():
        text = f"{name} {format_quantity(rate, 'flops_per_s', 3)}"
        texts.append(
            ax.annotate(text, (right, rate), (-4, 3), textcoords="offset points", ha="right", fontsize="small")
        )
    for name, bandwidth in ceilings.bandwidth_bytes_per_s.items():
        start = max(left, bottom / bandwidth)
        if start >= peak / bandwidth:
            continue  # the level is so fast that its line lies left of the picture
        (x0, y0), (x1, y1) = ax.transData.transform([(start, start * bandwidth), (peak / bandwidth, peak)])
        angle = float(np.degrees(np.arctan2(y1 - y0, x1 - x0)))
        text = f"{name} {format_quantity(bandwidth, 'bytes_per_s', 3)}"
        written = ax.annotate(
            text,
            (start, start * bandwidth),
            (6, 8),
            textcoords="offset points",
            rotation=angle,
            rotation_mode="anchor",
            ha="left",
            va="bottom",
            fontsize="small",
            fontweight="bold" if name == level else "normal",
        )
        if written.get_window_extent().x1 > x1:
            written.remove()
            written = ax.annotate(
                text,
                (peak / bandwidth, peak),
                (-2, 8),
                textcoords="offset points",
                ha="left",
                va="bottom",
                fontsize="small",
            )
        texts.append(written)
    for name_of_ceiling in texts:
        name_of_ceiling.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
        name_of_ceiling.set_zorder(5)
    return texts


def _write_labels(
    ax: Axes, points: Sequence[_Point], texts: Sequence[Text], lines: Sequence[Bbox], max_labels: int
) -> int:
    """Name the longest operators; those that stand on one place share a label."""
    pixels = ax.get_figure(root=True).dpi / 72.0  # type: ignore[union-attr]
    obstacles: list[Bbox] = []
    for text in texts:
        obstacles += _boxes_of(text)
    for point in points:
        x, y = ax.transData.transform((point.intensity, point.flops_per_s))
        radius = point.radius_points * pixels
        obstacles.append(Bbox.from_extents(x - 0.8 * radius, y - 0.8 * radius, x + 0.8 * radius, y + 0.8 * radius))
    groups: list[list[_Point]] = []
    for point in points[:max_labels]:
        home = next((group for group in groups if _same_place(group[0], point)), None)
        groups.append([point]) if home is None else home.append(point)
    labels = [
        PointLabel(g[0].intensity, g[0].flops_per_s, g[0].radius_points, ", ".join(p.name for p in g)) for g in groups
    ]
    return place_labels(ax, labels, obstacles, lines)


def _same_place(one: _Point, other: _Point) -> bool:
    return bool(
        abs(np.log(one.intensity / other.intensity)) < _SAME_PLACE
        and abs(np.log(one.flops_per_s / other.flops_per_s)) < _SAME_PLACE
    )


def _boxes_of(text: Text) -> list[Bbox]:
    """Boxes that cover a text, also a slanted one, whose one bounding box would be mostly empty."""
    box, angle = text.get_window_extent(), np.radians(text.get_rotation())
    if abs(np.sin(angle)) < 0.05:
        return [box]
    steps = 12
    width, height = box.width / steps, box.height / steps
    return [Bbox.from_bounds(box.x0 + width * i, box.y0 + height * i - 4.0, width, height + 12.0) for i in range(steps)]


def _write_note(ax: Axes, result: Result, points: Sequence[_Point], max_labels: int, unplaced: int) -> None:
    """Below the axis: what the areas mean, and what is not drawn or not named."""
    rows = result.ledger.rows
    missing = len(rows) - len(points)
    missing_share = 1.0 - sum(point.share for point in points)
    notes = ["area: share of time"]
    if missing:
        what = f"{missing} operator{'s' * (missing > 1)} without FLOPs or traffic here not drawn"
        notes.append(f"{what}, {abs(missing_share):.1%} of time")
    unnamed = max(0, len(points) - max_labels) + unplaced
    if unnamed:
        notes.append(f"{unnamed} of {len(points)} not named")
    label = ax.get_xlabel().partition("\n")[0]
    ax.set_xlabel(f"{label}\n{'; '.join(notes)}".replace("%", " %"))
