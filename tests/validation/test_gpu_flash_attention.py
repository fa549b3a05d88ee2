"""FlashAttention-3 on an H100, which no calibration saw: attention was fitted to the paged kernels of vLLM."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from accelsim.cost.calibrate import ErrorSummary
from accelsim.cost.gpu.attention import prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.calibration import GpuCalibration
from accelsim.cost.gpu.machine import GpuMachine
from accelsim.dtypes import DType
from accelsim.hardware.system import load_chip

DATA = Path(__file__).parent / "data" / "flash_attention3_h100.csv"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    rows = pd.read_csv(DATA)
    chip = load_chip("nvidia-h100-sxm")
    times = prefill_times(
        GpuMachine.of(chip),
        GpuCalibration.of(chip).prefill()[0],
        AttentionShapes.of(rows.batch, rows.heads, rows.heads, rows.head_dim, rows.seq, rows.seq, causal=rows.causal),
        core_flops_per_s=chip.peak_flops_per_s(DType.FP16, 1),
    )
    flops = 4.0 * rows.batch * rows.heads * rows.head_dim * rows.seq.astype(float) ** 2 / (1 + rows.causal)
    return rows.assign(measured_s=flops / (rows.tflops * 1e12), predicted_s=times.total_s)


def test_flash_attention_3_is_predicted_without_having_been_fitted(table: pd.DataFrame) -> None:
    error = ErrorSummary.of(table.predicted_s.to_numpy(), table.measured_s.to_numpy())
    print(f"\n{error}")
    print(table.assign(error=table.predicted_s / table.measured_s - 1.0).round(6).to_string(index=False))
    assert error.points == 23
    assert error.mape <= 0.095
    assert abs(error.bias) <= 0.06


def test_long_sequences_are_within_ten_percent(table: pd.DataFrame) -> None:
    long = table[table.seq >= 4096]
    error = np.abs(long.predicted_s / long.measured_s - 1.0)
    assert len(long) >= 9
    assert error.max() <= 0.10


def test_a_causal_mask_saves_less_than_half_of_the_time_for_short_sequences(table: pd.DataFrame) -> None:
    # measured: 0.8 of the time at 512 and 0.53 at 16,384 tokens of head size 128
    wide = table[table.head_dim == 128].set_index(["causal", "seq"])
    for column in ("measured_s", "predicted_s"):
        short, long = (wide.loc[(1, s), column] / wide.loc[(0, s), column] for s in (512, 16384))
        assert 0.7 < short < 0.95
        assert 0.45 < long < 0.6
