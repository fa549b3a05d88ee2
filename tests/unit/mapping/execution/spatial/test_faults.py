import pytest

from accelsim.cost.base import Region
from accelsim.errors import CapacityError, RoutingError
from accelsim.hardware.system import load_chip
from accelsim.mapping.execution.spatial.faults import WorkingTiles, forbidden_tiles, uncovered_tiles
from accelsim.network.noc import Rectangle
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.phase import Prefill

PHASE, PLAN = Prefill(1, 64), "execution=spatial,chunk=16"


def chip(small_array, **fields):
    return load_chip(small_array).model_copy(update=fields)


def test_spare_rows_take_over_the_rows_with_most_dead_tiles(small_array):
    dead = ((3, 1), (3, 9), (7, 2), (8, 2))
    # one spare row replaces row 3, one spare column replaces column 2: nothing is left
    repaired = forbidden_tiles(chip(small_array, dead_tiles=dead, spare_rows=1, spare_cols=1))
    assert repaired == (Rectangle(63, 0, 1, 64), Rectangle(0, 63, 63, 1))


def test_dead_tiles_beyond_the_spares_stay_forbidden(small_array):
    dead = ((3, 1), (7, 2))
    assert forbidden_tiles(chip(small_array, dead_tiles=dead)) == (Rectangle(3, 1, 1, 1), Rectangle(7, 2, 1, 1))


def test_groups_go_around_dead_tiles_and_the_result_says_what_that_costs(tiny, small_array, tmp_path):
    path = tmp_path / "worn.yaml"
    path.write_text(f"extends: {small_array}\nkind: chip\nname: worn\ndead_tiles: [[10, 10], [40, 33], [63, 0]]\n")
    run = place(tiny, str(path), PHASE, PLAN)
    for row, col in ((10, 10), (40, 33), (63, 0)):
        for spot in run.floor.spots:
            r = spot.rectangle
            assert not (r.row <= row < r.row + r.rows and r.col <= col < r.col + r.cols)
    worn, whole = (simulate(tiny, one, PHASE, PLAN, what_ifs=False) for one in (str(path), small_array))
    assert worn.latency_s >= whole.latency_s
    assert any("3 dead tiles" in warning and "groups placed around them hold" in warning for warning in worn.warnings)


def test_whole_chip_execution_says_that_it_ignores_dead_tiles(tiny, small_array, tmp_path):
    path = tmp_path / "worn.yaml"
    path.write_text(f"extends: {small_array}\nkind: chip\nname: worn\ndead_tiles: [[10, 10]]\n")
    result = simulate(tiny, str(path), PHASE, "execution=whole_chip", what_ifs=False)
    assert any("1 dead tiles are ignored by execution=whole_chip" in warning for warning in result.warnings)


def test_a_row_shifts_past_as_many_dead_tiles_as_there_are_spare_columns(small_array):
    dead = ((3, 1), (3, 9), (3, 12), (7, 2))
    worn = chip(small_array, dead_tiles=dead, spare_cols=2)
    assert uncovered_tiles(worn) == [(3, 12)]


def test_with_a_bypass_a_rectangle_works_with_the_columns_of_its_worst_row(small_array):
    worn = chip(small_array, dead_tiles=((3, 1), (3, 9), (7, 2)), bypass=True)
    assert forbidden_tiles(worn) == ()
    working = WorkingTiles(worn)
    assert working.region(Rectangle(0, 0, 10, 20)) == Region(10, 18)
    assert working.region(Rectangle(4, 0, 10, 20)) == Region(10, 19)
    assert working.region(Rectangle(20, 0, 10, 20)) == Region(10, 20)
    with pytest.raises(CapacityError, match="every tile of a row of rectangle 1x1"):
        working.region(Rectangle(3, 1, 1, 1))


def test_a_tile_that_dead_links_cut_off_must_be_called_dead(tiny, small_array, tmp_path):
    path = tmp_path / "worn.yaml"
    text = (
        f"extends: {small_array}\nkind: chip\nname: worn\n"
        "noc: {dead_links: [[[0, 0], [0, 1]], [[1, 0], [0, 0]], [[5, 5], [5, 6]]]}\n"
    )
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RoutingError, match=r"tile \(0, 0\) cannot be reached.*Add \[0, 0\] to dead_tiles"):
        place(tiny, str(path), PHASE, PLAN)
    path.write_text(text + "dead_tiles: [[0, 0]]\n", encoding="utf-8")
    run = place(tiny, str(path), PHASE, PLAN)
    assert any("1 dead tiles, 3 dead links" in warning for warning in run.warnings)


def test_whole_rows_of_dead_links_cost_hops_and_time(tiny, small_array, tmp_path):
    path = tmp_path / "worn.yaml"
    # nothing crosses the middle of the chip but in the last four columns
    links = [[[31, col], [32, col]] for col in range(60)]
    path.write_text(f"extends: {small_array}\nkind: chip\nname: worn\nnoc: {{dead_links: {links}}}\n")
    worn, whole = (simulate(tiny, one, PHASE, PLAN, what_ifs=False) for one in (str(path), small_array))
    assert worn.spatial.floor.spots == whole.spatial.floor.spots
    assert worn.spatial.link_byte_hops > 1.05 * whole.spatial.link_byte_hops
    assert worn.latency_s > whole.latency_s
