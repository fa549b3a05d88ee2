"""TPU generations without measurements: published figures, slices, and calibration taken over from the v4."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.catalog import Catalog
from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.cost import Cost
from accelsim.cost.systolic.parameters import SystolicParameters
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip, load_system
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm

GENERATIONS = ("v2", "v3", "v5e", "v5p", "v6e")
FITTED = (
    "launch_s",
    "second_core_s",
    "step_s",
    "matrix_efficiency",
    "conversion_ops",
    "reduction_setup_s",
    "reduction_s",
)


def price(operator: Operator, chip: Chip) -> Cost:
    return COST_MODELS.get("systolic")().cost(operator, chip, Region(*chip.core_grid))


@pytest.mark.parametrize(
    ("generation", "arrays", "clock_hz"), [("v2", 2, 700e6), ("v3", 4, 940e6), ("v5e", 4, 1.5e9), ("v5p", 8, 1.75e9)]
)
def test_the_peak_is_arrays_times_cells_times_clock(generation: str, arrays: int, clock_hz: float) -> None:
    chip = load_chip(f"google-tpu-{generation}")
    assert chip.systolic is not None
    assert chip.num_cores * chip.systolic.arrays_per_core == arrays
    # every cell of a 128 x 128 array does one multiply-accumulate (2 FLOPs) per clock
    assert chip.peak_flops_per_s(DType.BF16) == pytest.approx(arrays * 128 * 128 * 2 * clock_hz, rel=1e-12)


@pytest.mark.parametrize("generation", ["v2", "v3"])
def test_types_a_generation_lacks_are_an_error(generation: str) -> None:
    with pytest.raises(ConfigError, match="no rate for int8"):
        load_chip(f"google-tpu-{generation}").peak_flops_per_s(DType.INT8)


@pytest.mark.parametrize(
    ("generation", "bisection", "all_reduce"), [("v5e", 1.6e12, 51.2e12), ("v6e", 3.2e12, 102.4e12)]
)
def test_a_pod_has_its_published_bandwidths(generation: str, bisection: float, all_reduce: float) -> None:
    level = load_system(f"google-tpu-{generation}-pod:256").levels["ici"]
    assert (level.shape, level.wrap) == ((16, 16), (True, True))
    # a cut through the middle crosses 16 rows twice, because rows are rings; every chip has 4 links
    assert 2 * 16 * level.link.bandwidth_bytes_per_s == bisection
    assert 256 * 4 * level.link.bandwidth_bytes_per_s == all_reduce


@pytest.mark.parametrize(
    ("reference", "shape", "wrap"),
    [("v2-pod:4", (2, 2), (False, False)), ("v2-pod:256", (16, 16), (True, True)),
     ("v3-pod:512", (16, 32), (False, True)), ("v3-pod:1024", (32, 32), (True, True)),
     ("v5e-pod:8", (2, 4), (False, False)),
     ("v6e-pod:128", (8, 16), (False, True)), ("v5p-pod:4", (2, 2, 1), (False, False, False)),
     ("v5p-pod:64", (4, 4, 4), (True, True, True)), ("v5p-pod:6144", (16, 16, 24), (True, True, True)),
     ("v5p-pod:8960", (16, 20, 28), (True, True, True))],
)  # fmt: skip
def test_slices_have_their_published_shapes_and_wraparound(
    reference: str, shape: tuple[int, ...], wrap: tuple[bool, ...]
) -> None:
    level = load_system(f"google-tpu-{reference}").levels["ici"]
    assert (level.shape, level.wrap) == (shape, wrap)


@pytest.mark.parametrize("reference", ["v2-pod:512", "v5e-pod:32x16", "v5p-pod:4x4x6"])
def test_slices_nobody_offers_are_an_error(reference: str) -> None:
    with pytest.raises(ConfigError, match="Nearest sizes"):
        load_system(f"google-tpu-{reference}")


@pytest.mark.parametrize("generation", GENERATIONS)
def test_times_without_measurements_are_those_of_the_v4_and_say_so(generation: str) -> None:
    system = load_system(f"google-tpu-{generation}")
    mine, theirs = (c.calibrated("systolic", SystolicParameters) for c in (system.chip, load_chip("google-tpu-v4")))
    assert [getattr(mine, name) for name in FITTED] == [getattr(theirs, name) for name in FITTED]
    source = system.provenance["chip.calibration.systolic.launch"]
    assert source.kind == "assumed"
    assert "calibrated on google-tpu-v4" in str(source.note)
    assert any(path.endswith("google-tpu-v4.yaml") for path, _ in system.files)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    "operator",
    [Gemm.of(512, 512, 512), Attention.of(1, Heads(8, 8, 128), 256, 256), Norm.of(256, 512), Elementwise.of(256, 512)],
    ids=lambda operator: operator.kind,
)
def test_every_result_warns_of_the_inherited_calibration(generation: str, operator: Operator) -> None:
    chip = load_chip(f"google-tpu-{generation}")
    warning = f"inherited-calibration: google-tpu-{generation}: systolic calibration inherited from google-tpu-v4"
    assert price(operator, chip).warnings.count(warning) == 1
    assert not any("inherited" in text for text in price(operator, load_chip("google-tpu-v4")).warnings)


def test_a_copy_on_the_one_core_of_a_v6e_takes_its_measured_time() -> None:
    # 33,554,432 bytes read and as many written took 49.36 us (1360 GB/s); AI-Hypercomputer/tpu-recipes@c8cfe2f689
    # microbenchmarks/README.md. fp32, so that nothing is converted: a copy has no arithmetic.
    copied = price(
        Elementwise.of(2048, 4096, function="relu", num_inputs=1, dtype=DType.FP32), load_chip("google-tpu-v6e")
    )
    assert copied.limiter == "hbm"
    assert copied.work_s == pytest.approx(49.36e-6, rel=0.05)


def test_one_core_reaches_the_share_of_the_memory_that_all_cores_reach() -> None:
    for generation in ("v5e", "v6e"):
        assert load_chip(f"google-tpu-{generation}").calibrated("systolic", SystolicParameters).core_hbm_share == 1


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return path


def test_a_chip_of_ones_own_may_inherit_too(tmp_path: Path) -> None:
    one = written(tmp_path, "extends: cerebras-wse1\nname: mine\n")
    chip = load_chip(str(one))
    assert chip.inherited("mesh") == ("inherited-calibration: mine: mesh calibration inherited from cerebras-wse2",)
    assert chip.calibration["mesh"] == load_chip("cerebras-wse2").calibration["mesh"]
    assert chip.inherited("no such section") == ()


def test_values_of_ones_own_win_over_inherited_ones(tmp_path: Path) -> None:
    one = written(tmp_path, "extends: google-tpu-v5e\ncalibration: {systolic: {launch: 3 us}}\n")
    chip = load_chip(str(one))
    assert chip.calibrated("systolic", SystolicParameters).launch_s == 3e-6
    assert chip.inherited("systolic")
    changed = load_chip("google-tpu-v5e", [("chip.calibration.systolic.launch", "3 us")])
    assert changed.calibrated("systolic", SystolicParameters).launch_s == 3e-6


def test_a_section_calibrated_anew_is_no_longer_inherited(tmp_path: Path) -> None:
    numbers = (
        "{launch: 1 us, second_core: 1 us, step: 1 us, core_hbm_share: 0.8, matrix_efficiency: 0.8, "
        "conversion_ops: 1.0, reduction_setup: 1 us, reduction: 1 ns}"
    )
    chip = load_chip(str(written(tmp_path, f"extends: google-tpu-v5e\ncalibration: {{systolic: {numbers}}}\n")))
    assert chip.inherited("systolic") == ()
    assert chip.calibrated("systolic", SystolicParameters).native_matrix_efficiency == 0.85  # assumed on the v4 as well


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{systolic: google-tpu-v44}", "google-tpu-v4"),
        ("{systolic: google-tpu-v3}", "has no calibration.systolic of its own.*Name the chip that was calibrated"),
        (
            "{gemm: google-tpu-v4}",
            "calibration_from.gemm: google-tpu-v4 has no calibration.gemm of its own; it has: systolic",
        ),
        ("google-tpu-v4", "calibration_from"),
        ("{systolic: 3}", "calibration_from.systolic"),
    ],
)
def test_a_wrong_entry_is_an_error_that_names_it(tmp_path: Path, entry: str, message: str) -> None:
    text = Catalog(environment=()).find("chips", "google-tpu-v2").read_text()
    kept = [line for line in text.splitlines() if not line.startswith("calibration_from")]
    path = written(tmp_path, "\n".join([*kept, f"calibration_from: {entry}"]))
    with pytest.raises(ConfigError, match=message):
        load_chip(str(path))
