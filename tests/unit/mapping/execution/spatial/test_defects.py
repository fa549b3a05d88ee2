import numpy as np
import pytest

from accelsim.case.case import Case
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.mapping.execution.spatial.faults import cut_off_tiles, sample_faults, without_faults
from accelsim.study.wafers import Defects, fault_loss
from accelsim.workload.phase import Prefill

PHASE, PLAN = Prefill(1, 32), "execution=spatial,chunk=16,placer=snake"
BYPASS = [("chip.bypass", "true")]


def test_sampled_faults_follow_their_probabilities_and_their_seed(small_array):
    chip = load_chip(small_array)
    worn = sample_faults(chip, 0.05, 0.02, np.random.default_rng(4))
    assert worn == sample_faults(chip, 0.05, 0.02, np.random.default_rng(4))
    # 4,096 tiles and 8,064 links: within four standard deviations of the mean
    assert len(worn.dead_tiles) == pytest.approx(4096 * 0.05, abs=4 * (4096 * 0.05) ** 0.5)
    assert len(worn.noc.dead_links) == pytest.approx(8064 * 0.02, abs=4 * (8064 * 0.02) ** 0.5)
    assert set(cut_off_tiles(worn)) <= set(worn.dead_tiles)
    assert without_faults(worn) == chip


def test_wafers_of_a_seed_are_the_same_however_many_are_sampled(tiny, small_array):
    def study(wafers):
        return fault_loss(Case(tiny, load(small_array), PHASE, PLAN, seed=5), Defects(0.01, 0.01, wafers))

    one, three = study(1), study(3)
    assert three.wafers[0] == one.wafers[0]
    table = three.table()
    assert len(table) == 3
    assert (table["latency_loss"] > 0).all()
    assert table["latency_loss"].to_numpy() == pytest.approx(three.losses("latency_s"))


def test_a_wafer_on_which_nothing_fits_is_counted_and_says_why(tiny, small_array):
    study = fault_loss(Case(tiny, small_array, PHASE, PLAN), Defects(0.2))
    assert study.working == ()
    assert "cannot be cut" in study.wafers[0].refused
    assert "chip.bypass" in study.wafers[0].refused


def test_spare_columns_take_the_loss_away(tiny, small_array):
    case = Case(tiny, small_array, PHASE, PLAN, overrides=[("chip.spare_cols", "8")], seed=1)
    study = fault_loss(case, Defects(0.01, wafers=2))
    assert all(wafer.dead_tiles > 0 and wafer.uncovered_tiles == 0 for wafer in study.wafers)
    assert (study.losses("latency_s") == 0).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"tiles": 1.5}, "tile_defects: a probability"), ({"wafers": 0}, "wafers: at least 1")],
)
def test_impossible_samples_are_refused(asked, message):
    with pytest.raises(ConfigError, match=message):
        Defects(**asked)


def load(path):
    from accelsim.hardware.system import load_system

    return load_system(path, BYPASS)
