"""Where tensors lie: the fastest memory that holds them, what is read most per byte first, or where the plan says."""

from pathlib import Path

import pytest

from accelsim.dtypes import DType
from accelsim.errors import CapacityError, PlanError
from accelsim.hardware.system import load_system
from accelsim.mapping.plan import Plan
from accelsim.mapping.tiers.fit import shortage, tier_footprint
from accelsim.mapping.tiers.placing import lots_of, place_tensors
from accelsim.pipeline import simulate
from accelsim.workload.formats.hf import load_model
from accelsim.workload.phase import Decode
from accelsim.workload.recipe import Recipe
from accelsim.workload.tensor import Role

INPUTS = Path(__file__).parents[3] / "golden" / "inputs"


@pytest.fixture(scope="module")
def workload():
    model = load_model(str(INPUTS / "tiny.json")).model_copy(update={"tie_word_embeddings": False})
    return model.build(Decode(2, 40).fullest(), Recipe.of(DType.BF16))


@pytest.fixture(scope="module")
def chip():
    return load_system("tenstorrent-wormhole").chip


def _sized(chip, sram_bytes, behind_bytes=1e9):
    """The chip with so much SRAM in all and so much memory behind it."""
    memory = chip.behind["gddr6"].model_copy(update={"capacity_bytes": behind_bytes})
    return chip.model_copy(update={"sram_per_core_bytes": sram_bytes / chip.num_cores, "behind": {"gddr6": memory}})


def test_lots_hold_every_byte_of_the_model_and_of_the_cache(workload):
    lots = list(lots_of(workload))
    assert sum(lot.held_bytes for lot in lots if lot.role is Role.WEIGHT) == workload.weight_bytes
    # Keys and values of 2 sequences with 40 + 1 positions each, in bf16, in every layer.
    cached = [segment for segment in workload.segments if segment.graph.stored_positions]
    width = cached[0].graph.stored_positions[0].axis("kv_heads").size
    cache = next(lot for lot in lots if lot.role is Role.KV_CACHE)
    assert cache.held_bytes == sum(segment.repeat for segment in cached) * 2 * 2 * 41 * width * 2


def test_what_fits_the_main_memory_stays_there_and_one_byte_more_does_not(workload, chip):
    total = sum(lot.held_bytes for lot in lots_of(workload))
    assert not place_tensors(workload, _sized(chip, total), Plan()).streams
    assert place_tensors(workload, _sized(chip, total - 1), Plan()).streams


def test_activations_come_first_then_the_cache_then_weights_and_the_table_of_tokens_last(workload, chip):
    activations = next(lot.held_bytes for lot in lots_of(workload) if lot.role is Role.ACTIVATION)
    placement = place_tensors(workload, _sized(chip, 2 * activations), Plan())  # half is kept for work
    assert placement.role_bytes("sram") == {"weight": 0, "kv_cache": 0, "activation": activations}
    table = next(lot for lot in lots_of(workload) if lot.name.startswith("embed"))
    others = sum(lot.held_bytes for lot in lots_of(workload) if lot != table)
    placement = place_tensors(workload, _sized(chip, others), Plan())
    assert placement.held[table] == (0, table.held_bytes)
    assert all(row[0] for lot, row in placement.held.items() if lot != table and lot.held_bytes > 72)


def test_every_byte_lies_somewhere_and_alike_lots_are_cut_alike(workload, chip):
    for sram in (1e4, 1e5, 3e5):
        placement = place_tensors(workload, _sized(chip, sram), Plan())
        assert all(sum(row) == lot.held_bytes for lot, row in placement.held.items())
        assert sum(row[0] for row in placement.held.values()) <= sram / 2
        once = [row[0] / lot.held_bytes for lot, row in placement.held.items() if lot.reuse == 1]
        assert max(once) - min(once) < 1e-2


def test_a_plan_names_the_memory_of_a_role(workload, chip):
    placement = place_tensors(workload, chip, Plan(weights_in="gddr6"))
    assert placement.role_bytes("gddr6") == {"weight": workload.weight_bytes, "kv_cache": 0, "activation": 0}
    with pytest.raises(PlanError, match=r"weights_in=hbm: .* no such memory. Use one of: sram, gddr6"):
        place_tensors(workload, chip, Plan(weights_in="hbm"))


def test_what_no_memory_holds_is_told_to_the_byte(workload, chip):
    total = sum(lot.held_bytes for lot in lots_of(workload))
    enough = _sized(chip, 2e5, behind_bytes=total - 1e5)
    assert shortage(place_tensors(workload, enough, Plan()), enough) is None
    lacking = _sized(chip, 2e5, behind_bytes=total - 1e5 - 1)
    placement = place_tensors(workload, lacking, Plan())
    assert placement.short_bytes == 1
    assert shortage(placement, lacking).endswith("1 B short.")
    need = tier_footprint(placement, lacking)
    assert [one.memory for one in need.behind] == ["gddr6"]
    assert need.total_bytes + need.behind[0].total_bytes == total


def test_regions_keep_all_in_sram_so_no_other_memory_can_be_named():
    with pytest.raises(PlanError, match="leave weights_in out, or region"):
        simulate(str(INPUTS / "tiny.json"), "tenstorrent-wormhole", Decode(1, 40), "region=4x4,weights_in=gddr6")
    with pytest.raises(CapacityError, match=r"16\.07 GB of 12 GB gddr6 .* 4\.0\d+ GB short"):
        simulate("llama3-8b", "tenstorrent-wormhole", Decode(1, 512), "tp=1", what_ifs=False)
