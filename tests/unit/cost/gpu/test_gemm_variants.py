"""Products of other libraries and storages: which numbers price them, and what their storage changes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.kernels._gemm_variants import VARIANTS, variant_name
from accelsim.cost.gpu.kernels.gemm import GemmKernels, gemm_section
from accelsim.cost.gpu.site import Site
from accelsim.cost.measured import Batch, Rig
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip

FAMILY = GemmKernels()


@cache
def h100() -> Chip:
    return load_chip("nvidia-h100-sxm").model_copy(update={"tdp_w": 10_000.0})  # out of reach of its power limit


def seconds(op: str, dtype: DType, m: int, n: int, k: int, call_s: float = 0.0) -> float:
    """Of one product with the numbers of the plain products, so that only the storage differs."""
    site = Site.of(h100())
    plain = replace(FAMILY.parameters("gemm", DType.BF16, site.calibration)[0], matrix_efficiency=0.85, call_s=call_s)
    extents = {name: np.array([float(x)]) for name, x in zip(("m", "n", "k", "batch"), (m, n, k, 1), strict=True)}
    return float(FAMILY.seconds(Batch(op, dtype, extents, Rig(weight_copies=64)), plain, site)[0])


def test_an_operator_of_a_table_names_its_variant_and_a_section_its_type_too() -> None:
    assert variant_name("gemm") == variant_name("batched_gemm") == ""
    assert variant_name("gemm_block_trtllm") == "block_trtllm"
    assert gemm_section(DType.FP8, "block_trtllm").name == "gemm_fp8_block_trtllm"
    assert gemm_section(DType.BF16, "int4_weights_trtllm").name == "gemm_int4_weights_trtllm"
    assert {f"gemm_{name}" for name in VARIANTS} <= set(FAMILY.operations)


def test_few_rows_take_the_time_of_the_weights_as_they_are_stored() -> None:
    # one row of 16,384 x 16,384: all time is the weights', less what does not depend on them
    empty = seconds("gemm_trtllm", DType.BF16, 1, 64, 64)
    whole, eight, four = (
        seconds(op, DType.BF16, 1, 16_384, 16_384) - empty
        for op in ("gemm_trtllm", "gemm_int8_weights_trtllm", "gemm_int4_weights_trtllm")
    )
    assert eight == pytest.approx(whole / 2, rel=0.1)
    assert four == pytest.approx(whole / 4, rel=0.15)


def test_many_rows_gain_nothing_by_narrow_weights() -> None:
    # each element of the weights is unpacked for every 256 rows or so, beside the matrix units
    whole, four = (seconds(op, DType.BF16, 16_384, 8192, 8192) for op in ("gemm_trtllm", "gemm_int4_weights_trtllm"))
    assert four >= 0.97 * whole


def test_a_product_takes_at_least_as_long_as_the_host_that_issues_it() -> None:
    assert seconds("gemm_block_deepgemm", DType.FP8, 1, 64, 64, call_s=80e-6) == 80e-6
    long = seconds("gemm_block_deepgemm", DType.FP8, 16_384, 8192, 8192)
    assert seconds("gemm_block_deepgemm", DType.FP8, 16_384, 8192, 8192, call_s=80e-6) == long > 80e-6


def test_a_variant_without_numbers_takes_those_of_the_type() -> None:
    calibration = GpuCalibration.of(h100().model_copy(update={"calibration": {"gemm": h100().calibration["gemm"]}}))
    parameters, _ = FAMILY.parameters("gemm_sglang", DType.BF16, calibration)
    assert parameters == FAMILY.parameters("gemm", DType.BF16, calibration)[0]
