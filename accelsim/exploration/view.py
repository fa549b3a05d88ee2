"""An exploration as plain data for a front end: what to draw, figures before and after, settings and choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accelsim.exploration.history import History, Step
from accelsim.mapping.placement.base import PLACERS
from accelsim.results.floorplan import Floorplan, GroupBox, LinkLine, floorplan_of
from accelsim.results.format import percent_text, seconds_text, size_text

#: Flows of a link that are named one by one, and hottest links that are listed.
MOST_USERS, HOTTEST = 6, 5


@dataclass(frozen=True, slots=True)
class ShownFigure:
    """A figure to compare; less is better.

    Attributes:
        key: Name in the data.
        label: Name for people.
        value: Of a step.
        text: Of a value.
        is_share: Whether it is a share, whose change is a difference of points.
    """

    key: str
    label: str
    value: Callable[[Step], float]
    text: Callable[[float], str]
    is_share: bool = False

    def change(self, new: float, old: float) -> str:
        """E.g. ``+1.2 %``, or ``-3.4 points`` of a share.

        Args:
            new: Value now.
            old: Value before; where it is 0 there is no relative change to tell.
        """
        if self.is_share:
            return f"{(new - old) * 100:+.1f} points"
        return f"{new / old - 1:+.2%}".replace("%", " %") if old else ""


FIGURES = (
    ShownFigure("latency_s", "latency", lambda step: step.latency_s, seconds_text),
    ShownFigure("byte_hops", "bytes x hops", lambda step: step.report.byte_hops, lambda value: f"{value:.4g}"),
    ShownFigure("gap", "above the bound", lambda step: step.report.gap, percent_text, is_share=True),
    ShownFigure("mean_hops", "mean hops", lambda step: step.report.mean_hops, lambda value: f"{value:.1f}"),
    ShownFigure(
        "hottest_bytes",
        "hottest link",
        lambda step: step.report.hottest[0].nbytes if step.report.hottest else 0.0,
        size_text,
    ),
    ShownFigure(
        "fullest", "fullest SRAM", lambda step: step.run.occupancy.fullest.fraction, percent_text, is_share=True
    ),
)


def summary(history: History) -> str:
    """One line: the run, and what the last change did."""
    now, before = history.now, history.before
    text = f"{history.title}: {now.settings.phase}, {now.done}, {seconds_text(now.latency_s)}"
    if before is None:
        return text
    latency = FIGURES[0]
    return f"{text} ({latency.change(now.latency_s, before.latency_s)} against {seconds_text(before.latency_s)} before)"


def view_of(history: History, chip: int = 0) -> dict[str, Any]:
    """Everything a front end shows of one chip; numbers in SI units, texts ready to print.

    Args:
        history: The exploration so far; its last step is shown.
        chip: Which chip, from 0; one beyond the last shows the last.
    """
    now = history.now
    num_chips = now.run.floor.num_chips
    chip = min(chip, num_chips - 1)
    plan = floorplan_of(now.run, chip)
    hottest = [link.name for link in plan.links[::-1][:HOTTEST]]
    return {
        "title": history.title,
        "chip": chip,
        "num_chips": num_chips,
        "grid": list(plan.grid),
        "parts": _parts(plan),
        "groups": [_group(group) for group in plan.groups],
        "links": [_link(link) for link in plan.links],
        "hottest": hottest,
        "closed": [[r.col, r.row, r.cols, r.rows] for r in plan.closed],
        "figures": [_figure(figure, history) for figure in FIGURES],
        "done": now.done,
        "error": "",
        "num_undoable": history.num_undoable,
        "settings": _settings(now),
        "placers": _placers(now),
    }


def _placers(now: Step) -> list[str]:
    """Placers to choose from; ``exact`` is for a handful of groups, so it is not among them unless it was asked for."""
    names = [name for name in PLACERS.names() if name != "exact"]
    asked = now.settings.placer
    return names if asked in names else [*names, asked]


def _parts(plan: Floorplan) -> list[dict[str, Any]]:
    return [{"name": name, "kind": kind} for kind, name in sorted({g.kind: g.part for g in plan.groups}.items())]


def _group(group: GroupBox) -> dict[str, Any]:
    r, fill = group.rectangle, group.fill
    held = {
        "weights": fill.weight_bytes,
        "KV cache": fill.kv_bytes,
        "buffers": fill.buffer_bytes,
        "operator scratch": fill.scratch_bytes,
    }
    return {
        "name": group.name,
        "part": group.part,
        "kind": group.kind,
        "box": [r.col, r.row, r.cols, r.rows],
        "labels": [list(lines) for lines in group.labels],
        "is_pinned": group.is_pinned,
        "fill": fill.fraction,
        "details": [
            f"{r.rows} x {r.cols} = {r.num_cores:,} tiles at row {r.row}, column {r.col}",
            f"SRAM {percent_text(fill.fraction)} of {size_text(fill.capacity_bytes)} per tile",
            *(f"{what} {size_text(nbytes)} per tile" for what, nbytes in held.items() if nbytes >= 1),
        ],
    }


def _link(link: LinkLine) -> dict[str, Any]:
    users = [f"{size_text(nbytes)} {name}" for name, nbytes in link.users[:MOST_USERS]]
    if len(link.users) > MOST_USERS:
        users.append(f"{size_text(sum(n for _, n in link.users[MOST_USERS:]))} {len(link.users) - MOST_USERS} others")
    return {
        "name": link.name,
        "line": [*link.start, *link.end],
        "nbytes": link.nbytes,
        "text": size_text(link.nbytes),
        "details": [f"{size_text(link.nbytes)}, {seconds_text(link.busy_s)} at full rate", *users],
    }


def _figure(figure: ShownFigure, history: History) -> dict[str, Any]:
    now, before, placed = figure.value(history.now), history.before, figure.value(history.placed)
    data: dict[str, Any] = {"key": figure.key, "label": figure.label, "now": now, "now_text": figure.text(now)}
    if before is not None:
        old = figure.value(before)
        data |= {"before": old, "before_text": figure.text(old), "change": figure.change(now, old), "trend": now - old}
        data["since_placed"] = figure.change(now, placed)
    return data


def _settings(now: Step) -> dict[str, Any]:
    phase = now.settings.phase
    return {
        "placer": now.settings.placer,
        "seed": now.settings.seed,
        "kind": phase.kind,
        "batch": phase.sequences,
        "tokens": phase.length,
        "rows": now.settings.grid[0],
        "cols": now.settings.grid[1],
    }
