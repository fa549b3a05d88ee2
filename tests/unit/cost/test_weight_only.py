"""Products of weights in fewer bits than they are multiplied in: bytes of the one, rate of the other, and unpacking."""

from __future__ import annotations

import pytest

from accelsim import CapacityError, Decode, Prefill, simulate
from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.operands import INSTRUCTIONS, ProductBytes, unpack_instructions, unpack_s
from accelsim.dtypes import DType, Format
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.tensor import Axis, Role, Tensor

CHIPS = ("nvidia-h100-sxm", "nvidia-a100-sxm-80gb", "google-tpu-v4", "cerebras-wse2", "graphcore-gc200")


def product(m: int, n: int, k: int, weights: str, wide: DType) -> Gemm:
    format_ = Format.parse(weights)
    rows, cols, inner = Axis.of("m", m), Axis.of("n", n), Axis.of("k", k)
    b = Tensor("b", (inner, cols), format_.element, Role.WEIGHT, format_.weights)
    return Gemm("gemm", (Tensor("a", (rows, inner), wide), b), (Tensor("c", (rows, cols), wide),))


def seconds(chip: Chip, m: int, weights: str) -> float:
    wide = DType.BF16 if DType.BF16 in chip.matrix_flops_per_cycle else DType.FP16
    region = Region(*chip.core_grid)
    cost = COST_MODELS.get(chip.cost_model)().cost(product(m, 4096, 4096, weights, wide), chip, region)
    return cost.work_s


def test_bytes_of_an_element_are_those_of_the_tensors_with_their_scales() -> None:
    sizes = ProductBytes.of(product(4, 256, 256, "int4-g128", DType.BF16), load_chip("nvidia-h100-sxm"))
    assert (sizes.left, sizes.right, sizes.result, sizes.unpack) == (2.0, 4.125 / 8, 2.0, INSTRUCTIONS)


def test_what_the_matrix_unit_takes_is_not_unpacked() -> None:
    h100, b200 = load_chip("nvidia-h100-sxm"), load_chip("nvidia-b200-sxm")
    assert unpack_instructions(DType.FP8, DType.FP8, h100) == unpack_instructions(DType.BF16, DType.BF16, h100) == 0
    assert unpack_instructions(DType.FP4, DType.FP8, b200) == 0 < unpack_instructions(DType.FP4, DType.FP8, h100)
    assert unpack_instructions(DType.FP4, DType.BF16, b200) == INSTRUCTIONS


def test_unpacking_an_element_takes_one_and_a_half_instructions_of_the_vector_unit() -> None:
    h100 = load_chip("nvidia-h100-sxm")  # 128 lanes, a fused multiply-add each
    assert unpack_s(DType.INT4, DType.BF16, h100) == pytest.approx(1.5 / 128 / h100.clock_hz)


@pytest.mark.parametrize("name", CHIPS)
def test_packed_weights_never_slow_a_decode_much_and_never_speed_up_arithmetic(name: str) -> None:
    chip = load_chip(name)
    wide = "bf16" if DType.BF16 in chip.matrix_flops_per_cycle else "fp16"
    many = seconds(chip, 8192, "int4-g128"), seconds(chip, 8192, wide)
    assert many[0] > 0.8 * many[1]  # the rate is that of 16 bit; only bytes are saved
    if chip.memories:
        assert seconds(chip, 1, "int4-g128") < seconds(chip, 1, wide)  # reading them is what takes time


@pytest.mark.parametrize("name", ["nvidia-h100-sxm", "nvidia-a100-sxm-80gb"])
def test_a_product_is_never_faster_than_its_bytes_and_its_operations(name: str) -> None:
    chip = load_chip(name)
    for m in (1, 16, 256, 4096):
        op = product(m, 4096, 8192, "int4-g128", DType.BF16)
        cost = COST_MODELS.get("gpu")().cost(op, chip, Region(*chip.core_grid))
        least_s = max(
            op.weight_bytes / chip.main_memory_bandwidth_bytes_per_s, op.flops / chip.peak_flops_per_s(DType.BF16)
        )
        assert cost.work_s > least_s


def test_decode_with_int4_reads_nearly_a_quarter_of_the_weights() -> None:
    runs = {dtype: simulate("llama3-8b", "nvidia-h100-sxm", Decode(1, 512), dtype=dtype) for dtype in ("bf16", "int4")}
    wide, narrow = (runs[dtype].ledger.role_bytes["weight"] for dtype in ("bf16", "int4"))
    head = 2 * 128256 * 4096  # stays in 16 bit
    assert (wide - head) / (narrow - head) == pytest.approx(16 / 4.125, rel=0.01)
    assert runs["bf16"].latency_s / 3.9 < runs["int4"].latency_s < runs["bf16"].latency_s / 1.8


def test_prefill_with_int4_runs_at_the_rate_of_16_bit() -> None:
    # at one clock: at the power limit narrow weights leave the cores a little more
    unlimited = {"chip.tdp": "10 kW"}
    wide, narrow = (
        simulate("llama3-8b", "nvidia-h100-sxm", Prefill(4, 4096), dtype=dtype, overrides=unlimited)
        for dtype in ("bf16", "int4")
    )
    assert narrow.latency_s == pytest.approx(wide.latency_s, rel=0.05)


def test_gpt_oss_120b_runs_on_one_gpu_of_80_gb() -> None:
    result = simulate("gpt-oss-120b", "nvidia-h100-sxm", Decode(1, 1024))
    assert 65.2e9 < result.footprint.role_bytes["weight"] < 65.3e9
    assert (result.dtype, result.types["weights.experts"], result.types["arithmetic"]) == ("mxfp4", "mxfp4", "bf16")


def test_fp8_keeps_the_cache_in_16_bit_and_what_chips_add_up() -> None:
    run = {"system": "nvidia-dgx-h200", "phase": Decode(8, 2048), "plan": "tp=8"}
    narrow = simulate("deepseek-v3", **run, dtype="fp8")
    assert narrow.footprint.role_bytes["kv_cache"] == 8 * 2049 * 576 * 2 * 61
    assert narrow.types["kv_cache"] == "bf16"
    half = simulate("deepseek-v3", **run, dtype="fp8", kv_dtype="fp8", reduce_dtype="fp8")
    assert 2 * half.footprint.role_bytes["kv_cache"] == narrow.footprint.role_bytes["kv_cache"]
    assert half.ledger.traffic_bytes["nvlink"] < 0.6 * narrow.ledger.traffic_bytes["nvlink"]


def test_the_smallest_change_that_fits_does_fit() -> None:
    one_head = (("model.num_attention_heads", "1"), ("model.num_key_value_heads", "1"))  # which no tp divides
    run = {"system": "nvidia-h100-sxm", "phase": Decode(1, 128), "overrides": one_head}
    with pytest.raises(CapacityError, match=r"alone fits: --dtype fp8\."):
        simulate("mixtral-8x7b", **run)
    assert simulate("mixtral-8x7b", **run, dtype="fp8").footprint.short_bytes == 0
