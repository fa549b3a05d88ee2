"""The charts of the report, as plotly figures; colours of the chart's frame are the page's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from accelsim.engine.clock import TICKS_PER_S
from accelsim.results.format import full_operator_name, seconds_text, size_text
from accelsim.results.report.floor import floorplan
from accelsim.results.result import Result
from accelsim.results.shown import note_of, shown_stages

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

FloatArray = npt.NDArray[np.float64]

#: Most bars of the timeline and of the chart by operator.
MAX_BARS, MAX_OPERATORS = 3_000, 20
#: Row of tasks that wait and hold neither server nor link.
NO_SERVER = "no server"
#: Most points of a curve, most bars of links, most links with a row in the timeline, most blocks named above an axis.
MAX_POINTS, MAX_LINK_BARS, MAX_LINK_ROWS, MAX_BLOCK_NAMES = 2_000, 40, 16, 12
#: Hatches of the pictures as plotly patterns.
_LIMIT = "#CC79A7"
_PATTERNS = {"//": "/", "..": ".", "xx": "x"}
_BAR_PIXELS, _FRAME_PIXELS = 26, 110


@dataclass(frozen=True, slots=True)
class Figure:
    """One chart.

    Attributes:
        name: Id in the page.
        title: Heading.
        json: The chart as plotly JSON.
        note: What a reader has to know about it.
    """

    name: str
    title: str
    json: str
    note: str = ""


def figures(result: Result) -> list[Figure]:
    """Every chart of the page, in order."""
    found = [_causes(result), _operators(result), _timeline(result), _memory(result), _power(result), _energy(result)]
    return [*found, _links(result)]


def _causes(result: Result) -> Figure:
    import plotly.graph_objects as go

    fills = _markers(list(result.ledger.cause_s), "CAUSE_FILLS")
    bars = [
        go.Bar(
            x=[time_s * 1e3],
            y=["latency"],
            name=cause,
            orientation="h",
            marker=fills[cause],
            hovertext=f"{cause}: {seconds_text(time_s)}",
            hoverinfo="text",
        )
        for cause, time_s in result.ledger.cause_s.items()
    ]
    figure = go.Figure(bars)
    figure.update_layout(barmode="stack", height=130, xaxis_title="time (ms)", yaxis_visible=False)
    return _close("causes", "Time by cause", figure)


def _operators(result: Result) -> Figure:
    """The longest operators, each bar cut by cause."""
    import plotly.graph_objects as go

    rows = sorted(result.ledger.rows, key=lambda row: -row.time_s)
    shown = rows[:MAX_OPERATORS]
    names = [full_operator_name(row.block, row.operator) for row in shown]
    causes = list(dict.fromkeys(cause for row in shown for cause, s in row.parts_s.items() if s))
    fills = _markers(causes, "CAUSE_FILLS")
    figure = go.Figure(
        [
            go.Bar(
                x=[row.parts_s.get(cause, 0.0) * 1e3 for row in shown],
                y=names,
                name=cause,
                orientation="h",
                marker=fills[cause],
                hovertemplate="%{y}<br>" + cause + ": %{x:.4g} ms<extra></extra>",
            )
            for cause in causes
        ]
    )
    figure.update_layout(barmode="stack", height=_height(len(shown)), xaxis_title="time, all executions (ms)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    left = (
        f"The {len(rows) - len(shown)} shortest of {len(rows)} operators are left out. "
        if len(rows) > len(shown)
        else ""
    )
    return _close("operators", "Time by operator", figure, f"{left}Operators that overlap both count.")


def _timeline(result: Result) -> Figure:
    """First repetition of each block, one row per server or, without one, per first link."""
    import plotly.graph_objects as go

    tasks = _folded(result, result.table("tasks"))
    notes = ["Drag to zoom, double-click to go back.", _fold_note(result)]
    if (tasks["server"] == "").any() and tasks["first_link"].nunique() > MAX_LINK_ROWS:
        notes.append("Transfers are left out: see the links below.")
        tasks = tasks[tasks["server"] != ""]
    tasks = _in_rows(tasks)
    bars = _merged(tasks)
    if len(bars) < len(tasks):
        notes.append(f"{len(tasks)} tasks are drawn as {len(bars)} bars: neighbours of one operator are one bar.")
    kinds = _kinds(result, list(bars["operator"]))
    fills = _markers(sorted(set(kinds)), "TIMELINE_FILLS")
    figure = go.Figure()
    for kind in fills:
        some = bars[np.array([k == kind for k in kinds])]
        figure.add_trace(
            go.Bar(
                base=some["start_s"] * 1e3,
                x=(some["end_s"] - some["start_s"]) * 1e3,
                y=some["row"],
                customdata=np.stack([some["operator"], some["block"], some["bytes"], some["tasks"]], axis=-1),
                name=kind,
                orientation="h",
                marker=fills[kind],
                hovertemplate="%{customdata[0]} in %{customdata[1]}<br>from %{base:.6g} ms, %{x:.4g} ms long"
                "<br>%{customdata[2]} bytes, %{customdata[3]} tasks<extra></extra>",
            )
        )
    figure.update_layout(barmode="overlay", bargap=0.15, height=_height(bars["row"].nunique()), dragmode="zoom")
    _use_folded_axis(figure, result)
    order = bars.groupby("row")["start_s"].min().sort_values(kind="stable").index
    figure.update_yaxes(autorange="reversed", automargin=True, fixedrange=True, type="category")
    figure.update_yaxes(categoryorder="array", categoryarray=list(order))
    return _close("timeline", "Timeline", figure, " ".join(notes))


def _in_rows(tasks: pd.DataFrame) -> pd.DataFrame:
    """The tasks with the row that each is drawn in; joints of the graph, which take no time anywhere, are left out."""
    is_joint = (tasks["server"] == "") & (tasks["first_link"] == "") & (tasks["start_s"] == tasks["end_s"])
    drawn = tasks[~is_joint]
    row = np.where(drawn["server"] != "", drawn["server"], drawn["first_link"])
    return drawn.assign(row=np.where(row != "", row, NO_SERVER), tasks=1)


def _merged(tasks: pd.DataFrame) -> pd.DataFrame:
    """At most about :data:`MAX_BARS` bars: neighbours on a row with one operator and a small gap between are joined."""
    rows = tasks["row"].nunique()
    span_s = float(tasks["end_s"].max() - tasks["start_s"].min())
    gap_s = span_s / MAX_BARS
    bars = tasks.sort_values(["row", "start_s"], kind="stable")
    while len(bars) > max(MAX_BARS, rows):
        is_same = (bars["row"] == bars["row"].shift()) & (bars["operator"] == bars["operator"].shift())
        # with ever larger gaps, other operators are joined too: what is drawn keeps the name of the first
        if gap_s > span_s / 100:
            is_same = bars["row"] == bars["row"].shift()
        is_joined = is_same & (bars["start_s"] - bars["end_s"].shift() <= gap_s)
        group = (~is_joined).cumsum()
        first = {name: "first" for name in ("row", "operator", "block", "start_s")}
        bars = bars.groupby(group, sort=False).agg({**first, "end_s": "max", "bytes": "sum", "tasks": "sum"})
        gap_s *= 2
    return bars


def _shift_s(result: Result) -> tuple[FloatArray, FloatArray]:
    """For each stage, its start on the folded axis and what to add to times of the run to get there.

    A long decode, of which some steps are shown, is not folded.
    """
    if note_of(result.timeline):
        return np.array([0.0, result.latency_s]), np.zeros(len(result.timeline.stages))
    period_s = np.array([stage.timeline.makespan_s for stage in result.timeline.stages])
    start_s = np.concatenate([[0.0], np.cumsum(period_s)])
    real_s = np.array([stage.start_ticks / TICKS_PER_S for stage in result.timeline.stages])
    return start_s, start_s[:-1] - real_s


def _folded(result: Result, table: pd.DataFrame) -> pd.DataFrame:
    """A table with a stage and times, on the axis on which each block is drawn once."""
    shift_s = _shift_s(result)[1][table["stage"].to_numpy()]
    return table.assign(**{name: table[name] + shift_s for name in ("time_s", "start_s", "end_s") if name in table})


def _fold_note(result: Result) -> str:
    if note := note_of(result.timeline):
        return note
    folded = sum(stage.stage.repeat - 1 for stage in result.timeline.stages)
    if not folded:
        return ""
    drawn_s = float(_shift_s(result)[0][-1])
    return (
        f"Each block is drawn once: {folded} equal repetitions are folded, "
        f"{seconds_text(drawn_s)} of {seconds_text(result.latency_s)} are drawn."
    )


def _use_folded_axis(figure: go.Figure, result: Result) -> None:
    """Title of the time axis, and the blocks above it."""
    stages = result.timeline.stages
    folds = any(one.stage.stage.repeat > 1 for one in shown_stages(result.timeline))
    is_folded = folds and not note_of(result.timeline)
    figure.update_xaxes(title_text="time, each block drawn once (ms)" if is_folded else "time (ms)")
    if len(stages) > MAX_BLOCK_NAMES:
        return
    starts_s = _shift_s(result)[0]
    width_s = float(starts_s[-1])
    for i, stage in enumerate(stages):
        figure.add_vline(x=float(starts_s[i]) * 1e3, line_width=1, line_dash="dot", line_color="#888888")
        if starts_s[i + 1] - starts_s[i] > 0.15 * width_s:
            times = f" \u00d7{stage.stage.repeat}" if stage.stage.repeat > 1 else ""
            figure.add_annotation(
                x=float(starts_s[i]) * 1e3, y=1, yref="paper", yanchor="bottom", xanchor="left", showarrow=False,
                text=f"{escape(stage.stage.name)}{times}", font_size=11,
            )  # fmt: skip


def _memory(result: Result) -> Figure:
    import plotly.graph_objects as go

    table = _thinned(_folded(result, result.table("memory")))
    ends = [*table["time_s"] * 1e3, float(_shift_s(result)[0][-1]) * 1e3]
    figure = go.Figure()
    fills = _markers(("weight", "kv_cache", "activation"), "ROLE_FILLS")
    for role in ("weight", "kv_cache", "activation"):
        values = [*table[f"{role}_bytes"]]
        figure.add_trace(
            go.Scatter(
                x=ends,
                y=[v / 1e9 for v in [*values, values[-1]]],
                name=role,
                stackgroup="held",
                fillcolor=fills[role]["color"],
                line={"shape": "hv", "width": 0, "color": fills[role]["color"]},
            )
        )
    capacity = result.footprint.capacity_bytes / 1e9
    figure.add_trace(
        go.Scatter(
            x=[0.0, ends[-1]],
            y=[capacity] * 2,
            name="capacity",
            mode="lines",
            line={"dash": "dash", "color": _LIMIT},
        )
    )
    _use_folded_axis(figure, result)
    figure.update_layout(height=320, yaxis_title=f"{result.footprint.memory} of one chip (GB)")
    figure.update_yaxes(rangemode="tozero")
    held, capacity_text = size_text(result.footprint.total_bytes), size_text(result.footprint.capacity_bytes)
    note = f"{held} of {capacity_text} at the fullest moment."
    return _close("memory", "Memory over time", figure, note)


def _power(result: Result) -> Figure:
    import plotly.graph_objects as go

    table = _thinned(_folded(result, result.table("power")))
    end_ms = float(table["end_s"].iloc[-1]) * 1e3
    x = np.repeat(np.concatenate([table["start_s"], table["end_s"].tail(1)]), 2)[1:-1] * 1e3
    figure = go.Figure(
        go.Scatter(x=x, y=np.repeat(table["power_w"], 2) / 1e3, name="power", line={"color": "#0072B2", "width": 2})
    )
    for name, value, line in (
        ("mean", result.power.mean_w, {"dash": "dot", "color": "#009E73"}),
        ("limit", result.power.limit_w, {"dash": "dash", "color": _LIMIT}),
    ):
        figure.add_trace(go.Scatter(x=[0.0, end_ms], y=[value / 1e3] * 2, mode="lines", name=name, line=line))
    _use_folded_axis(figure, result)
    figure.update_layout(height=300, yaxis_title="power of all chips (kW)")
    figure.update_yaxes(rangemode="tozero")
    return _close("power", "Power over time", figure, "Clocks that fall at the power limit are not modelled.")


def _energy(result: Result) -> Figure:
    import plotly.graph_objects as go

    table = result.table("energy")
    components = table.groupby("component")["energy_j"].sum().sort_values(ascending=False)
    kinds = sorted(set(table["kind"]))
    fills = _markers(kinds, "KIND_FILLS")
    figure = go.Figure()
    for kind in kinds:
        by_component = table[table["kind"] == kind].groupby("component")["energy_j"].sum()
        figure.add_trace(
            go.Bar(
                x=[float(by_component.get(name, 0.0)) for name in components.index],
                y=list(components.index),
                name=kind or "busy and static",
                orientation="h",
                marker=fills[kind],
                hovertemplate="%{y}, " + (kind or "busy and static") + ": %{x:.4g} J<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack", height=_height(len(components)), xaxis_title="energy of all chips (J)")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return _close("energy", "Energy by component and kind of operator", figure)


def _links(result: Result) -> Figure:
    """Links by how long they are busy: on the floor where the run has one, else as bars."""
    import plotly.graph_objects as go

    if result.spatial is not None:
        figure, note = floorplan(result, result.spatial)
        return _close("links", "Floorplan and links", figure, note)
    table = result.table("links")
    used = table[table["bytes"] > 0].sort_values("busy_s", ascending=False, kind="stable").head(MAX_LINK_BARS)
    figure = go.Figure(
        go.Bar(
            x=used["busy_fraction"] * 100, y=used["link"], orientation="h", marker_color="#0072B2", name="links",
            customdata=used["link"].to_numpy(), textangle=0, text=[f"{share:.1%}" for share in used["busy_fraction"]],
            hovertemplate="%{customdata}<br>busy %{text}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(height=_height(len(used)), xaxis_title="busy (% of the latency)")
    figure.update_yaxes(autorange="reversed", automargin=True, type="category")
    figure.update_xaxes(range=[0, 100])
    return _close("links", "Links", figure, "Click a link, or choose it below, to list the operators that used it.")


def _close(name: str, title: str, figure: go.Figure, note: str = "") -> Figure:
    figure.update_layout(
        template="none",
        margin={"l": 60, "r": 15, "t": 24, "b": 45},
        showlegend=False,  # the page has its own, which wraps on a phone and takes the keyboard
        hoverlabel={"namelength": -1},
    )
    figure.update_xaxes(automargin=True, title_standoff=8)
    return Figure(name, title, str(figure.to_json()), note)


def _height(rows: int) -> int:
    return _FRAME_PIXELS + _BAR_PIXELS * max(1, rows)


def _thinned(table: Any) -> Any:
    """Every n-th row, so that a chart stays light."""
    return table.iloc[:: -(-len(table) // MAX_POINTS)]


def _kinds(result: Result, labels: Sequence[str]) -> list[str]:
    kind_of = {row.operator: row.kind for row in result.ledger.rows}
    # a group of operators that share a rectangle is called after its part: decoder3.mlp is an mlp
    return [kind_of.get(label, "transfer" if " > " in label else label.rpartition(".")[2]) for label in labels]


def _markers(names: Sequence[str], known: str) -> dict[str, dict[str, Any]]:
    """Paint of each name as in the pictures: colour and, where colours are shared, a pattern."""
    from accelsim.results.plots import style

    chosen: dict[str, style.Paint] = style.fills(names, getattr(style, known))
    return {
        name: {
            # black would vanish on a dark page
            "color": "#8C6BB1" if fill.colour == style.BLACK else fill.colour,
            "pattern": {"shape": _PATTERNS.get(fill.hatch, ""), "solidity": 0.4},
            "line": {"width": 0},
        }
        for name, fill in chosen.items()
    }
