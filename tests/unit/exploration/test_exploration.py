"""An exploration simulates what is swapped, refuses what is not possible without a trace, and finds its way back."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from accelsim import AccelsimError, Decode, Prefill, run_program
from accelsim.case.case import Case
from accelsim.errors import CapacityError, ConfigError, PlacementError, PlanError
from accelsim.exploration import Exploration
from accelsim.mapping.placement.placement import check_legal, parse_placement
from accelsim.pipeline import simulate
from accelsim.placing import place

MODEL, SYSTEM, PHASE, PLAN = "gpt2-xl", "cerebras-cs2", Decode(1, 64), "granularity=layer,chunk=1"


@pytest.fixture(scope="module")
def untouched() -> Exploration:
    return Exploration(Case(MODEL, SYSTEM, PHASE, f"execution=spatial,{PLAN}"))


@pytest.fixture
def floor(untouched: Exploration) -> Exploration:
    """An exploration of its own for each test; only the first is mapped from nothing."""
    mine = copy.copy(untouched)
    mine.history = replace(untouched.history, steps=list(untouched.history.steps))
    return mine


def test_it_starts_from_what_place_gives(floor: Exploration) -> None:
    run = place(MODEL, SYSTEM, PHASE, f"execution=spatial,{PLAN}")
    assert floor.now.run.floor.spots == run.floor.spots
    assert floor.now.latency_s == run_program(run.program).makespan_s
    assert floor.before is None


def test_a_swap_is_what_the_saved_placement_gives_when_it_is_simulated(floor: Exploration, tmp_path) -> None:
    floor.swap("embedding", "decoder30")  # of unlike sizes
    placement = floor.placement()
    check_legal(placement.grid, placement.places)
    file = tmp_path / "mine.yaml"
    file.write_text(placement.to_yaml())
    assert parse_placement(file.read_text()) == placement
    result = simulate(MODEL, SYSTEM, PHASE, f"execution=spatial,{PLAN},placer={file}", what_ifs=False)
    assert result.latency_s == floor.now.latency_s
    assert floor.now.report.byte_hops > floor.placed.report.byte_hops
    assert floor.now.run.plan.placer == "by_hand"


def test_undo_takes_back_swaps_and_settings_one_by_one(floor: Exploration) -> None:
    floor.swap("decoder1", "decoder2")
    swapped = floor.now
    floor.change(placer="row_major")
    assert floor.before is swapped
    assert floor.placed is floor.now
    floor.undo()
    assert floor.now is swapped
    floor.undo()
    floor.undo()  # there is nothing left to undo
    assert floor.num_undoable == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"kind": "prefill", "tokens": 32}, Prefill(1, 32)),
        ({"batch": 4}, Decode(4, 64)),
        ({"tokens": 900}, Decode(1, 900)),
    ],
)
def test_the_phase_can_be_changed(floor: Exploration, change: dict, expected: object) -> None:
    before = floor.now.latency_s
    floor.change(**change)
    assert floor.now.settings.phase == expected
    assert floor.now.latency_s != before


def test_the_grid_can_be_changed(floor: Exploration) -> None:
    floor.change(grid=(800, 700))
    assert floor.now.run.floor.system.chip.core_grid == (800, 700)
    assert max(s.rectangle.row + s.rectangle.rows for s in floor.now.run.floor.spots) <= 800


@pytest.mark.parametrize(
    ("refused", "error", "says"),
    [
        (lambda floor: floor.swap("decoder0", "decoder99"), PlacementError, "no group 'decoder99'"),
        (lambda floor: floor.swap("decoder0", "decoder0"), PlacementError, "with itself"),
        (lambda floor: floor.change(grid=(40, 40)), CapacityError, "short"),
        (lambda floor: floor.change(batch=0), ConfigError, "batch"),
        (lambda floor: floor.change(placer="snail"), ConfigError, "snake"),
    ],
)
def test_a_refusal_leaves_everything_as_it_was(floor: Exploration, refused, error, says) -> None:
    before = floor.now
    with pytest.raises(error, match=says):
        refused(floor)
    assert floor.now is before
    assert floor.num_undoable == 0


def test_only_spatial_plans_have_a_floor() -> None:
    with pytest.raises(PlanError, match="spatial"):
        Exploration(Case(MODEL, SYSTEM, PHASE, "tp=1"))


def test_the_view_is_json_with_every_group_link_and_figure(floor: Exploration) -> None:
    floor.swap("decoder1", "decoder2")
    view = json.loads(json.dumps(floor.view()))
    assert [group["name"] for group in view["groups"]] == [group.name for group in floor.now.run.pipeline.groups]
    assert sum(link["nbytes"] for link in view["links"]) > 0
    latency = view["figures"][0]
    assert (latency["now"], latency["before"]) == (floor.now.latency_s, floor.placed.latency_s)


def test_without_widgets_it_is_a_picture(floor: Exploration) -> None:
    assert floor._repr_png_().startswith(b"\x89PNG")


def test_the_widget_answers_messages_and_carries_the_picture_for_other_front_ends(floor: Exploration) -> None:
    pytest.importorskip("anywidget")
    from accelsim.exploration.widget import FloorplanWidget

    widget = FloorplanWidget(floor)
    widget._on_message(widget, {"do": "swap", "first": "decoder1", "second": "decoder2"}, [])
    assert (widget.view["revision"], widget.view["num_undoable"], widget.view["error"]) == (2, 1, "")
    widget._on_message(widget, {"do": "swap", "first": "decoder1", "second": "nothing"}, [])
    assert "no group 'nothing'" in widget.view["error"]
    widget._on_message(widget, {"do": "undo"}, [])
    assert (widget.view["num_undoable"], widget.view["error"]) == (0, "")
    with pytest.raises(AccelsimError):
        widget.swap("decoder1", "nothing")  # in Python a refusal is an exception
    data, _ = widget._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(data)


def test_importing_the_library_imports_no_widget() -> None:
    code = "import sys, accelsim, accelsim.exploration; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"anywidget", "ipywidgets", "matplotlib"} & set(loaded)
