from accelsim.hardware.system import load_chip
from accelsim.mapping.spatial.faults import forbidden_tiles
from accelsim.network.noc import Rectangle
from accelsim.pipeline import place, simulate
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
