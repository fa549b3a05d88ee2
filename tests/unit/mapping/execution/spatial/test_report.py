import numpy as np
import pytest

from accelsim.mapping.execution.spatial.occupancy import Fill, kv_capacity, occupancy_curve
from accelsim.mapping.execution.spatial.report import explain, placement_of
from accelsim.mapping.placement.placement import load_placement, parse_placement
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.workload.phase import Decode, Prefill


@pytest.fixture(scope="module")
def placed(tiny, small_array):
    return place(tiny, small_array, Prefill(1, 64), "execution=spatial,chunk=16")


def test_a_placement_file_round_trips(placed):
    placement = placement_of(placed, "tiny", seed=0)
    assert parse_placement(placement.to_yaml()) == placement


def test_a_saved_placement_is_used_as_it_is(placed, tiny, small_array, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(placement_of(placed, "tiny", seed=0).to_yaml(), encoding="utf-8")
    again = place(tiny, small_array, Prefill(1, 64), f"execution=spatial,chunk=16,placer={path}")
    assert again.floor.spots == placed.floor.spots
    assert load_placement(path).places["head"][1] == placed.floor.spots[-1].rectangle


def test_bytes_by_tensor_sum_to_the_cost_the_placers_compare(placed):
    report = explain(placed)
    ((problem, members),) = placed.problems
    cost = problem.byte_hops([placed.floor.spots[i].rectangle for i in members])
    assert report.byte_hops == pytest.approx(cost)
    assert sum(report.tensor_byte_hops.values()) == pytest.approx(cost)
    assert report.byte_hops >= report.bound_byte_hops


def test_the_hottest_links_name_the_groups_that_load_them(placed):
    hottest = explain(placed).hottest
    loads = [link.nbytes for link in hottest]
    assert loads == sorted(loads, reverse=True)
    names = {group.name for group in placed.pipeline.groups}
    for link in hottest:
        assert {name for name, _ in link.groups} <= names
        assert sum(nbytes for _, nbytes in link.groups) <= link.nbytes


def test_no_tile_holds_more_than_it_has(placed):
    assert all(fill.fraction <= 1 for fill in placed.occupancy.fills)


def test_kv_capacity_is_what_the_tightest_group_can_still_take(tiny, small_array):
    run = place(tiny, small_array, Decode(4, 100), "execution=spatial,chunk=1")
    tokens = run.occupancy.kv_capacity_tokens
    assert tokens is not None
    assert tokens >= 4 * 101
    # by hand: 1000 bytes, 400 taken by others, 2 bytes per token (200 bytes for 100 tokens): 300 tokens
    fill = Fill("g", 1, 300.0, 200.0, 50.0, 50.0, 1000.0)
    assert kv_capacity([fill], 100) == 300
    assert kv_capacity([Fill("g", 1, 300.0, 0.0, 0.0, 0.0, 1000.0)], 100) is None


def test_occupancy_grows_with_the_cache_and_ends_at_the_peak(tiny, small_array):
    phase, plan = Prefill(1, 64), "execution=spatial,chunk=16"
    run = place(tiny, small_array, phase, plan)
    timeline = simulate(tiny, small_array, phase, plan, what_ifs=False).timeline.stages[0].timeline
    fill = next(f for f in run.occupancy.fills if f.kv_bytes > 0)
    num_tasks = timeline.num_tasks // run.stream.num_units
    tokens = np.array([run.stream.shapes[u].tokens for u in run.stream.unit_shape], dtype=float)
    times_s, held = occupancy_curve(fill, 0, num_tasks, tokens, 0.0, timeline)
    assert (np.diff(times_s) >= 0).all()
    assert (np.diff(held) >= 0).all()
    assert held[-1] == pytest.approx(fill.peak_bytes)


def test_the_memory_of_a_pipeline_fills_with_every_unit_each_group_takes_up():
    result = simulate(
        "llama3-8b", "cerebras-cs2", Decode(batch=2, context=64, steps=3), "execution=spatial,chunk=1", what_ifs=False
    )
    memory = result.table("memory")
    # 32 groups of attention take up 3 steps of 2 requests each; a token's keys and values take 4,096 bytes a layer.
    assert len(memory) == 1 + 32 * 3 * 2
    token_bytes = 2 * 8 * 128 * 2
    assert memory["kv_cache_bytes"].tolist() == [32 * token_bytes * 2 * 64 + token_bytes * n for n in range(193)]
    assert memory["time_s"].is_monotonic_increasing
    assert memory["total_bytes"].iloc[-1] == sum(result.footprint.role_bytes.values())
