"""Arrays that hold results, and how they take attention."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.causes import FIXED_CYCLES
from accelsim.cost.systolic.array import ArrayUse
from accelsim.dtypes import DType
from accelsim.hardware.system import load_chip
from accelsim.workload.operators.attention import Attention, Heads


def test_results_stay_in_an_array_that_takes_the_shape_with_fewest_idle_lanes() -> None:
    use = ArrayUse(256, 256, ((256, 256), (128, 512)))
    assert use.macs(4, 512, 128) == 128 * 512 * 128  # one fold of 128 x 512; as 256 x 256 it is two
    assert use.macs(256, 256, 10) == 256 * 256 * 10  # fills the square one
    assert use.macs(129, 256, 10) == 256 * 256 * 10  # one row more than the wide one has
    assert use.width(128) == 128


def test_weights_stay_in_an_array_under_at_least_as_many_rows_as_it_is_high() -> None:
    use = ArrayUse(128, 128)
    assert use.macs(1, 512, 128) == use.macs(128, 512, 128) == 128 * 512 * 128
    assert use.macs(129, 512, 128) == 129 * 512 * 128
    assert use.width(96) == 128


def test_weights_that_come_in_faster_than_row_by_row_let_folds_of_few_rows_end_sooner() -> None:
    use = ArrayUse(320, 320, load=40)
    assert use.macs(1, 640, 320) == use.macs(40, 640, 320) == 40 * 640 * 320
    assert use.macs(41, 640, 320) == 41 * 640 * 320


@pytest.mark.parametrize(("stored", "clocks"), [("int8", 409_600 / 10_240), ("fp16", 102_400 * 2 / 10_240)])
def test_a_token_on_the_tsp_takes_as_long_as_its_weights_at_10_kb_per_clock(stored: str, clocks: float) -> None:
    chip = load_chip("groq-tsp-v1")
    dtype = DType(stored)
    assert chip.systolic is not None
    assert chip.systolic.load_cycles[dtype] == clocks
    use = ArrayUse.of(chip.systolic, dtype)
    cycles = use.macs(1, 8192, 8192) / (chip.matrix_flops_per_cycle[dtype] / 2)
    assert cycles * 10_240 == pytest.approx(8192 * 8192 * dtype.bits / 8, rel=0.02)


@pytest.mark.parametrize(("kv", "seconds"), [(DType.BF16, 2.0), (DType.FP8, 1.0)])
def test_attention_over_an_8_bit_cache_is_multiplied_in_8_bit(kv: DType, seconds: float) -> None:
    chip = load_chip("intel-gaudi2")  # fp8 at twice the rate of bf16
    fast = chip.memories["hbm"].model_copy(update={"bandwidth_bytes_per_s": 1e18})
    chip = chip.model_copy(update={"memories": {"hbm": fast}})
    operator = Attention.of(64, Heads(32, 8, 128), q_len=1, kv_len=4096)
    q, k, v = operator.inputs
    operator = replace(operator, inputs=(q, replace(k, dtype=kv), replace(v, dtype=kv)))
    cost = COST_MODELS.get(chip.cost_model)().cost(operator, chip, Region(*chip.core_grid))
    # per head of keys: scores 128 x 4096 lanes over 128, sums 128 x 128 (in 128 x 512) over 4096
    macs = 64 * 8 * (128 * 4096 * 128 + 128 * 512 * 4096)
    busy_s = cost.parts_s["compute"] + cost.parts_s[FIXED_CYCLES]  # lanes that idle
    assert busy_s == pytest.approx(seconds * macs / (chip.peak_flops_per_s(DType.FP8) / 2 * 0.95))
