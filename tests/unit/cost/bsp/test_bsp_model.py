from __future__ import annotations

import pytest
import tile_operators

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.workload.group import Group
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Heads
from accelsim.workload.operators.collective import Collective
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm

FP16 = DType.FP16
#: Products come first.
OPERATORS = tile_operators.operators(2048, Heads(16, 8, 128), 512, 50257)


@pytest.fixture(scope="module")
def gc2() -> Chip:
    return load_chip("graphcore-gc2")


def price(operator: Operator, chip: Chip, region: Region | None = None) -> Cost:
    return COST_MODELS.get("bsp")().cost(operator, chip, region or Region(*chip.core_grid))


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: f"{o.kind}-{o.flops}")
def test_parts_sum_to_the_work_and_name_the_limiter(operator: Operator, gc2: Chip) -> None:
    tile_operators.check_parts(price(operator, gc2))


@pytest.mark.parametrize("operator", OPERATORS[:2], ids=lambda o: f"m{o.m}")
def test_a_product_says_how_it_was_divided(operator: Gemm, gc2: Chip) -> None:
    detail = price(operator, gc2).detail
    parts_m, parts_n, parts_k = (int(part) for part in str(detail["parts_mnk"]).split("x"))
    assert 1 <= parts_m * parts_n * parts_k <= gc2.num_cores


def test_one_row_leaves_its_weights_where_they_are(gc2: Chip) -> None:
    cost = price(Gemm.of(1, 4096, 4096, dtype=FP16), gc2)
    assert str(cost.detail["parts_mnk"]).startswith("1x")
    assert cost.traffic_bytes["noc"] < 0.1 * 2 * 4096 * 4096  # the row and partial sums, not 33 MB of weights


def test_fewer_tiles_take_longer(gc2: Chip) -> None:
    operator = Gemm.of(1024, 1024, 1024, dtype=FP16)
    assert price(operator, gc2, Region(38, 16)).work_s > 1.5 * price(operator, gc2).work_s


def test_a_block_that_exceeds_a_tile_is_a_warning_that_names_both_sizes(gc2: Chip) -> None:
    (warning,) = price(Gemm.of(16384, 16384, 16384, dtype=FP16), gc2).warnings
    assert "per tile on 76x16 tiles exceed the" in warning


def test_a_chip_without_its_own_measurements_says_so(gc2: Chip) -> None:
    operator = Gemm.of(512, 512, 512, dtype=FP16)
    assert price(operator, gc2).warnings == ()
    (warning,) = price(operator, load_chip("graphcore-gc200")).warnings
    assert (
        warning
        == "assumed-calibration: chip graphcore-gc200: the bsp parameters are assumed, not measured on this chip"
    )


def test_a_type_without_a_rate_is_priced_as_one_of_its_width_or_refused(gc2: Chip) -> None:
    without = gc2.model_copy(update={"matrix_flops_per_cycle": {FP16: 64.0}})
    assert any("priced as fp16" in text for text in price(Norm.of(8, 64, DType.BF16), without).warnings)
    with pytest.raises(ConfigError, match="no matrix rate for int8"):
        price(Norm.of(8, 64, DType.INT8), without)


def test_a_chip_without_exchange_and_an_unknown_operator_are_errors(gc2: Chip) -> None:
    with pytest.raises(ConfigError, match="Add noc: to its file"):
        price(Norm.of(8, 64, FP16), gc2.model_copy(update={"noc": None}))
    with pytest.raises(ConfigError, match="does not price 'collective'"):
        price(Collective.of("all_reduce", 1024, Group("tp", 4)), gc2)


def test_gc200_multiplies_faster_than_gc2_by_its_matrix_rate(gc2: Chip) -> None:
    operator = Gemm.of(2688, 2688, 2688, dtype=FP16)
    ratio = price(operator, gc2).parts_s["compute"] / price(operator, load_chip("graphcore-gc200")).parts_s["compute"]
    assert ratio == pytest.approx(250 / 124.5, rel=0.15)
