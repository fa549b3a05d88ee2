"""Replicas of a spatial run: each on its share of the chips, with its share of the batch."""

import pytest

from accelsim.errors import PlanError
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill


def run(model, system, phase, plan):
    return simulate(model, system, phase, f"execution=spatial,{plan}", what_ifs=False)


@pytest.mark.parametrize("rectangles", ["own", "shared"])
def test_two_replicas_take_as_long_as_one_with_half_the_batch_on_half_the_chips(tiny, small_arrays, rectangles):
    plan = f"rectangles={rectangles},chunk=1"
    both = run(tiny, f"{small_arrays}:4", Decode(8, 64), f"{plan},dp=2")
    one = run(tiny, f"{small_arrays}:4", Decode(4, 64), f"{plan},chips=2")
    assert both.latency_s == one.latency_s
    assert both.tokens == 2 * one.tokens == 8
    assert both.num_chips == 2 * one.num_chips
    assert both.ledger.flops == 2 * one.ledger.flops
    assert both.footprint == one.footprint
    assert both.ledger.traffic_bytes == {level: 2 * nbytes for level, nbytes in one.ledger.traffic_bytes.items()}


def test_rows_of_operators_are_those_of_one_replica_and_their_bytes_those_of_all(tiny, small_arrays):
    both = run(tiny, f"{small_arrays}:2", Prefill(2, 32), "chunk=16,dp=2")
    one = run(tiny, f"{small_arrays}:2", Prefill(1, 32), "chunk=16,chips=1")
    rows = both.operators().merge(one.operators(), on=["block", "operator"], suffixes=("", "_one"))
    assert (rows["count"] == rows["count_one"]).all()
    assert (rows["flops"] == 2 * rows["flops_one"]).all()


def test_a_batch_that_replicas_cannot_share_is_refused(tiny, small_arrays):
    with pytest.raises(PlanError, match="dp"):
        place(tiny, f"{small_arrays}:4", Decode(3, 64), "execution=spatial,dp=2")


def test_more_replicas_than_chips_are_refused(tiny, small_arrays):
    with pytest.raises(PlanError, match="needs 4 chips"):
        run(tiny, f"{small_arrays}:2", Decode(4, 64), "dp=4")


def test_chips_are_those_of_one_replica(tiny, small_arrays):
    assert place(tiny, f"{small_arrays}:6", Decode(4, 64), "execution=spatial,dp=2,chips=2").floor.num_chips == 2
    assert place(tiny, f"{small_arrays}:6", Decode(4, 64), "execution=spatial,dp=2").floor.num_chips == 3
