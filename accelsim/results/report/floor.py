"""The floorplan of a spatial run: groups on their tiles, and the links between them by how busy they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from accelsim.mapping.spatial.run import SpatialRun
from accelsim.results.format import percent_text, size_text

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from accelsim.results.result import Result

_ON_FIRST_CHIP = re.compile(r"(?:chip0\.)?noc\((\d+),(\d+)\)->\((\d+),(\d+)\)")
#: How far beside the middle of a block boundary a direction is drawn, in blocks, so that both can be clicked.
_BESIDE = 0.14
_PIXELS = 760
#: Share of the height that the floor itself takes, and width of a character of its labels.
_USED, _CHARACTER_PIXELS = 0.85, 5.5


def floorplan(result: Result, run: SpatialRun) -> tuple[go.Figure, str]:
    """The first chip of ``run`` as a figure, and what a reader has to know about it."""
    import plotly.graph_objects as go

    figure = go.Figure()
    rows, cols = run.floor.system.chip.core_grid
    _add_groups(figure, result.table("tiles"), _PIXELS / rows)
    _add_links(figure, result, run)
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


def _add_groups(figure: go.Figure, tiles: pd.DataFrame, pixels_per_tile: float) -> None:
    """A rectangle per group, with its name in the middle where it is wide enough."""
    import plotly.graph_objects as go

    here = tiles[tiles["chip"] == 0]
    for row, col, rows, cols, fill in zip(
        *(here[name] for name in ("first_row", "first_col", "rows", "cols", "fill_fraction")), strict=True
    ):
        figure.add_shape(
            type="rect", x0=col, x1=col + cols, y0=row, y1=row + rows, layer="below",
            line={"color": "#888888", "width": 1}, fillcolor="#0072B2", opacity=0.1 + 0.4 * min(1.0, fill),
        )  # fmt: skip
    held = here["weight_bytes"] + here["kv_cache_bytes"] + here["buffer_bytes"] + here["scratch_bytes"]
    text = [
        f"{group}<br>{rows} x {cols} tiles<br>SRAM {percent_text(fill)}: {size_text(nbytes)} per tile"
        for group, rows, cols, fill, nbytes in zip(
            here["group"], here["rows"], here["cols"], here["fill_fraction"], held, strict=True
        )
    ]
    names = [
        group if cols * pixels_per_tile * _USED > _CHARACTER_PIXELS * len(group) else ""
        for group, cols in zip(here["group"], here["cols"], strict=True)
    ]
    figure.add_trace(
        go.Scatter(
            x=here["first_col"] + here["cols"] / 2, y=here["first_row"] + here["rows"] / 2,
            mode="markers+text", name="groups",
            text=names, textfont_size=9,
            marker={"opacity": 0, "size": 14}, hovertext=text, hoverinfo="text",
        )
    )  # fmt: skip


def _add_links(figure: go.Figure, result: Result, run: SpatialRun) -> None:
    """A square per link and direction, between the blocks it joins."""
    import plotly.graph_objects as go

    table = result.table("links")
    found = [_ON_FIRST_CHIP.fullmatch(name) for name in table["link"]]
    used = table[np.array([match is not None for match in found]) & (table["bytes"] > 0)]
    ends = np.array([[int(n) for n in found[i].groups()] for i in used.index if found[i]], dtype=int)
    if not len(ends):
        return
    mesh = run.floor.mesh
    middles = [(edges[:-1] + edges[1:]) / 2 for edges in (mesh.row_edges, mesh.col_edges)]
    start = np.stack([middles[0][ends[:, 0]], middles[1][ends[:, 1]]], axis=-1)
    end = np.stack([middles[0][ends[:, 2]], middles[1][ends[:, 3]]], axis=-1)
    way = end - start
    place = (start + end) / 2 + _BESIDE * np.stack([way[:, 1], -way[:, 0]], axis=-1)
    figure.add_trace(
        go.Scatter(
            x=place[:, 1], y=place[:, 0], mode="markers", name="links", customdata=used["link"].to_numpy(),
            text=[percent_text(share) for share in used["busy_fraction"]],
            hovertemplate="%{customdata}<br>busy %{text}<extra></extra>",
            marker={
                "color": used["busy_fraction"] * 100, "colorscale": "Viridis", "cmin": 0, "size": 10,
                "symbol": "square", "line": {"width": 0.5, "color": "#888888"},
                "colorbar": {"title": {"text": "busy (%)"}, "thickness": 12},
            },
        )
    )  # fmt: skip
