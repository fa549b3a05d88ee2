from __future__ import annotations

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.dtypes import DType
from accelsim.errors import CapacityError, ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.pipeline import simulate
from accelsim.workload.formats.hf import load_model
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.attention_backward import AttentionBackward
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax
from accelsim.workload.phase import Decode

OPERATORS: list[Operator] = [
    Gemm.of(4096, 4096, 4096),
    Gemm.of(1, 14336, 4096),
    Gemm.of(128, 128, 64, batch=32),
    Attention.of(1, Heads(32, 8, 128), 2048, 2048),
    Attention.of(8, Heads(32, 8, 128), 1, 2048),
    AttentionBackward.of(Attention.of(1, Heads(32, 32, 128), 2048, 2048)),
    Norm.of(2048, 4096),
    Norm.of(2048, 4096, flavour="layernorm"),
    Softmax.of(4096, 4096),
    Elementwise.of(2048, 4096),
    Elementwise.of(2048, 14336, function="silu_mul"),
    Rope.of(2048, 5120),
    Embedding.of(2048, 4096, 128256),
]


@pytest.fixture(scope="module")
def chip() -> Chip:
    return load_chip("nvidia-a100-sxm-80gb")


def cost(operator: Operator, chip: Chip, cores: int | None = None) -> Cost:
    return COST_MODELS.get("gpu")().cost(operator, chip, Region(1, cores or chip.num_cores))


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda op: f"{op.kind}-{op.flops}")
def test_parts_sum_to_the_duration_and_name_its_limiter(operator: Operator, chip: Chip) -> None:
    result = cost(operator, chip)
    assert sum(result.parts_s.values()) == pytest.approx(result.work_s, rel=1e-9)
    assert all(part >= 0 for part in result.parts_s.values())
    assert result.parts_s[result.limiter] == max(result.parts_s.values())
    assert set(result.traffic_bytes) == {"l2", "hbm"}
    assert result.energy_j > 0
    assert result.warnings == ()


@pytest.mark.parametrize("operator", OPERATORS[:2] + OPERATORS[3:6], ids=lambda op: f"{op.kind}-{op.flops}")
def test_a_quarter_of_the_cores_is_never_faster(operator: Operator, chip: Chip) -> None:
    assert cost(operator, chip, 27).work_s >= cost(operator, chip).work_s


def test_weights_come_from_main_memory_and_small_activations_do_not(chip: Chip) -> None:
    traffic = cost(Gemm.of(1, 8192, 8192), chip).traffic_bytes
    assert traffic["hbm"] == 8192 * 8192 * 2 + 8192 * 2  # the weight and the result


def test_energy_counts_arithmetic_and_bytes_of_each_level(chip: Chip) -> None:
    operator = Gemm.of(4096, 4096, 4096)
    chip = chip.model_copy(update={"tdp_w": 10_000.0})  # clocks and voltage stay as they are
    result = cost(operator, chip)
    l2, hbm = (result.traffic_bytes[name] for name in ("l2", "hbm"))
    expected = operator.flops * chip.matrix_energy_j_per_flop + 2 * l2 * chip.sram_energy_j_per_byte
    expected += l2 * chip.memories["l2"].energy_j_per_byte + hbm * chip.memories["hbm"].energy_j_per_byte
    assert result.energy_j == pytest.approx(expected)


def test_an_element_type_without_calibration_is_a_named_warning(chip: Chip) -> None:
    (warning,) = cost(Gemm.of(64, 4096, 4096, dtype=DType.INT8), chip).warnings
    text = "nvidia-a100-sxm-80gb: no calibration of int8 gemm; efficiencies of 16-bit gemm used"
    assert warning == f"dtype-uncalibrated: {text}"


def test_a_shape_outside_the_calibrated_range_is_a_named_warning(chip: Chip) -> None:
    (warning,) = cost(Gemm.of(64, 4096, 131072), chip).warnings
    text = "nvidia-a100-sxm-80gb: gemm k=131072 lies outside the calibrated range 32 to 65536"
    assert warning == f"outside-calibration: {text}"


def test_a_chip_without_calibration_gets_typical_efficiencies_and_a_warning(chip: Chip) -> None:
    bare = chip.model_copy(update={"calibration": {}})
    result = cost(Norm.of(2048, 4096), bare)
    assert result.work_s > 0
    text = "nvidia-a100-sxm-80gb: no calibration of rowwise; typical efficiencies of GPUs used"
    assert result.warnings == (f"typical-calibration: {text}",)


def test_numbers_of_another_chip_are_a_named_warning(chip: Chip) -> None:
    calibration = {**chip.calibration, "rowwise_range": {"inherited": "other-chip"}}
    result = cost(Norm.of(2048, 4096), chip.model_copy(update={"calibration": calibration}))
    text = "nvidia-a100-sxm-80gb: rowwise was not measured; calibration of other-chip used"
    assert result.warnings == (f"inherited-calibration: {text}",)


def test_a_region_larger_than_the_chip_is_refused(chip: Chip) -> None:
    with pytest.raises(CapacityError, match=r"region 1x109 has more cores than chip nvidia-a100-sxm-80gb \(108\)"):
        cost(Norm.of(1, 64), chip, 109)


