"""Groups that share the tiles of a chip: who gets which chip, what it holds, and that they take turns."""

from collections import defaultdict

import numpy as np
import pytest

from accelsim.engine.program import run_program
from accelsim.errors import CapacityError, PlanError
from accelsim.pipeline import simulate
from accelsim.placing import place
from accelsim.results.floorplan import floorplan_of
from accelsim.workload.build import build_step, build_workload
from accelsim.workload.phase import Decode, Prefill

SHARED = "execution=spatial,rectangles=shared"


def chips_of(run):
    """Names of the groups of each chip."""
    found = defaultdict(list)
    for group, spot in zip(run.pipeline.groups, run.floor.spots, strict=True):
        found[spot.chip].append(group.name)
    return dict(found)


def test_all_groups_of_one_chip_have_all_of_its_tiles(tiny, small_array):
    run = place(tiny, small_array, Prefill(1, 64), f"{SHARED},chunk=16")
    assert {spot for spot in run.floor.spots} == {run.floor.spots[0]}
    assert run.floor.spots[0].rectangle.num_cores == 64 * 64
    graph = run.program.stages[0].graph
    assert graph.servers == ("chip0",)
    moved = np.unique(graph.route_link[np.repeat(graph.nbytes, np.diff(graph.route_ptr)) > 0])
    assert [graph.links[link] for link in moved] == ["chip0.layout"]  # nothing leaves its tiles


def test_groups_of_a_chip_run_one_after_another(tiny, small_array):
    run = place(tiny, small_array, Prefill(1, 64), f"{SHARED},chunk=16")
    timeline = run_program(run.program)
    work_s = sum(
        price.work_s * int(run.stream.counts[shape])
        for row in run.settled.prices
        for shape, price in enumerate(row)
        if price is not None
    )
    moves_s = 0.0  # of the tensors that are rearranged between two groups
    for cast in run.settled.casts:
        lanes = run.settled.lanes(cast)
        each = [run.floor.alone_s(lanes, lanes.lane_bytes(int(n)))[0] for n in run.settled.cast_bytes(cast)]
        moves_s += float(np.dot(each, run.stream.counts))
    assert work_s < timeline.makespan_s <= work_s + moves_s


def test_pieces_of_a_group_lie_on_the_chips_of_one_team(tiny, small_arrays):
    run = place(tiny, f"{small_arrays}:4", Decode(1, 64), f"{SHARED},pieces=2")
    found = chips_of(run)
    assert set(found) == {0, 1}  # one request: the fewest teams that hold the model
    assert "decoder0.mlp@0" in found[0] and "decoder0.mlp@1" in found[1]
    assert "decoder0.mlp" in found[0]  # what adds them up


def test_teams_have_equal_time_where_many_requests_are_under_way(tiny, small_arrays):
    run = place(tiny, f"{small_arrays}:4", Decode(8, 64), f"{SHARED},pieces=2,chunk=1")
    found = chips_of(run)
    assert set(found) == {0, 1, 2, 3}
    layers = [sorted({name.split(".")[0] for name in found[chip]}) for chip in (0, 2)]
    assert layers[0][0] == "decoder0" and layers[1][-1].startswith("head")
    assert "decoder3" not in layers[0] and "decoder0" not in layers[1]


def test_memory_of_a_chip_is_all_that_its_groups_keep_and_the_scratch_of_one(tiny, small_array):
    run = place(tiny, small_array, Decode(2, 64), SHARED)
    held = run.footprint.role_bytes
    workload = build_workload(tiny, Decode(2, 64))
    assert held["weight"] == sum(
        part.weight_bytes * n for part, n in zip(run.pipeline.parts, run.pipeline.copies, strict=True)
    )
    assert held["weight"] == workload.weight_bytes
    scratch = max(price.scratch_bytes for row in run.settled.prices for price in row if price is not None) * 64 * 64
    buffers = sum(run.settled.walk.prices.group_buffer_bytes(g) for g in range(len(run.pipeline.groups)))
    assert held["activation"] == pytest.approx(scratch + buffers, abs=1)


