"""A memory die stacked on the tiles: what its wires take, cost and hold."""

from __future__ import annotations

import math

import pytest

from accelsim.cost.base import Region
from accelsim.cost.cost import Cost
from accelsim.errors import CapacityError
from accelsim.hardware.system import load_system
from accelsim.mapping.tiers.placing import TierPlacement
from accelsim.mapping.tiers.streaming import Streaming
from accelsim.pipeline import simulate
from accelsim.results.result import Result
from accelsim.workload.operator import Operator
from accelsim.workload.phase import Decode

CHIP = "sram-die-stacked"
#: Weights of llama3-8b in 16 bits, without the table of the embedding, of which one row is read.
READ = 8_030_261_248 * 2 - 128_256 * 4096 * 2


def decoded(*overrides: tuple[str, str]) -> Result:
    sets = [(f"chip.behind.stacked.{key}", value) for key, value in overrides]
    return simulate("llama3-8b", CHIP, Decode(1, 2048), "tp=1", what_ifs=False, overrides=sets)


@pytest.fixture(scope="module")
def one() -> Result:
    return decoded()


def test_the_weights_come_down_the_wires_once_a_token(one: Result) -> None:
    moved = one.ledger.traffic_bytes["stacked"]
    assert math.isclose(moved, READ, rel_tol=1e-3)
    assert one.latency_s > moved / 8.192e12
    # nothing of it crosses the network: as much goes over it as on a die whose SRAM holds all
    large = [("chip.sram_per_core", "32 MiB")]
    held = simulate("llama3-8b", "sram-die", Decode(1, 2048), "tp=1", what_ifs=False, overrides=large)
    assert math.isclose(one.ledger.traffic_bytes["noc"], held.ledger.traffic_bytes["noc"], rel_tol=1e-3)


def test_vertical_bytes_cost_their_energy(one: Result) -> None:
    table = one.table("traffic").set_index("level")
    moved = one.ledger.traffic_bytes["stacked"]
    assert math.isclose(table.loc["stacked", "energy_j"], moved * 8 * 0.88e-12)
    assert math.isclose(one.to_dict()["energy"]["by_component_j"]["stacked"], moved * 8 * 0.88e-12)
    assert table.loc["stacked", "time_s"] > 0


def test_a_product_takes_the_longer_of_its_own_time_and_that_of_the_wires(one: Result) -> None:
    (row,) = [row for row in one.ledger.rows if row.operator == "mlp.gate_up"]
    # 4,096 x 28,672 weights of 2 bytes, 32 times: 28.7 us each at 8.192 TB/s after 30 ns
    assert math.isclose(row.time_s, 32 * (30e-9 + 4096 * 28672 * 2 / 8.192e12), rel_tol=1e-3)
    (fast,) = [row for row in decoded(("bandwidth", "100 TB/s")).ledger.rows if row.operator == "mlp.gate_up"]
    assert "stacked" not in fast.parts_s and fast.time_s < row.time_s


def test_a_region_has_the_wires_above_it() -> None:
    chip, nothing = load_system(CHIP).chip, TierPlacement(("sram", "stacked"), {})
    whole, half = (Streaming(chip, Region(rows, 32), nothing, free) for rows in (32, 16))
    assert whole.rates == (8.192e12,) and half.rates == (4.096e12,)
    # ports at the edge fill a region as fast as the whole chip, as far as its links go
    gddr = load_system("tenstorrent-wormhole").chip
    rates = [Streaming(gddr, Region(rows, 9), nothing, free).rates for rows in (8, 4)]
    assert rates[0] == rates[1]


def free(operator: Operator) -> Cost:
    """No price at all."""
    raise AssertionError(operator)


def test_the_capacity_of_the_stack_counts(one: Result) -> None:
    (stack,) = one.footprint.behind
    assert stack.memory == "stacked" and stack.total_bytes > 16e9
    # what lies in the SRAM fills the half that residents may have; the rest fills the stack to the byte
    assert decoded(("capacity", f"{stack.total_bytes} B")).latency_s == one.latency_s
    with pytest.raises(CapacityError, match=r"stacked .* per chip: 1 B short"):
        decoded(("capacity", f"{stack.total_bytes - 1} B"))
