"""Products, rows and attention on many small cores by hand arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.manycore.machine import Manycore, ManycoreParameters
from accelsim.cost.manycore.products import Extents, product_times
from accelsim.cost.operands import ProductBytes
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm

#: 64 cores at 1 GHz, 1,024 multiply-accumulates per clock each, 1 MiB, 100 GB/s.
MACHINE = Manycore(64, 1e9, 1.024e12, 64e9, 2**20, 100e9)
IDEAL = ManycoreParameters(launch_s=0.0, memory_efficiency=1.0, unpack_bytes_per_cycle=1e30)
CHIP = load_chip("tenstorrent-n150")
EVEN = ProductBytes.even(2)


def price(operator: Operator) -> Cost:
    return COST_MODELS.get(CHIP.cost_model)().cost(operator, CHIP, Region(*CHIP.core_grid))


def test_a_product_is_dealt_to_a_grid_of_cores_in_whole_tiles() -> None:
    # 512 x 512 over 8 x 8 cores: 2 x 2 tiles each, 16 tiles deep, 32 clocks per product of tiles
    times = product_times(Extents(1, 512, 512, 512), EVEN, MACHINE, IDEAL)
    assert times.compute_s == pytest.approx(2 * 2 * 16 * 32e-9)
    assert times.memory_bytes == 3 * 512 * 512 * 2


def test_one_row_of_a_decode_takes_a_row_of_cores_and_a_whole_tile() -> None:
    times = product_times(Extents(1, 1, 4096, 1024), EVEN, MACHINE, IDEAL)
    assert times.grid == (1, 64)
    assert times.compute_s == pytest.approx(2 * 32 * 32e-9)  # 128 tiles across over 64 cores


def test_unpacked_bytes_add_to_the_products_of_tiles() -> None:
    slow = replace(IDEAL, unpack_bytes_per_cycle=128)
    extents = Extents(1, 512, 512, 512)
    plain, wide = (product_times(extents, EVEN, MACHINE, one).compute_s for one in (IDEAL, slow))
    # 2 x 2 x 16 tiles, one of 2,048 B each (half of A, half of B): 16 clocks beside the 32
    assert wide / plain == pytest.approx((32 + 16) / 32)


@pytest.mark.parametrize(("side", "reads"), [(4096, 1), (4352, 2)])
def test_operands_are_read_again_where_results_do_not_fit_the_cores(side: int, reads: int) -> None:
    # half of 1 MiB holds 16 x 16 tiles of 16 bit: 8 x 8 cores hold 4,096 x 4,096 results, not 17 x 17 tiles each
    times = product_times(Extents(1, side, side, 32), EVEN, replace(MACHINE, macs_per_s=1e3), IDEAL)
    assert times.grid == (8, 8)
    assert times.memory_bytes == 2 * (side * side + reads * 2 * side * 32)


def test_what_hides_under_the_longer_resource_is_not_booked() -> None:
    assert IDEAL.busy_s(3.0, 1.0) == (3.0, 0.0)
    assert replace(IDEAL, overlap=0.75).busy_s(3.0, 1.0) == (3.0, 0.25)
    assert replace(IDEAL, overlap=0.0).busy_s(1.0, 3.0) == (1.0, 3.0)


def test_weights_of_a_decode_are_bound_by_the_main_memory() -> None:
    cost = price(Gemm.of(32, 4096, 4096))
    moved = 2 * (32 * 4096 * 2 + 4096 * 4096)
    assert cost.limiter == "gddr"
    assert cost.traffic_bytes["gddr"] == moved
    hidden = 0.96 * cost.parts_s["compute"] / (1 - 0.96) if "compute" in cost.parts_s else 0.0
    assert cost.parts_s["gddr"] == pytest.approx(moved / (288e9 * 0.92))
    assert hidden < cost.parts_s["gddr"]
    assert sum(cost.parts_s.values()) == pytest.approx(cost.work_s)


def test_small_rows_stay_in_sram_and_large_ones_do_not() -> None:
    small, large = (price(Norm.of(rows, 4096)) for rows in (32, 8192))
    assert small.traffic_bytes["gddr"] == 4096 * 2  # the weights of the norm
    assert large.traffic_bytes["gddr"] == 2 * 8192 * 4096 * 2 + 4096 * 2


def test_attention_of_a_decode_reads_keys_and_values_once() -> None:
    cost = price(Attention.of(32, Heads(32, 8, 128), q_len=1, kv_len=1024))
    cache = 32 * 8 * 1024 * 2 * 128 * 2
    assert cache <= cost.traffic_bytes["gddr"] <= 1.05 * cache
    assert any(warning.startswith("assumed-calibration") for warning in cost.warnings)


def test_an_8_bit_cache_is_multiplied_in_8_bit() -> None:
    wide = Attention.of(32, Heads(32, 8, 128), q_len=2048, kv_len=2048)
    q, k, v = wide.inputs
    narrow = replace(wide, inputs=(q, replace(k, dtype=DType.FP8), replace(v, dtype=DType.FP8)))
    assert price(narrow).work_s < price(wide).work_s


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory_efficiency", 1.1), ("overlap", -0.1), ("unpack_bytes_per_cycle", 0.0), ("launch_s", -1e-6)],
)
def test_numbers_that_no_machine_can_have_are_errors(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=key.removesuffix("_s")):
        replace(IDEAL, **{key: value})
