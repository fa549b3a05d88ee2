"""What streams in: bytes that are not resident, over the memory's ports, beside the arithmetic."""

from pathlib import Path

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.dtypes import DType
from accelsim.hardware.system import load_system
from accelsim.mapping.plan import Plan
from accelsim.mapping.tiers.placing import place_tensors
from accelsim.mapping.tiers.streaming import Streaming
from accelsim.network.noc.ports import spread_from_ports
from accelsim.pipeline import simulate
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode, Prefill
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role

TINY = str(Path(__file__).parents[3] / "golden" / "inputs" / "tiny.json")


def _streamed(plan, phase=None, model=TINY, on="tenstorrent-wormhole", **options):
    return simulate(model, on, phase or Decode(2, 40), plan, what_ifs=False, **options)


def test_a_port_in_the_corner_of_two_by_two_cores_sends_half_over_its_busiest_link():
    # 4 cores get a quarter each: (0,0) none over links, (0,1) one hop east, (1,0) one south, (1,1) east then south.
    spread = spread_from_ports([(0, 0)], (2, 2))
    assert spread.busiest == pytest.approx(0.5)
    assert spread.hops == pytest.approx(1.0)


def test_a_memory_above_every_core_loads_no_link():
    assert spread_from_ports([], (4, 4)).busiest == spread_from_ports([], (4, 4)).hops == 0.0


def test_streamed_weights_are_the_weights_that_are_not_resident():
    """Conservation: each step brings in every byte of a weight outside the SRAM once; of the table, its rows."""
    result = _streamed("weights_in=gddr6", Decode(2, 40, 3))
    model = load_model(TINY)
    steps = [traversal for traversal in Decode(2, 40, 3).traversals()]
    read = 0
    for step in steps:
        workload = model.build(step, Recipe.of(DType.BF16))
        read += sum(
            segment.repeat * operator.role_bytes.get(Role.WEIGHT, 0)
            for segment in workload.segments
            for operator in segment.graph
        )
    assert result.ledger.traffic_bytes["gddr6"] == pytest.approx(read, rel=1e-12)
    assert "gddr6" not in _streamed("tp=1").ledger.traffic_bytes


@pytest.mark.parametrize("sram", ["100 KiB", "300 KiB", "500 KiB"])
def test_what_streams_in_is_the_part_of_each_weight_that_is_not_resident(sram):
    """Resident and streamed bytes sum to the weights; a step streams of each what it reads times that part."""
    result = _streamed("kv_in=sram,activations_in=sram", Decode(1, 40), overrides={"chip.sram_per_core": sram})
    workload = load_model(TINY).build(Decode(1, 40).fullest(), Recipe.of(DType.BF16))
    held = {one.memory: one.role_bytes["weight"] for one in (result.footprint, *result.footprint.behind)}
    assert sum(held.values()) == workload.weight_bytes
    chip = result.machine.chip
    placement = place_tensors(workload, chip, Plan(kv_in="sram", activations_in="sram"))
    streamed = sum(lot.moved_bytes * row[1] / lot.held_bytes for lot, row in placement.held.items())
    assert 0 < streamed < workload.weight_bytes
    assert result.ledger.traffic_bytes["gddr6"] == pytest.approx(streamed, rel=1e-9)


def test_an_operator_takes_the_longer_of_its_arithmetic_and_its_stream():
    chip = load_system("tenstorrent-wormhole").chip
    workload = load_model(TINY).build(Decode(1, 40).fullest(), Recipe.of(DType.BF16))
    placement = place_tensors(workload, chip, Plan(weights_in="gddr6"))
    region = Region(*chip.core_grid)
    model = COST_MODELS.get(chip.cost_model)()
    gemm = next(op for segment in workload.segments for op in segment.graph if op.kind == "gemm")
    alone = model.cost(gemm, chip, region)

    def with_rate(factor):
        memory = chip.behind["gddr6"]
        slower = memory.model_copy(update={"bandwidth_bytes_per_s": memory.bandwidth_bytes_per_s * factor})
        other = chip.model_copy(update={"behind": {"gddr6": slower}})
        return Streaming(other, region, placement, lambda op: model.cost(op, other, region)).cost(gemm)

    slow = with_rate(1e-6)
    assert slow.work_s == pytest.approx(gemm.weight_bytes / (288e9 * 0.9 * 1e-6))
    assert slow.parts_s["gddr6"] == pytest.approx(slow.work_s - alone.work_s)
    assert slow.limiter == "gddr6"
    # With more bandwidth than the ports carry the links of the network decide: 12 ports of 32 GB/s links.
    spread = spread_from_ports(chip.behind["gddr6"].ports, chip.core_grid)
    memory = chip.behind["gddr6"].model_copy(update={"bandwidth_bytes_per_s": 1e15})
    quick = chip.model_copy(update={"behind": {"gddr6": memory}})
    fast = Streaming(quick, region, placement, lambda op: alone)
    assert fast.rates[0] == pytest.approx(32e9 / spread.busiest)
    assert with_rate(1e6).work_s == pytest.approx(max(alone.work_s, gemm.weight_bytes / fast.rates[0]))


def test_streamed_bytes_cost_the_energy_of_the_memory_and_of_their_hops():
    still, streamed = _streamed("tp=1"), _streamed("weights_in=gddr6")
    moved = streamed.ledger.traffic_bytes["gddr6"]
    chip = streamed.machine.chip
    hops = spread_from_ports(chip.behind["gddr6"].ports, chip.core_grid).hops
    each = chip.behind["gddr6"].energy_j_per_byte + hops * chip.noc.energy_j_per_byte
    assert streamed.energy.dynamic_j - still.energy.dynamic_j == pytest.approx(moved * each, rel=1e-9)
    table = streamed.table("energy")
    of_memory_j = table.loc[table.component == "gddr6", "energy_j"].sum()
    assert of_memory_j == pytest.approx(moved * chip.behind["gddr6"].energy_j_per_byte)


def test_an_operator_too_large_for_the_sram_runs_in_slices_that_fit():
    result = _streamed("weights_in=gddr6", Prefill(1, 256), overrides={"chip.sram_per_core": "6 KiB"})
    assert not any(warning.startswith("exceeds-sram") for warning in result.warnings)


def test_sn40l_holds_in_hbm_what_it_can_and_streams_the_rest_from_ddr():
    result = simulate("llama3-70b", "sambanova-sn40l", Decode(1, 1024), "tp=1", what_ifs=False)
    held = {one.memory: one.total_bytes for one in (result.footprint, *result.footprint.behind)}
    assert held["hbm"] <= 64e9
    assert held["ddr"] == pytest.approx(141.1e9 + 0.34e9 - 64e9, rel=0.01)
    # 70.6 billion parameters in bf16 less 64 GB in HBM at 100 GB/s; the table of tokens is not read.
    assert result.latency_s == pytest.approx(result.ledger.traffic_bytes["ddr"] / 100e9, rel=0.01)
