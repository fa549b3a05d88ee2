"""Labels of points that neither cover each other nor a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

_ANGLES_DEG = (0, 180, 45, 315, 135, 225, 90, 270, 20, 340, 160, 200)
_GAPS_POINTS = (3.0, 12.0, 24.0, 40.0, 60.0, 85.0)
_PADDING_PIXELS = 1.5


@dataclass(frozen=True, slots=True)
class PointLabel:
    """A text that belongs to a point.

    Attributes:
        x: Data coordinate of the point.
        y: Data coordinate of the point.
        radius_points: Radius of the point's marker, in points.
        text: The label.
    """

    x: float
    y: float
    radius_points: float
    text: str


def place_labels(ax: Axes, labels: Sequence[PointLabel], obstacles: Sequence[Bbox], lines: Sequence[Bbox]) -> int:
    """Write labels in the given order, each at the free place nearest its point; return how many found none.

    A place is free when it lies inside the axes and meets no obstacle and no earlier label; among free places of one
    distance the one that crosses the fewest lines is taken.  A label away from its point gets a thin leader.  The
    axes limits and the figure size must be final: places are found in pixels.

    Args:
        ax: Where to write.
        labels: Most important first.
        obstacles: Boxes in pixels that no label may cover: markers, other texts.
        lines: Small boxes in pixels along lines that labels had better not cover.
    """
    taken = list(obstacles)
    inside = ax.get_window_extent()
    pixels_per_point = ax.get_figure(root=True).dpi / 72.0  # type: ignore[union-attr]
    unplaced = 0
    for label in labels:
        width, height = _text_size(ax, label.text)
        x, y = ax.transData.transform((label.x, label.y))
        anchor = float(x), float(y)
        place = _free_place(anchor, label.radius_points * pixels_per_point, (width, height), pixels_per_point,
                            taken, lines, inside)
        if place is None:
            unplaced += 1
            continue
        taken.append(place)
        _write(ax, label, anchor, place, pixels_per_point)
    return unplaced


def _text_size(ax: Axes, text: str) -> tuple[float, float]:
    probe = ax.text(0.5, 0.5, text, transform=ax.transAxes, fontsize="small")
    box = probe.get_window_extent()
    probe.remove()
    return box.width, box.height


def _free_place(
    anchor: tuple[float, float],
    radius: float,
    size: tuple[float, float],
    pixels_per_point: float,
    taken: Sequence[Bbox],
    lines: Sequence[Bbox],
    inside: Bbox,
) -> Bbox | None:
    for gap in _GAPS_POINTS:
        best: tuple[int, Bbox] | None = None
        for angle in _ANGLES_DEG:
            box = _box_at(anchor, radius + gap * pixels_per_point, math.radians(angle), size)
            if not (inside.x0 < box.x0 and box.x1 < inside.x1 and inside.y0 < box.y0 and box.y1 < inside.y1):
                continue
            if box.count_overlaps(taken):
                continue
            crossings = box.count_overlaps(lines)
            if best is None or crossings < best[0]:
                best = crossings, box
        if best is not None:
            return best[1]
    return None


def _box_at(anchor: tuple[float, float], distance: float, angle: float, size: tuple[float, float]) -> Bbox:
    """The padded box of a text whose nearest edge or corner lies ``distance`` from ``anchor`` in that direction."""
    width, height = size[0] + 2 * _PADDING_PIXELS, size[1] + 2 * _PADDING_PIXELS
    cos, sin = math.cos(angle), math.sin(angle)
    near_x, near_y = anchor[0] + distance * cos, anchor[1] + distance * sin
    left = near_x - width * (0.5 - 0.5 * _sign(cos))
    bottom = near_y - height * (0.5 - 0.5 * _sign(sin))
    return Bbox.from_bounds(left, bottom, width, height)


def _sign(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else math.copysign(1.0, value)


def _write(ax: Axes, label: PointLabel, anchor: tuple[float, float], place: Bbox, pixels_per_point: float) -> None:
    near_x = min(max(anchor[0], place.x0), place.x1)
    near_y = min(max(anchor[1], place.y0), place.y1)
    far = math.hypot(near_x - anchor[0], near_y - anchor[1]) > (label.radius_points + 6.0) * pixels_per_point
    centre = (place.x0 + place.x1) / 2, (place.y0 + place.y1) / 2
    if far:
        ax.annotate("", (label.x, label.y), ((near_x - anchor[0]) / pixels_per_point,
                    (near_y - anchor[1]) / pixels_per_point), textcoords="offset points",
                    arrowprops={"arrowstyle": "-", "color": "#666666", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0})
    offset = (centre[0] - anchor[0]) / pixels_per_point, (centre[1] - anchor[1]) / pixels_per_point
    text = ax.annotate(label.text, (label.x, label.y), offset, textcoords="offset points", ha="center", va="center",
                       fontsize="small", zorder=6)
    text.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