def test_what_fits_a_chip_fits_and_one_byte_less_of_sram_does_not(tiny, small_array):
    run = place(tiny, small_array, Decode(1, 64), SHARED)
    needed = sum(run.footprint.role_bytes.values())
    per_core = -(-needed // (64 * 64))
    place(tiny, small_array, Decode(1, 64), SHARED, overrides=(("chip.sram_per_core", f"{per_core + 8} B"),))
    with pytest.raises(CapacityError, match="shared"):
        place(tiny, small_array, Decode(1, 64), SHARED, overrides=(("chip.sram_per_core", f"{per_core - 8} B"),))


@pytest.mark.parametrize("phase", [Prefill(2, 32), Decode(4, 50, 3)])
@pytest.mark.parametrize("pieces", ["", ",pieces=2", ",pieces=5"])
def test_shared_chips_compute_what_one_chip_does(tiny, small_arrays, phase, pieces):
    result = simulate(tiny, f"{small_arrays}:8", phase, f"{SHARED},chunk=4{pieces}", what_ifs=False)
    steps = phase.steps if isinstance(phase, Decode) else 1
    flops = sum(build_step(tiny, phase, step).flops for step in range(steps))
    if pieces:
        assert result.ledger.flops > flops  # norms are computed by every piece
    else:
        assert result.ledger.flops == flops


def test_columns_are_dealt_unevenly_over_any_number_of_chips(tiny, small_arrays):
    run = place(tiny, f"{small_arrays}:7", Decode(1, 64), f"{SHARED},pieces=7")
    parts = [part for part in run.pipeline.parts if part.is_piece and ".mlp" in part.name]
    # 1,536 columns over 7: three of 220 and four of 219
    assert sorted(len(part.alike) for part in parts) == [3, 4]
    assert set(chips_of(run)) == set(range(7))


def test_a_chip_of_one_core_is_shared_without_being_asked():
    run = place("gpt2-xl", "groq-rack", Decode(1, 64), "execution=spatial")
    weights = sum(part.weight_bytes * n for part, n in zip(run.pipeline.parts, run.pipeline.copies, strict=True))
    assert weights >= 2 * 1_557_611_200  # 16 bit
    by_chip = defaultdict(int)
    for group, spot in enumerate(run.floor.spots):
        by_chip[spot.chip] += run.pipeline.part_of(group).resident_bytes
    assert sum(by_chip.values()) == sum(
        run.pipeline.part_of(group).resident_bytes for group in range(len(run.pipeline.groups))
    )
    assert max(by_chip.values()) <= run.floor.system.chip.sram_bytes


def test_rectangles_of_their_own_need_a_network_on_the_chip():
    with pytest.raises(PlanError, match="on-chip network"):
        place("gpt2-xl", "groq-rack", Decode(1, 64), "execution=spatial,rectangles=own")


def test_around_a_dead_tile_groups_have_the_largest_rectangle(tiny, small_array):
    run = place(tiny, small_array, Decode(1, 64), SHARED, overrides=(("chip.dead_tiles", "[[3, 4]]"),))
    assert {str(spot.rectangle) for spot in run.floor.spots} == {"rectangle 60x64 at (4, 0)"}


def test_a_chip_whose_tiles_are_all_dead_is_refused(tiny, small_array):
    dead = str([[row, col] for row in range(2) for col in range(2)])
    with pytest.raises(CapacityError, match="every tile is dead"):
        place(
            tiny,
            small_array,
            Decode(1, 64),
            SHARED,
            overrides=(("chip.core_grid", "[2, 2]"), ("chip.dead_tiles", dead)),
        )


def test_a_batch_whose_cache_is_too_large_says_how_much_is_short(tiny, small_array):
    with pytest.raises(CapacityError, match=r"of SRAM short"):
        place(tiny, small_array, Decode(64, 2048), SHARED)


@pytest.mark.parametrize("system", ["groq-rack", "small_arrays"])
def test_tables_and_the_floorplan_of_shared_chips_can_be_read(tiny, small_arrays, system):
    machine = f"{small_arrays}:4" if system == "small_arrays" else system
    result = simulate(tiny, machine, Decode(2, 64, 2), f"{SHARED},pieces=2,chunk=1", what_ifs=False)
    memory = result.table("memory")
    assert memory["total_bytes"].max() == sum(result.footprint.role_bytes.values())
    assert len(result.table("tiles")) == len(result.spatial.pipeline.groups)
    plan = floorplan_of(result.spatial)
    assert {group.rectangle for group in plan.groups} == {result.spatial.floor.spots[0].rectangle}
    assert all(link.name.startswith("chip0") for link in plan.links)


def test_the_fullest_tiles_are_those_of_a_rectangle_with_all_of_its_groups(tiny, small_array):
    run = place(tiny, small_array, Decode(1, 64), SHARED)
    assert run.occupancy.fullest.peak_bytes * 64 * 64 == pytest.approx(sum(run.footprint.role_bytes.values()), abs=2)


@pytest.mark.parametrize(("machine", "plan"), [(2, "pieces=1"), (2, "pieces=2"), (8, "pieces=2")])
def test_shared_chips_take_units_one_at_a_time_where_that_is_faster(tiny, small_arrays, monkeypatch, machine, plan):
    from accelsim.mapping.execution.spatial import lowering

    def seconds():
        run = place(tiny, f"{small_arrays}:{machine}", Decode(6, 64), f"{SHARED},chunk=1,{plan}")
        return run_program(run.program).makespan_s

    chosen, either = seconds(), []
    for takes_one in (False, True):
        monkeypatch.setattr(lowering, "_takes_one_unit", lambda *_, takes_one=takes_one: takes_one)
        either.append(seconds())
    assert chosen == min(either)
    # on one team of pieces, which wait for each other, other units fill the time; several teams follow each other
    assert (chosen == either[0]) is (machine == 2 and plan == "pieces=2")


def test_more_pieces_than_can_be_added_up_are_refused_by_their_key(tiny, small_arrays):
    with pytest.raises(PlanError, match="pieces=5000; at most 4096"):
        place(tiny, f"{small_arrays}:8", Decode(1, 64), f"{SHARED},pieces=5000")


def test_a_chip_with_fewer_tiles_than_groups_is_told_to_share_them(tiny, small_array):
    from types import SimpleNamespace

    from accelsim.mapping.execution.spatial import Spatial
    from accelsim.mapping.plan import Plan

    two = (("chip.core_grid", "[2, 1]"), ("chip.sram_per_core", "64 MiB"))
    with pytest.raises(CapacityError, match="the groups need 10 tiles"):
        place(tiny, small_array, Decode(1, 64), "execution=spatial", overrides=two)
    lighter = Spatial().lighter(SimpleNamespace(plan=Plan(execution="spatial", rectangles="own"), constraints=None))
    assert next(iter(lighter)).rectangles == "shared"
    run = place(tiny, small_array, Decode(1, 64), SHARED, overrides=two)
    assert {spot.rectangle.num_cores for spot in run.floor.spots} == {2}