def test_an_unsupported_element_type_is_refused_by_name(chip: Chip) -> None:
    with pytest.raises(ConfigError, match="no rate for fp8"):
        cost(Gemm.of(64, 64, 64, dtype=DType.FP8), chip)


def test_the_section_l2_says_how_much_of_it_always_hits(chip: Chip) -> None:
    undivided = chip.model_copy(update={"calibration": {**chip.calibration, "l2": {"full_hit": 0.9}}})
    capacity = chip.memories["l2"].capacity_bytes
    touched = [0.5 * capacity, 0.75 * capacity, 0.95 * capacity, capacity]
    assert GpuMachine.of(chip).cached_fraction(touched) == pytest.approx([1.0, 0.5, 0.1, 0.0])
    assert GpuMachine.of(undivided).cached_fraction(touched) == pytest.approx([1.0, 1.0, 0.5, 0.0])


def test_an_l2_that_always_hits_as_a_whole_is_refused(chip: Chip) -> None:
    wrong = chip.model_copy(update={"calibration": {"l2": {"full_hit": 1.0}}})
    with pytest.raises(ConfigError, match=r"need 0 <= share < 1, got 1\.0"):
        GpuMachine.of(wrong)


#: Operators by rows of 4,096 elements; all operands but weights are activations.
BY_ROWS = {
    "gemm": lambda rows: Gemm.of(rows, 512, 4096),
    "norm": lambda rows: Norm.of(rows, 4096),
    "softmax": lambda rows: Softmax.of(rows, 4096),
    "elementwise": lambda rows: Elementwise.of(rows, 4096),
    "gate": lambda rows: Elementwise.of(rows, 4096, function="silu_mul"),
    "rope": lambda rows: Rope.of(rows, 4096),
    "attention": lambda rows: Attention.of(1, Heads(32, 32, 128), rows, rows),
    "attention_backward": lambda rows: AttentionBackward.of(Attention.of(1, Heads(32, 32, 128), rows, rows)),
}


@pytest.mark.parametrize("kind", BY_ROWS)
def test_what_was_just_written_and_fits_the_l2_is_not_read_from_main_memory(chip: Chip, kind: str) -> None:
    # 40 MiB of L2: 64 rows of every operand fit half of it, 16,384 rows of one operand are 128 MiB
    small, large = (cost(BY_ROWS[kind](rows), chip) for rows in (64, 16384))
    weights = BY_ROWS[kind](64).weight_bytes
    assert small.traffic_bytes["hbm"] == pytest.approx(weights, abs=64 * 1024)
    operator = BY_ROWS[kind](16384)
    assert large.traffic_bytes["hbm"] >= 0.99 * (operator.reads + operator.writes - operator.weight_bytes)


def test_keys_of_earlier_tokens_come_from_main_memory_and_new_ones_do_not(chip: Chip) -> None:
    # a chunk of 64 tokens after 960: 15 of 16 keys and values are old
    chunk = cost(Attention.of(1, Heads(32, 32, 128), 64, 1024), chip)
    assert chunk.traffic_bytes["hbm"] == pytest.approx(2 * 960 * 32 * 128 * 2)


def test_a_decode_step_of_a_model_reads_weights_and_cache_and_little_else() -> None:
    result = simulate("llama3-8b", "nvidia-a100-sxm-80gb", Decode(batch=4, context=1024), what_ifs=False)
    found = result.to_dict()
    stored = found["memory_bytes"]["weight"] + found["memory_bytes"]["kv_cache"]
    table = load_model("llama3-8b")
    unread = table.vocab_size * table.hidden_size * 2  # of the embedding only the rows of the tokens
    assert found["traffic_bytes"]["hbm"] == pytest.approx(stored - unread, rel=0.01)


def test_int8_products_take_the_calibration_of_fp8_and_say_so() -> None:
    h100, a100 = (load_chip(name) for name in ("nvidia-h100-sxm", "nvidia-a100-sxm-80gb"))
    product = Gemm.of(4096, 4096, 4096, dtype=DType.INT8)
    (text,) = cost(product, h100).warnings
    assert "no calibration of int8 gemm; efficiencies of fp8 gemm used" in text
    (text,) = cost(product, a100).warnings
    assert "no calibration of int8 gemm; efficiencies of 16-bit gemm used" in text
    assert cost(Gemm.of(4096, 4096, 4096, dtype=DType.FP16), h100).warnings == ()


def test_tf32_products_take_the_calibration_of_16_bit_ones_and_say_so() -> None:
    (text,) = cost(Gemm.of(4096, 4096, 4096, dtype=DType.TF32), load_chip("nvidia-h100-sxm")).warnings
    assert "no calibration of tf32 gemm; efficiencies of 16-bit gemm used" in text


def test_without_an_l2_a_product_takes_as_long_as_its_tiles_load_from_main_memory() -> None:
    with_l2 = load_chip("nvidia-a100-sxm-80gb")
    without = load_chip("nvidia-a100-sxm-80gb", (("chip.memories.l2.capacity", "1 B"),))
    big = Gemm.of(4096, 4096, 4096)
    assert cost(big, without).work_s > 1.5 * cost(big, with_l2).work_s
