"""The floorplan draws every group, and the link picture every byte that the placement report counts."""

from __future__ import annotations

import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import Rectangle as Patch

from accelsim import Decode
from accelsim.mapping.spatial.report import explain
from accelsim.mapping.spatial.run import SpatialRun
from accelsim.pipeline import place
from accelsim.results.plots.floorplan import plot_floorplan, plot_link_load


@pytest.fixture(scope="module")
def run() -> SpatialRun:
    return place("gpt2-xl", "cerebras-cs2", Decode(1, 64), "execution=spatial,granularity=layer,chunk=1")


def test_each_group_has_an_outline_and_a_fill_as_high_as_its_sram_is_full(run: SpatialRun) -> None:
    patches = [patch for patch in plot_floorplan(run).patches if isinstance(patch, Patch)]
    assert len(patches) == 2 * len(run.floor.spots)
    for outline, filled, fill in zip(patches[::2], patches[1::2], run.occupancy.fills, strict=True):
        assert filled.get_height() == pytest.approx(outline.get_height() * min(1.0, fill.fraction))


def test_the_darkest_link_carries_what_the_report_calls_the_hottest(run: SpatialRun) -> None:
    (links,) = [one for one in plot_link_load(run).collections if isinstance(one, LineCollection)]
    loads_mb = links.get_array()
    assert loads_mb is not None
    assert float(loads_mb.max()) * 1e6 == pytest.approx(explain(run).hottest[0].nbytes)
    assert float(loads_mb.min()) > 0  # idle links are left out
