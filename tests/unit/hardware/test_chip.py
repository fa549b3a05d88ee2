from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip, load_system


@dataclass(frozen=True)
class Parameters:
    launch_s: float
    efficiency: float
    tiles: tuple[int, ...] = (64, 128)
    bandwidth_bytes_per_s: float | None = None
    mode: str = "plain"


def chip(**changes: object) -> Chip:
    return load_chip("nvidia-a100-sxm-80gb").model_copy(update=changes)


def test_a100_peak_is_cores_times_rate_times_clock() -> None:
    # 108 SMs x 2048 FLOP/clk x 1.41 GHz = 311.87 TFLOP/s
    assert load_chip("nvidia-a100-sxm-80gb").peak_flops_per_s(DType.BF16) == pytest.approx(311.87e12, rel=1e-4)
    assert load_chip("nvidia-a100-sxm-80gb").peak_flops_per_s(DType.BF16, num_cores=1) == 2048 * 1.41e9


def test_a_type_that_only_the_vector_unit_has_runs_there() -> None:
    # 108 x 128 x 1.41 GHz = 19.49 TFLOP/s
    assert chip().peak_flops_per_s(DType.FP32) == pytest.approx(19.49e12, rel=1e-3)


def test_a_type_the_chip_lacks_names_those_it_has() -> None:
    with pytest.raises(ConfigError, match=r"no rate for fp8. Use one of: bf16, fp16, fp32, int8, tf32"):
        chip().peak_flops_per_s(DType.FP8)


def test_main_memory_is_the_farthest_one_or_the_sram() -> None:
    assert chip().main_memory == "hbm"
    assert chip().main_memory_bytes == 80 * 2**30
    wafer = load_chip("cerebras-wse2")
    assert wafer.main_memory == "sram"
    assert wafer.main_memory_bytes == 994 * 750 * 48 * 1024


def test_wafer_predicts_with_the_visible_grid_and_checks_peaks_over_the_published_cores() -> None:
    wafer = load_chip("cerebras-wse2")
    assert wafer.num_cores == 745_500
    assert wafer.published_cores == 850_000
    assert wafer.check_problems() == []
    # without that field the published peak is 14 % above the structure
    visible = wafer.model_copy(update={"published_cores": None})
    assert any(text.startswith("checks.peak_flops.fp16") for text in visible.check_problems())


def test_a_published_peak_that_the_structure_misses_fails_loading_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("extends: nvidia-a100-sxm-80gb\nname: wrong\nchecks:\n  peak_flops:\n    bf16: 400 TFLOP/s\n")
    with pytest.raises(
        ConfigError, match=r"wrong.yaml:5: checks.peak_flops.bf16: .* 3.11869e\+14, published is 4e\+14"
    ):
        load_chip(str(file))


def test_checks_hold_at_one_percent_and_fail_just_above() -> None:
    peak = chip().peak_flops_per_s(DType.BF16)
    checks = chip().checks
    assert checks is not None
    near = checks.model_copy(update={"peak_flops": {DType.BF16: peak / 0.9901}})
    far = checks.model_copy(update={"peak_flops": {DType.BF16: peak / 0.9899}})
    assert chip(checks=near).check_problems() == []
    assert len(chip(checks=far).check_problems()) == 1


def test_an_override_may_leave_the_published_machine_behind() -> None:
    system = load_system("nvidia-a100-sxm-80gb", [("chip.clock", "2 GHz"), ("chip.sram_per_core", "64 KiB")])
    assert system.chip.clock_hz == 2e9
    assert system.chip.sram_per_core_bytes == 65536
    assert system.overrides == (("chip.clock", "2 GHz"), ("chip.sram_per_core", "64 KiB"))
    assert system.provenance["chip.clock"].kind == "override"


def test_calibration_fills_a_dataclass_from_quantities_and_plain_values() -> None:
    section = {"launch": "2.3 us", "efficiency": 0.7, "tiles": [32, 64], "bandwidth": "1 TB/s"}
    found = chip(calibration={"gemm": section}).calibrated("gemm", Parameters)
    assert found == Parameters(2.3e-6, 0.7, (32, 64), 1e12)


def test_calibration_errors_name_chip_section_key_and_the_nearest_name() -> None:
    broken = chip(calibration={"gemm": {"lunch": "2 us", "efficiency": "0.7 us", "tiles": 3}})
    with pytest.raises(ConfigError) as error:
        broken.calibrated("gemm", Parameters)
    text = str(error.value)
    assert "chip nvidia-a100-sxm-80gb: calibration.gemm: unknown key 'lunch'" in text
    assert "Did you mean 'launch'?" in text
    assert "key 'launch' is missing. Required: launch, efficiency." in text
    assert "calibration.gemm.efficiency: '0.7 us' is not of type float." in text
    assert "calibration.gemm.tiles: 3 is not a list." in text


def test_a_calibrated_quantity_without_unit_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"calibration.gemm.launch: '2.3' has no unit"):
        chip(calibration={"gemm": {"launch": 2.3, "efficiency": 1}}).calibrated("gemm", Parameters)


def test_an_absent_calibration_section_is_an_empty_one() -> None:
    with pytest.raises(ConfigError, match=r"calibration.nothing: key 'launch' is missing"):
        chip().calibrated("nothing", Parameters)


def test_a_section_is_read_once_and_again_where_a_copy_of_the_chip_replaces_it() -> None:
    chip = load_chip("nvidia-h100-sxm")
    name = next(name for name in chip.calibration if not name.endswith("_range"))

    @dataclass(frozen=True)
    class Anything:
        launch_s: float = 0.0

    plain = chip.model_copy(update={"calibration": {**chip.calibration, name: {"launch": "2 us"}}})
    other = plain.model_copy(update={"calibration": {**chip.calibration, name: {"launch": "3 us"}}})
    assert plain.calibrated(name, Anything) is plain.calibrated(name, Anything)
    assert (plain.calibrated(name, Anything).launch_s, other.calibrated(name, Anything).launch_s) == (2e-6, 3e-6)
    again = load_chip("nvidia-h100-sxm")
    assert again.calibrated("no such section", Anything) == Anything()
    assert again == chip
