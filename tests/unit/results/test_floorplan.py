"""The floorplan draws every group, and the link picture every byte that the placement report counts."""

from __future__ import annotations

import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle as Patch

from accelsim import Decode, simulate
from accelsim.mapping.execution.spatial.report import explain
from accelsim.mapping.execution.spatial.run import SpatialRun
from accelsim.mapping.placement.constraints import PlacementConstraints, TileSet
from accelsim.network.noc import Rectangle
from accelsim.placing import place
from accelsim.results.floorplan import floorplan_of
from accelsim.results.plots.floorplan import ColourBy, plot_floorplan, plot_link_load


@pytest.fixture(scope="module")
def run() -> SpatialRun:
    return place("gpt2-xl", "cerebras-cs2", Decode(1, 64), "execution=spatial,granularity=layer,chunk=1")


def test_each_group_has_an_outline_and_a_fill_as_high_as_its_sram_is_full(run: SpatialRun) -> None:
    patches = [patch for patch in plot_floorplan(run).patches if isinstance(patch, Patch)]
    assert len(patches) == 3 * len(run.floor.spots)
    for outline, filled, fill in zip(patches[2::3], patches[1::3], run.occupancy.fills, strict=True):
        assert filled.get_height() == pytest.approx(outline.get_height() * min(1.0, fill.fraction))


def test_the_darkest_link_carries_what_the_report_calls_the_hottest(run: SpatialRun) -> None:
    (links,) = [one for one in plot_link_load(run).collections if isinstance(one, LineCollection)]
    loads_kb = links.get_array()
    assert loads_kb is not None
    assert float(loads_kb.max()) * 1e3 == pytest.approx(explain(run).hottest[0].nbytes)
    assert float(loads_kb.min()) > 0  # idle links are left out


def test_links_of_the_drawing_sum_to_those_of_the_table(run: SpatialRun) -> None:
    result = simulate("gpt2-xl", "cerebras-cs2", Decode(1, 64), str(run.plan), what_ifs=False)
    table, use = result.table("links"), result.table("link_use")
    drawn = floorplan_of(run).links
    used = table[table["bytes"] > 0]
    assert {link.name: link.nbytes for link in drawn} == dict(zip(used["link"], used["bytes"], strict=True))
    for link in drawn:
        assert dict(link.users) == dict(use[use["link"] == link.name][["operator", "bytes"]].itertuples(index=False))


@pytest.mark.parametrize("colour_by", ["part", "sram"])
@pytest.mark.parametrize("granularity", ["layer", "block"])
def test_labels_stay_inside_their_rectangles(granularity: str, colour_by: ColourBy) -> None:
    plan = f"execution=spatial,granularity={granularity},chunk=1"
    run = place("gpt2-xl", "cerebras-cs2", Decode(1, 64), plan)  # 50 and 98 groups
    ax = plot_floorplan(run, colour_by=colour_by)
    outlines = [p.get_window_extent() for p in ax.patches if isinstance(p, Patch)]
    assert len(ax.texts) >= 0.9 * len(run.pipeline.groups)
    for text in ax.texts:
        box = text.get_window_extent()
        assert any(o.x0 <= box.x0 and box.x1 <= o.x1 and o.y0 <= box.y0 and box.y1 <= o.y1 for o in outlines), (
            text.get_text()
        )


def test_dead_tiles_pins_and_forbidden_tiles_are_in_the_drawing() -> None:
    asked = PlacementConstraints(
        pin={"head": TileSet(corner=(800, 0), tiles=(190, 300))}, forbid=(TileSet(corner=(0, 700), tiles=(994, 50)),)
    )
    run = place(
        "gpt2-xl", "cerebras-cs2", Decode(1, 64), "execution=spatial,granularity=layer,chunk=1",
        constraints=asked, overrides=[("chip.dead_tiles", "[[5, 5], [400, 300]]")],
    )  # fmt: skip
    drawn = floorplan_of(run)
    assert set(drawn.closed) == {Rectangle(0, 700, 994, 50), Rectangle(5, 5, 1, 1), Rectangle(400, 300, 1, 1)}
    assert [group.name for group in drawn.groups if group.is_pinned] == ["head"]
    ax = plot_floorplan(run)
    assert [len(one.get_offsets()) for one in ax.collections] == [2]  # dead tiles are marked, being too small to hatch
