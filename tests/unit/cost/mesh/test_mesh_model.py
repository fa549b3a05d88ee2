from __future__ import annotations

import pytest
import tile_operators

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.config.validate import validate
from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm

FP16 = DType.FP16
REGION = Region(480, 480)
OPERATORS = tile_operators.operators(4096, Heads(32, 8, 128), 2048, 128256)


@pytest.fixture(scope="module")
def wse2() -> Chip:
    return validate(load_document(Catalog().find("chips", "cerebras-wse2")), Chip).spec


def price(operator: Operator, chip: Chip, region: Region = REGION) -> Cost:
    return COST_MODELS.get("mesh")().cost(operator, chip, region)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{o.kind}-{o.flops}")
def test_parts_sum_to_the_work_and_name_the_limiter(operator: Operator, wse2: Chip) -> None:
    cost = price(operator, wse2)
    tile_operators.check_parts(cost)
    assert cost.warnings == ()


def test_one_row_stays_where_its_weights_are_and_many_rows_shift(wse2: Chip) -> None:
    assert str(price(Gemm.of(1, 4096, 4096, dtype=FP16), wse2).detail["algorithm"]).startswith("resident")
    assert price(Gemm.of(4096, 4096, 4096, dtype=FP16), wse2).detail["algorithm"] == "shift"


def test_decode_slows_with_the_side_and_prefill_gains_from_it(wse2: Chip) -> None:
    # reductions cross the grid, so a small product gets slower; a large one has more cores
    vector, matrix = Gemm.of(1, 4096, 4096, dtype=FP16), Gemm.of(4096, 4096, 4096, dtype=FP16)
    small, large = Region(420, 420), Region(660, 660)
    assert price(vector, wse2, large).work_s > price(vector, wse2, small).work_s
    assert price(matrix, wse2, large).work_s < price(matrix, wse2, small).work_s


def test_tile_that_fills_the_sram_fits_and_one_byte_less_warns(wse2: Chip) -> None:
    operator = Gemm.of(1, 4096, 4096, dtype=FP16)
    needed = int(price(operator, wse2).tile_bytes)
    exact = wse2.model_copy(update={"sram_per_core_bytes": needed})
    short = wse2.model_copy(update={"sram_per_core_bytes": needed - 1})
    assert price(operator, exact).warnings == ()
    (warning,) = price(operator, short).warnings
    assert warning.startswith("exceeds-sram: gemm: tiles of ")
    assert "480x480 cores, double buffers included, exceed its" in warning


def test_region_outside_the_calibrated_range_warns(wse2: Chip) -> None:
    operator = Gemm.of(1, 4096, 4096, dtype=FP16)
    assert price(operator, wse2, Region(360, 750)).warnings == ()
    (warning,) = price(operator, wse2, Region(359, 750)).warnings
    assert warning == (
        "outside-calibration: chip cerebras-wse2: a region is outside the calibrated range of the mesh cost model "
        "(360x360 to 750x750 cores)"
    )


def test_type_without_a_rate_is_priced_as_one_of_its_width_and_says_so(wse2: Chip) -> None:
    cost = price(Gemm.of(1, 4096, 4096, dtype=DType.TF32), wse2)
    assert cost.warnings == ("dtype-without-rate: chip cerebras-wse2 has no rate for tf32; priced as fp32",)


def test_type_of_a_width_the_chip_lacks_is_an_error(wse2: Chip) -> None:
    with pytest.raises(ConfigError, match=r"cerebras-wse2: no matrix rate for int8\. Use one of: bf16, fp16, fp32\."):
        price(Gemm.of(1, 4096, 4096, dtype=DType.INT8), wse2)


def test_chip_without_a_network_is_an_error(wse2: Chip) -> None:
    with pytest.raises(ConfigError, match="the mesh cost model needs its on-chip network"):
        price(Gemm.of(1, 64, 64, dtype=FP16), wse2.model_copy(update={"noc": None}))


def test_chip_without_calibration_is_an_error(wse2: Chip) -> None:
    with pytest.raises(ConfigError, match=r"calibration\.mesh"):
        price(Gemm.of(1, 64, 64, dtype=FP16), wse2.model_copy(update={"calibration": {}}))


def test_operator_the_model_does_not_know_is_an_error(wse2: Chip) -> None:
    with pytest.raises(ConfigError, match="does not price 'collective'"):
        price(Collective.of("all_reduce", 1024, Group("tp", 4), dtype=FP16), wse2)


def test_sequences_of_a_batch_cost_no_more_than_one_after_another(wse2: Chip) -> None:
    one = price(Attention.of(1, Heads(32, 8, 128), 1, 4096, dtype=FP16), wse2).work_s
    eight = price(Attention.of(8, Heads(32, 8, 128), 1, 4096, dtype=FP16), wse2).work_s
    assert one < eight <= 8 * one


def test_window_limits_the_cache_a_decode_step_reads(wse2: Chip) -> None:
    full = price(Attention.of(1, Heads(32, 8, 128), 1, 100_000, dtype=FP16), wse2).work_s
    near = price(Attention.of(1, Heads(32, 8, 128), 1, 100_000, Mask(window=4096), dtype=FP16), wse2).work_s
    alone = price(Attention.of(1, Heads(32, 8, 128), 1, 4096, dtype=FP16), wse2).work_s
    assert near == alone < full


def test_energy_is_arithmetic_plus_sram_plus_network(wse2: Chip) -> None:
    operator = Gemm.of(1, 4096, 4096, dtype=FP16)
    cost = price(operator, wse2)
    assert wse2.noc is not None
    assert cost.energy_j == pytest.approx(
        operator.flops * wse2.matrix_energy_j_per_flop
        + cost.traffic_bytes["sram"] * wse2.sram_energy_j_per_byte
        + cost.traffic_bytes["noc"] * wse2.noc.energy_j_per_byte
    )


def test_the_best_kernels_are_named_and_trusted_less(wse2: Chip) -> None:
    silu = Elementwise.of(1, 14336, FP16, "silu_mul")
    measured, best = (price(silu, wse2, Region(117, 117, kernels)) for kernels in ("measured", "best"))
    assert best.work_s < 1e-6 < 5e-6 < measured.work_s
    assert [warning.partition(":")[0] for warning in best.warnings if "kernels" in warning] == ["predicted-kernels"]
    assert best.residual.log_deviation > measured.residual.log_deviation
    product = Gemm.of(1, 4096, 4096, dtype=FP16)  # products are the same
    assert price(product, wse2, Region(117, 117, "best")) == price(product, wse2, Region(117, 117))
