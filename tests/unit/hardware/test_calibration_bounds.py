"""Numbers of a calibration that no fit and no machine has are refused by key, whatever the cost model reads of them."""

from __future__ import annotations

import pytest

from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip


def refusal(key: str, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_chip("nvidia-a100-sxm-80gb", [(f"chip.calibration.{key}", text)])
    return str(caught.value)


@pytest.mark.parametrize("value", ["0", "0.3", "10"])
def test_relative_errors_up_to_1000_percent_are_taken(value: str) -> None:
    chip = load_chip("nvidia-a100-sxm-80gb", [("chip.calibration.gemm_range.p90", value)])
    assert chip.calibration["gemm_range"]["p90"] == float(value)


@pytest.mark.parametrize("value", ["-1", "10.1", "1e18", "1e300", "nan", ".inf", "true", "x", "1" + "0" * 60])
@pytest.mark.parametrize("key", ["p90", "mape"])
def test_other_relative_errors_are_refused_with_the_key(key: str, value: str) -> None:
    assert f"calibration.gemm_range.{key}: got " in refusal(f"gemm_range.{key}", value)


def test_values_are_numbers_texts_or_lists_of_them() -> None:
    assert "calibration.gemm.launch: got [['a']]; must be a number" in refusal("gemm.launch", "[[a]]")
    assert "calibration.gemm.tile_rows: got 1e+300" in refusal("gemm.tile_rows", "[64, 1e300]")
