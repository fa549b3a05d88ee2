"""The floorplan of a spatial run: groups on their tiles, and the links between them by how busy they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.mapping.execution.spatial.run import SpatialRun
from accelsim.results.floorplan import Floorplan, floorplan_of
from accelsim.results.format import percent_text, size_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from accelsim.results.result import Result

_PIXELS = 760
#: Share of the height that the floor itself takes, and width of a character of its labels.
_USED, _CHARACTER_PIXELS = 0.85, 5.5


def floorplan(result: Result, run: SpatialRun) -> tuple[go.Figure, str]:
    """The first chip of ``run`` as a figure, and what a reader has to know about it.

    Args:
        result: The run, for what its links carried.
        run: Its groups on their tiles.
    """
    import plotly.graph_objects as go

    figure, plan = go.Figure(), floorplan_of(run)
    rows, cols = plan.grid
    _add_groups(figure, plan)
    _add_links(figure, plan, result)
    _add_names(figure, plan)
    figure.update_layout(height=_PIXELS)
    figure.update_xaxes(title="column of tiles", range=[0, cols], constrain="domain", showgrid=False)
    figure.update_yaxes(title="row of tiles", range=[rows, 0], scaleanchor="x", constrain="domain", showgrid=False)
    note = (
        "Rectangles are groups, darker where their SRAM is fuller; squares are links between blocks of tiles. "
        "Click a link, or choose it below, to list what used it."
    )
    if run.floor.num_chips > 1:
        note += f" The first of {run.floor.num_chips} chips is drawn."
    return figure, note


def _add_groups(figure: go.Figure, plan: Floorplan) -> None:
    """A rectangle per group, and in its middle what a pointer shows."""
    import plotly.graph_objects as go

    text = []
    for group in plan.groups:
        r, fill = group.rectangle, group.fill
        figure.add_shape(
            type="rect", x0=r.col, x1=r.col + r.cols, y0=r.row, y1=r.row + r.rows, layer="below",
            line={"color": "#888888", "width": 1}, fillcolor="#0072B2", opacity=0.1 + 0.4 * min(1.0, fill.fraction),
        )  # fmt: skip
        held = f"SRAM {percent_text(fill.fraction)}: {size_text(fill.peak_bytes)} per tile"
        text.append(f"{group.name}<br>{r.rows} x {r.cols} tiles<br>{held}")
    x, y = _middles(plan)
    marker = {"opacity": 0, "size": 14}
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="markers", name="groups", marker=marker, hovertext=text, hoverinfo="text")
    )


def _add_names(figure: go.Figure, plan: Floorplan) -> None:
    """The names of groups where they are wide enough, above the links and set off against them."""
    import plotly.graph_objects as go

    pixels_per_tile = _PIXELS / plan.grid[0] * _USED
    names = []
    for group in plan.groups:
        fitting = (
            lines
            for lines in group.labels
            if group.rectangle.cols * pixels_per_tile > _CHARACTER_PIXELS * max(len(line) for line in lines)
        )
        names.append("<br>".join(next(fitting, ())))
    x, y = _middles(plan)
    font = {"size": 9, "shadow": "auto"}
    figure.add_trace(go.Scatter(x=x, y=y, mode="text", name="names", text=names, textfont=font, hoverinfo="skip"))


def _middles(plan: Floorplan) -> tuple[list[float], list[float]]:
    rectangles = [group.rectangle for group in plan.groups]
    return [r.col + r.cols / 2 for r in rectangles], [r.row + r.rows / 2 for r in rectangles]


def _add_links(figure: go.Figure, plan: Floorplan, result: Result) -> None:
    """A square per link and direction, between the blocks it joins."""
    import plotly.graph_objects as go

    if not plan.links:
        return
    table = result.table("links")
    busy = dict(zip(table["link"], table["busy_fraction"], strict=True))
    shares = [busy[link.name] for link in plan.links]
    figure.add_trace(
        go.Scatter(
            x=[(link.start[0] + link.end[0]) / 2 for link in plan.links],
            y=[(link.start[1] + link.end[1]) / 2 for link in plan.links],
            mode="markers", name="links", customdata=[link.name for link in plan.links],
            text=[percent_text(share) for share in shares],
            hovertemplate="%{customdata}<br>busy %{text}<extra></extra>",
            marker={
                "color": [share * 100 for share in shares], "colorscale": "Viridis", "cmin": 0, "size": 7,
                "symbol": "square", "line": {"width": 0.5, "color": "#888888"},
                "colorbar": {"title": {"text": "busy (%)"}, "thickness": 12},
            },
        )
    )  # fmt: skip
