"""Labels of points that neither cover each other nor a point."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Bbox

_ANGLES_DEG = (0, 180, 45, 315, 135, 225, 90, 270, 20, 340, 160, 200)
_GAPS_POINTS = (3.0, 12.0, 24.0, 40.0, 60.0, 85.0)
_CLOSE_POINTS = 6.0
_PADDING_PIXELS = 1.5
_PENALTY_OF_A_LINE = 3  # a label goes up to so many gaps further out rather than cover a line


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
    distance one that covers no line is taken, also a little further out.  A label away from its point gets a thin
    leader, which no label covers either.  The axes limits and the figure size must be final: places are in pixels.

    Args:
        ax: Where to write.
        labels: Most important first.
        obstacles: Boxes in pixels that no label may cover: markers, other texts.
        lines: Small boxes in pixels along lines that labels had better not cover.
    """
    taken, written = list(obstacles), list[Bbox]()
    inside = ax.get_window_extent()
    pixels_per_point = ax.get_figure(root=True).dpi / 72.0  # type: ignore[union-attr]
    unplaced = 0
    for label in labels:
        size = _text_size(ax, label.text)
        x, y = ax.transData.transform((label.x, label.y))
        radius = label.radius_points * pixels_per_point
        places = _places(Anchor(float(x), float(y), radius), size, pixels_per_point, inside)
        place = _best(places, taken, written, lines)
        if place is None:
            unplaced += 1
            continue
        taken += [place.box, *place.leader]
        written.append(place.box)
        _write(ax, label, place, pixels_per_point)
    return unplaced


@dataclass(frozen=True, slots=True)
class Anchor:
    """A marker in pixels."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class LabelSpot:
    """Where a label could stand.

    Attributes:
        anchor: The marker it belongs to.
        box: Box of the text, in pixels.
        step: How many gaps away from its marker.
        near: The point of the box next to the marker.
        leader: Small boxes along the line to the marker; empty if it stands close enough to need none.
    """

    anchor: Anchor
    box: Bbox
    step: int
    near: tuple[float, float]
    leader: tuple[Bbox, ...]


def _text_size(ax: Axes, text: str) -> tuple[float, float]:
    probe = ax.text(0.5, 0.5, text, transform=ax.transAxes, fontsize="small")
    box = probe.get_window_extent()
    probe.remove()
    return box.width, box.height


def _places(anchor: Anchor, size: tuple[float, float], pixels_per_point: float, inside: Bbox) -> Iterator[LabelSpot]:
    """All places of one label within the axes, nearest first."""
    for step, gap in enumerate(_GAPS_POINTS):
        for angle in _ANGLES_DEG:
            box = _box_at(anchor, anchor.radius + gap * pixels_per_point, math.radians(angle), size)
            if inside.x0 < box.x0 and box.x1 < inside.x1 and inside.y0 < box.y0 and box.y1 < inside.y1:
                near = min(max(anchor.x, box.x0), box.x1), min(max(anchor.y, box.y0), box.y1)
                yield LabelSpot(anchor, box, step, near, _leader(anchor, near, pixels_per_point))


def _leader(anchor: Anchor, near: tuple[float, float], pixels_per_point: float) -> tuple[Bbox, ...]:
    length = math.hypot(near[0] - anchor.x, near[1] - anchor.y)
    if length <= anchor.radius + _CLOSE_POINTS * pixels_per_point:
        return ()
    start = anchor.radius / length
    steps = max(2, round(length / 4.0))
    fractions = [start + (0.95 - start) * i / steps for i in range(steps + 1)]
    centres = [(anchor.x + (near[0] - anchor.x) * f, anchor.y + (near[1] - anchor.y) * f) for f in fractions]
    return tuple(Bbox.from_bounds(x - 0.5, y - 0.5, 1.0, 1.0) for x, y in centres)


def _best(
    places: Iterable[LabelSpot], taken: Sequence[Bbox], written: Sequence[Bbox], lines: Sequence[Bbox]
) -> LabelSpot | None:
    """The free place of least penalty: near its marker, off the lines; its leader crosses no text, rather no marker."""
    best: tuple[int, LabelSpot] | None = None
    for place in places:
        if place.box.count_overlaps(taken) or any(piece.count_overlaps(written) for piece in place.leader):
            continue
        crossings = place.box.count_overlaps(lines) > 0, any(piece.count_overlaps(taken) for piece in place.leader)
        penalty = place.step + _PENALTY_OF_A_LINE * sum(crossings)
        if best is None or penalty < best[0]:
            best = penalty, place
    return None if best is None else best[1]


def _box_at(anchor: Anchor, distance: float, angle: float, size: tuple[float, float]) -> Bbox:
    """The padded box of a text whose nearest edge or corner lies ``distance`` from ``anchor`` in that direction."""
    width, height = size[0] + 2 * _PADDING_PIXELS, size[1] + 2 * _PADDING_PIXELS
    cos, sin = math.cos(angle), math.sin(angle)
    near_x, near_y = anchor.x + distance * cos, anchor.y + distance * sin
    left = near_x - width * (0.5 - 0.5 * _sign(cos))
    bottom = near_y - height * (0.5 - 0.5 * _sign(sin))
    return Bbox.from_bounds(left, bottom, width, height)


def _sign(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else math.copysign(1.0, value)


def _write(ax: Axes, label: PointLabel, place: LabelSpot, pixels_per_point: float) -> None:
    def offset_points(x: float, y: float) -> tuple[float, float]:
        return (x - place.anchor.x) / pixels_per_point, (y - place.anchor.y) / pixels_per_point

    if place.leader:
        ax.annotate(
            "",
            (label.x, label.y),
            offset_points(*place.near),
            textcoords="offset points",
            arrowprops={"arrowstyle": "-", "color": "#666666", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0},
        )
    centre = (place.box.x0 + place.box.x1) / 2, (place.box.y0 + place.box.y1) / 2
    text = ax.annotate(
        label.text,
        (label.x, label.y),
        offset_points(*centre),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize="small",
        zorder=6,
    )
    text.set_path_effects([withStroke(linewidth=2.0, foreground="white")])
