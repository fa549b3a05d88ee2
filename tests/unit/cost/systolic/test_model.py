"""The registered model on the shipped TPU v4: what a user sees of one operator."""

from __future__ import annotations

import math
from functools import cache

import pytest

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.config.validate import validate
from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.systolic.parameters import SystolicParameters
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax

WHOLE = Region(1, 2)
OPERATORS = [
    Gemm.of(2048, 4096, 4096),
    Gemm.of(1, 4096, 14336),
    Gemm.of(128, 512, 128, batch=32),
    Attention.of(1, Heads(32, 8, 128), 2048, 2048),
    Attention.of(16, Heads(32, 8, 128), 1, 4096),
    Norm.of(2048, 4096),
    Softmax.of(2048, 2048),
    Elementwise.of(2048, 14336, function="silu_mul"),
    Rope.of(2048, 5120),
    Embedding.of(2048, 4096, 128256),
]


@cache
def tpu_v4() -> Chip:
    return validate(load_document(Catalog().find("chips", "google-tpu-v4")), Chip).spec


def price(operator: Operator, region: Region = WHOLE) -> Cost:
    return COST_MODELS.get("systolic")().cost(operator, tpu_v4(), region)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.kind)
def test_parts_sum_to_the_duration_and_the_limiter_is_the_largest(operator: Operator) -> None:
    cost = price(operator)
    assert math.isclose(sum(cost.parts_s.values()), cost.work_s, rel_tol=1e-12)
    assert cost.parts_s[cost.limiter] == max(cost.parts_s.values())
    assert all(seconds >= 0 for seconds in cost.parts_s.values())
    assert cost.energy_j > 0


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.kind)
def test_no_operator_beats_the_peaks_of_the_chip(operator: Operator) -> None:
    cost = price(operator)
    assert cost.traffic_bytes["hbm"] >= (operator.reads + operator.writes) * (1 - 1e-9)
    assert cost.work_s >= (operator.reads + operator.writes) / 1228e9
    assert cost.work_s >= operator.flops / 275.3e12


def test_one_core_of_two_takes_at_least_as_long() -> None:
    for operator in OPERATORS:
        assert price(operator, Region(1, 1)).work_s >= price(operator).work_s * (1 - 1e-9)


def test_fp16_inside_the_measured_range_carries_no_warning() -> None:
    assert price(Gemm.of(1024, 1024, 1024, dtype=DType.FP16)).warnings == ()


def test_bf16_and_extents_outside_the_measured_range_are_named() -> None:
    assert price(Gemm.of(1024, 1024, 1024)).warnings == (
        "dtype-uncalibrated: systolic: bf16 is outside the calibration, which saw fp16; its rates are assumed",
    )
    assert price(Gemm.of(1024, 8192, 1024, dtype=DType.FP16)).warnings == (
        "outside-calibration: systolic: a product extent is outside the calibrated 32 to 4096",
    )
    assert "assumed, not calibrated" in price(Attention.of(1, Heads(8, 8, 128), 64, 64)).warnings[0]


def test_a_bf16_product_is_faster_than_an_fp16_one() -> None:
    assert price(Gemm.of(4096, 4096, 4096)).work_s < price(Gemm.of(4096, 4096, 4096, dtype=DType.FP16)).work_s


def test_a_region_larger_than_the_chip_is_refused() -> None:
    with pytest.raises(ConfigError, match="region 2x2 exceeds its 2 cores"):
        price(Gemm.of(8, 8, 8), Region(2, 2))


def test_a_chip_without_an_array_says_which_key_is_missing() -> None:
    bare = tpu_v4().model_copy(update={"systolic": None})
    with pytest.raises(ConfigError, match="needs the key 'systolic'"):
        COST_MODELS.get("systolic")().cost(Gemm.of(8, 8, 8), bare, WHOLE)


def test_an_efficiency_above_one_is_refused() -> None:
    fitted = tpu_v4().calibrated("systolic", SystolicParameters)
    values = {name: getattr(fitted, name) for name in SystolicParameters.__dataclass_fields__}
    with pytest.raises(ConfigError, match=r"core_hbm_share: must be in \(0, 1\], got 1\.2"):
        SystolicParameters(**{**values, "core_hbm_share": 1.2})


def test_the_calibration_has_eight_fitted_numbers() -> None:
    document = Catalog().find("chips", "google-tpu-v4").read_text()
    block = document[document.index("calibration:") : document.index("checks:")]
    assert block.count("kind: calibrated") == 8
