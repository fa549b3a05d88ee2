"""Sections on the chip at once while weights stream in one after another, by numbers worked out by hand."""

import pytest

from accelsim.errors import CapacityError, PlanError
from accelsim.mapping.execution.fused.sections import Budget, Station, find_sections, section_s
from accelsim.pipeline import simulate
from accelsim.workload.phase import Decode, Prefill

SN40L = "sambanova-sn40l"


def _station(compute_s, stream_s, held_bytes=1, launch_s=1.0, is_wall=False):
    return Station(compute_s, launch_s, (stream_s,), held_bytes, is_wall)


def test_a_section_takes_the_longer_of_its_arithmetic_with_fill_and_of_its_streams():
    two = [_station(4.0, 3.0), _station(2.0, 3.0)]
    # 6 s of arithmetic in 3 units of 2 s, one more unit to fill the second operator, 1 s to start: 9 s; streams 6 s.
    assert section_s(two, units=3) == 1.0 + 6.0 * 4 / 3
    assert section_s([_station(4.0, 30.0), _station(2.0, 3.0)], units=3) == 33.0
    assert section_s([_station(4.0, 3.0)], units=1) == 5.0  # alone it neither fills nor drains


def test_operators_share_a_section_where_that_saves_more_starts_than_it_takes_to_fill():
    chain = [_station(4.0, 0.0), _station(4.0, 0.0)]
    # One section: 1 + 8 (n + 1) / n; two: 10. Equal at 8 units; with 9 one section is faster.
    assert find_sections(chain, Budget(units=9, held_bytes=2)) == (range(2),)
    assert find_sections(chain, Budget(units=7, held_bytes=2)) == (range(1), range(1, 2))


def test_sections_hold_no_more_than_the_sram_to_the_byte_and_stop_at_collectives():
    chain = [_station(0.0, 1.0, held_bytes=5), _station(0.0, 1.0, held_bytes=5)]
    assert find_sections(chain, Budget(1, 10)) == (range(2),)
    assert find_sections(chain, Budget(1, 9)) == (range(1), range(1, 2))
    walled = [_station(0.0, 0.0), _station(0.0, 0.0, is_wall=True), _station(0.0, 0.0)]
    assert [len(section) for section in find_sections(walled, Budget(1, 10))] == [1, 1, 1]


def test_a_token_on_sn40l_takes_its_weights_over_the_bandwidth_of_its_hbm():
    result = simulate("llama3-8b", SN40L, Decode(1, 1024), "execution=fused", what_ifs=False)
    # 15.0 GB of weights, table of tokens left out, and 134 MB of KV cache at 85 % of 1.6 TB/s.
    moved = result.ledger.traffic_bytes["hbm"]
    assert moved == pytest.approx(8.03e9 * 2 - 1.0507e9 + 134.5e6, rel=2e-3)
    assert result.latency_s == pytest.approx(moved / (0.85 * 1.6e12), rel=5e-3)


def test_results_between_operators_of_a_section_stay_in_sram():
    fused = simulate("llama3-8b", SN40L, Prefill(1, 2048), "execution=fused", what_ifs=False)
    alone = simulate("llama3-8b", SN40L, Prefill(1, 2048), "tp=1", what_ifs=False)
    weights_and_cache = alone.ledger.role_bytes["weight"], alone.ledger.role_bytes["kv_cache"]
    assert fused.ledger.traffic_bytes["hbm"] <= sum(weights_and_cache) * (1 + 1e-9)
    assert fused.latency_s < alone.latency_s
    assert fused.ledger.flops == alone.ledger.flops


def test_auto_finds_sections_on_a_chip_of_dataflow_and_collectives_are_walls_between_them():
    result = simulate("llama3-8b", f"{SN40L}-16:4", Decode(1, 512), "execution=fused,tp=4", what_ifs=False)
    assert result.num_chips == 4
    assert result.ledger.cause_s["exposed communication"] > 0
    best = simulate("llama3-8b", SN40L, Decode(1, 512), "auto", what_ifs=False)
    assert best.plan.execution == "fused"


def test_what_the_hbm_lacks_streams_from_ddr_and_what_both_lack_is_told():
    result = simulate("llama3-70b", SN40L, Decode(1, 512), "execution=fused", what_ifs=False)
    assert result.latency_s == pytest.approx(result.ledger.traffic_bytes["ddr"] / 100e9, rel=0.01)
    with pytest.raises(CapacityError, match=r"hbm .* and .* ddr .* short"):
        lacking = {"chip.behind.ddr.capacity": "50 GB"}
        simulate("llama3-70b", SN40L, Decode(1, 512), "execution=fused", overrides=lacking)


def test_a_chip_that_cannot_lay_operators_side_by_side_says_so():
    with pytest.raises(PlanError, match=r"execution=fused lays operators side by side .* neither noc nor dataflow"):
        simulate("llama3-8b", "google-tpu-v4-pod:1", Decode(1, 512), "execution=fused")
