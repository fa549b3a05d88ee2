"""A kernel family of an outside package takes part in runs, ``cost``, ``calibrate`` and ``validate``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

import pytest

from accelsim.cost.base import COST_MODELS, Region
from accelsim.cost.gpu.kernels.base import KERNEL_FAMILIES
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.hardware.system import load_chip
from accelsim.pipeline import simulate
from accelsim.validation.calibration_file import calibration_yaml
from accelsim.validation.compare import compare_table
from accelsim.validation.machines import Machines
from accelsim.validation.predict import predict
from accelsim.validation.refit import refit
from accelsim.validation.table import check_table, parse_table
from accelsim.workload.blocks.base import BLOCKS
from accelsim.workload.graph import OperatorGraph
from accelsim.workload.operator import OPERATORS
from accelsim.workload.phase import Prefill

H100 = "nvidia-h100-sxm"
PLUGIN = "accelsim_example"
SHAPES = [(m, n) for m in (1, 64, 1024, 16384) for n in (1024, 4096, 16384)]


def forget() -> None:
    """The modules of the example package, so that they register anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PLUGIN]:
        del sys.modules[name]


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The family's file, imported as a plugin is; forgotten after the test."""
    for registry in (KERNEL_FAMILIES, OPERATORS):
        registry.discover()
        monkeypatch.setattr(registry, "_members", dict(registry._members))
    forget()
    yield importlib.import_module(f"{PLUGIN}.kernel_family")
    forget()


@pytest.fixture
def chip() -> Chip:
    return load_chip(H100)


def rows(seconds: str = "1") -> str:
    return "hardware,op,dtype,m,n,time_s\n" + "".join(
        f"{H100},running_mean,bf16,{m},{n},{seconds}\n" for m, n in SHAPES
    )


def calibrated(chip: Chip, launch: str, efficiency: float) -> Chip:
    section = {"launch": launch, "hbm_efficiency": efficiency}
    return chip.model_copy(update={"calibration": {**chip.calibration, "running_mean": section}})


def test_its_operator_is_priced_by_its_formula_with_typical_numbers(outside: ModuleType, chip: Chip) -> None:
    (cost,) = COST_MODELS.get("gpu")().costs([outside.RunningMean.of(4096, 4096)], chip, Region(*chip.core_grid))
    # 2 us, and 4096 x 4096 elements of 2 B in and out at 0.8 x 3.35 TB/s
    nbytes = 2 * 4096 * 4096 * 2
    assert cost.work_s == pytest.approx(2e-6 + nbytes / (0.8 * chip.main_memory_bandwidth_bytes_per_s))
    assert cost.limiter == "hbm" and cost.residual.family == "running_mean"
    assert cost.warnings == (
        "typical-calibration: nvidia-h100-sxm: no calibration of running_mean; typical efficiencies of GPUs used",
    )


def test_its_operator_takes_its_time_in_a_run(outside: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = simulate("llama3-8b", "nvidia-h100-sxm", Prefill(1, 1024))
    build = BLOCKS.get("dense")

    def rotated(*arguments: object) -> OperatorGraph:
        graph = build(*arguments)
        (x,) = graph.operators[-1].outputs
        return OperatorGraph(
            graph.name, (*graph.operators, outside.RunningMean("mean", (x,), (replace(x, name="mean.out"),)))
        )

    monkeypatch.setattr(BLOCKS, "_members", {**BLOCKS._members, "dense": rotated})
    found = simulate("llama3-8b", "nvidia-h100-sxm", Prefill(1, 1024))
    chip = load_chip(H100)
    each = 2e-6 + 2 * 1024 * 4096 * 2 / (0.8 * chip.main_memory_bandwidth_bytes_per_s)
    assert found.latency_s - plain.latency_s == pytest.approx(32 * each, rel=1e-6)


def test_its_rows_are_predicted_by_its_calibration(outside: ModuleType, chip: Chip) -> None:
    table = parse_table(rows())
    check_table(table, measured=True)
    found = predict(table, Machines(chip=calibrated(chip, "3 us", 0.5)))
    expected = [3e-6 + 4 * m * n / (0.5 * chip.main_memory_bandwidth_bytes_per_s) for m, n in SHAPES]
    assert found.seconds.tolist() == pytest.approx(expected)
    assert found.notes == ()


def test_its_numbers_are_found_from_rows_and_written_for_the_chip(outside: ModuleType, chip: Chip) -> None:
    seconds = predict(parse_table(rows()), Machines(chip=calibrated(chip, "3 us", 0.5))).seconds
    table = parse_table(rows(), "own.csv").with_column("time_s", [repr(float(s)) for s in seconds])
    refitted = refit(chip, table, folds=0)
    (fit,) = refitted.fits
    assert fit.problem.section == "running_mean"
    assert {number.name: number.value for number in fit.numbers} == pytest.approx(
        {"launch_s": 3e-6, "hbm_efficiency": 0.5}, rel=1e-3
    )
    text = calibration_yaml(refitted, H100)
    assert "  running_mean:  # 12 rows" in text and "    rows: [1, 16384]" in text


def test_its_rows_are_compared_with_measurements(outside: ModuleType, chip: Chip) -> None:
    (row,) = compare_table("own", parse_table(rows("1e-5")), Machines(chip=chip)).rows()
    assert (row.op, row.summary.points) == ("running_mean", 12)


def test_extents_outside_its_range_are_a_warning(outside: ModuleType, chip: Chip) -> None:
    measured = {"points": 12, "mape": 0.1, "p90": 0.2, "rows": [64, 4096], "width": [1024, 8192]}
    stated = calibrated(chip, "3 us", 0.5)
    stated = stated.model_copy(update={"calibration": {**stated.calibration, "running_mean_range": measured}})
    region = Region(*chip.core_grid)
    price = COST_MODELS.get("gpu")().costs
    inside, outside = price([outside.RunningMean.of(4096, 1024), outside.RunningMean.of(4097, 1024)], stated, region)
    assert inside.warnings == ()
    assert outside.warnings == (
        "outside-calibration: nvidia-h100-sxm: running_mean rows=4097 lies outside the calibrated range 64 to 4096",
    )
    assert outside.residual.log_deviation == pytest.approx(2 * inside.residual.log_deviation)


def test_without_the_family_its_operator_is_refused_with_the_known_kinds(outside: ModuleType, chip: Chip) -> None:
    operator = outside.RunningMean.of(4, 4)
    del KERNEL_FAMILIES._members["running_mean"]
    with pytest.raises(
        ConfigError, match=r"running_mean: the gpu cost model does not run running_mean\. It runs: attention, "
    ):
        COST_MODELS.get("gpu")().cost(operator, chip, Region(*chip.core_grid))
