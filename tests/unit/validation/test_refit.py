"""Calibration: known numbers are found again, what the data cannot say is said, and the file loads as a chip."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim.cost.gpu.rowwise import RowwiseParameters
from accelsim.cost.systolic.parameters import SystolicParameters
from accelsim.errors import ConfigError
from accelsim.hardware.system import load_chip
from accelsim.validation.calibration_file import calibration_yaml, number_text
from accelsim.validation.machines import Machines
from accelsim.validation.predict import predict
from accelsim.validation.refit import refit, rows_of
from accelsim.validation.table import parse_table

A100 = "nvidia-a100-sxm-80gb"
HEADER = "hardware,op,dtype,m,n,k,timing,time_s\n"
#: Large rows wait for memory (0.7 x 2039 GB/s), those in the L2 for 108 cores (3.2 TB/s), few rows for one block.
TRUE = RowwiseParameters(1.3e-6, 2.2e-6, 0.7, 30e9, 40e9, overlap_norm=4.0)  # the norm is the chip's, not fitted


def with_section(chip, section, parameters):
    fields = {name: getattr(parameters, name) for name in parameters.__dataclass_fields__}
    texts = {
        "launch": f"{fields['launch_s']!r} s",
        "kernel": f"{fields['kernel_s']!r} s",
        "hbm_efficiency": fields["hbm_efficiency"],
        "core_bandwidth": f"{fields['core_bandwidth_bytes_per_s']!r} B/s",
        "block_bandwidth": f"{fields['block_bandwidth_bytes_per_s']!r} B/s",
        "overlap_norm": fields["overlap_norm"],
    }
    return chip.model_copy(update={"calibration": {**chip.calibration, section: texts}})


def rowwise_table(rows, noise=0.0, seed=0):
    """Rows of rmsnorm timed by a chip with the numbers of TRUE."""
    chip = with_section(load_chip(A100), "rowwise", TRUE)
    text = HEADER + "".join(f"{A100},rmsnorm,fp16,{m},{n},,,1\n" for m, n in rows)
    seconds = predict(parse_table(text), Machines(chip=chip)).seconds
    seconds = seconds * np.exp(noise * np.random.default_rng(seed).standard_normal(len(seconds)))
    return parse_table(text, "made.csv").with_column("time_s", [repr(float(s)) for s in seconds])


WIDE = [(m, n) for m in (1, 8, 64, 512, 4096, 32768) for n in (512, 1024, 4096, 8192, 16384)]


def test_numbers_that_made_the_data_are_found_again() -> None:
    (fit,) = refit(load_chip(A100), rowwise_table(WIDE), folds=0).fits
    found = {number.name: number.value for number in fit.numbers}
    assert fit.error.mape < 0.005
    for name in ("kernel_s", "hbm_efficiency", "core_bandwidth_bytes_per_s", "block_bandwidth_bytes_per_s"):
        assert found[name] == pytest.approx(getattr(TRUE, name), rel=0.05), name


def test_rows_of_an_unknown_timing_are_fitted_with_a_note() -> None:
    table = rowwise_table(WIDE)
    found = refit(load_chip(A100), table.with_column("timing", ["stopwatch"] * len(table)), folds=0)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("timing 'stopwatch' is unknown; priced as a kernel with its launch")


def test_a_number_that_no_row_depends_on_is_called_undetermined() -> None:
    # Small products of few rows never saturate the memory.
    (fit,) = refit(load_chip(A100), rowwise_table([(m, 512) for m in range(1, 16)]), folds=0).fits
    numbers = {number.name: number for number in fit.numbers}
    assert not numbers["hbm_efficiency"].is_determined
    assert "not determined by these rows" in calibration_yaml(_refit_of(fit), A100)


def _refit_of(fit):
    from accelsim.validation.refit import Refit

    return Refit(load_chip(A100), parse_table("op\nadd\n" * 20, "made.csv"), (fit,), 0)


def test_shapes_left_out_are_predicted_within_twice_the_noise() -> None:
    # 5 % noise: the mean size of a normal error is 0.8 sigma = 4 %
    (fit,) = refit(load_chip(A100), rowwise_table(WIDE * 3, noise=0.05), folds=5).fits
    assert fit.error.mape == pytest.approx(0.04, abs=0.01)
    assert fit.unseen is not None
    assert fit.error.mape * 0.95 <= fit.unseen.mape < 0.08


def test_one_wrong_row_does_not_bend_the_fit_and_is_named_first() -> None:
    table = rowwise_table(WIDE)
    cells = table.text("time_s").copy()
    cells[7] = repr(10 * float(cells[7]))
    (fit,) = refit(load_chip(A100), table.with_column("time_s", cells), folds=0).fits
    assert fit.worst()[0] == 7
    assert np.median(np.abs(fit.predicted_s / fit.problem.measured_s - 1)) < 0.02


def test_the_written_file_is_a_chip_with_the_new_numbers(tmp_path) -> None:
    table = replace(rowwise_table(WIDE), sha256="ab" * 32)
    found = refit(load_chip(A100), table, folds=0)
    path = tmp_path / "mine.yaml"
    path.write_text(calibration_yaml(found, A100))
    mine, shipped = load_chip(str(path)), load_chip(A100)
    new = mine.calibrated("rowwise", RowwiseParameters)
    for number in found.fits[0].numbers:
        assert getattr(new, number.name) == pytest.approx(number.value, rel=1e-3)
    assert mine.calibration["gemm"] == shipped.calibration["gemm"]
    limits = mine.calibration["rowwise_range"]
    assert (limits["rows"], limits["width"], limits["points"]) == ([1, 32768], [512, 16384], 30)
    assert limits["data"] == "made.csv sha256:abababababababab"


def test_the_shipped_tpu_numbers_are_what_one_command_gives(tmp_path) -> None:
    from accelsim.validation.suites import calibration_table

    chip = load_chip("google-tpu-v4")
    found = refit(chip, calibration_table(chip.name), folds=0)
    path = tmp_path / "tpu.yaml"
    path.write_text(calibration_yaml(found, chip.name))
    again, shipped = (c.calibrated("systolic", SystolicParameters) for c in (load_chip(str(path)), chip))
    for number in found.fits[0].numbers:
        assert getattr(again, number.name) == pytest.approx(getattr(shipped, number.name), rel=0.02), number.name
        assert number.is_determined, number.name


@pytest.mark.parametrize("chip", ["nvidia-p4", "nvidia-t4"])
def test_the_shipped_numbers_of_a_gpu_are_what_the_command_gives(chip) -> None:
    from accelsim.validation.suites import calibration_table

    loaded = load_chip(chip)
    (found,) = refit(loaded, calibration_table(chip), ["elementwise"], folds=0).fits
    before_s = found.problem.predict({})
    assert found.predicted_s == pytest.approx(before_s, rel=0.02)
    assert found.error.mape == pytest.approx(found.before.mape, abs=0.002)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "gemm.matrix_efficiency",
            "5",
            r"matrix_efficiency: 5 is physically impossible. Allowed: a share above 0 and at",
        ),
        ("gemm.l2_efficiency", "2.5", r"Allowed: a share above 0 and at most 2\."),
        ("gemm.launch", "-1 us", r"launch: -1e-06 is physically impossible. Allowed: a time from 0 to 0.1 s"),
        ("rowwise.hbm_efficiency", "0", r"rowwise.hbm_efficiency: 0 is physically impossible"),
        ("rowwise.core_bandwidth", "0 GB/s", r"Allowed: a rate above 0"),
    ],
)
def test_a_calibrated_number_that_no_machine_can_have_is_refused(path, value, said) -> None:
    from accelsim import Prefill, simulate

    with pytest.raises(ConfigError, match=said):
        simulate("llama3-8b", A100, Prefill(1, 64), overrides=[(f"chip.calibration.{path}", value)], what_ifs=False)


@pytest.mark.parametrize(
    ("system", "path"),
    [("cerebras-cs2", "mesh.phase_cycles"), ("graphcore-m2000", "bsp.sync"), ("google-tpu-v4-pod:4", "systolic.step")],
)
def test_negative_costs_are_refused_by_every_cost_model(system, path) -> None:
    from accelsim import Prefill, simulate

    value = "-5" if path.endswith("cycles") else "-5 ns"
    with pytest.raises(ConfigError, match="impossible"):
        simulate(
            "llama3-8b", system, Prefill(1, 64), overrides=[(f"chip.calibration.{path}", value)], what_ifs=False,
            ignore_capacity=True,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "sections", "folds", "said"),
    [
        (WIDE, ["rowwize"], 0, "has no rows of 'rowwize'. It has: rowwise. Did you mean 'rowwise'?"),
        (WIDE, [], 1, "--folds: 1 parts cannot be left out in turn"),
        (WIDE[:4], [], 0, "4 rows of rowwise cannot determine 5 numbers and an error"),
    ],
)
def test_a_fit_that_cannot_be_made_says_why(rows, sections, folds, said) -> None:
    with pytest.raises(ConfigError) as caught:
        refit(load_chip(A100), rowwise_table(rows), sections, folds)
    assert said in str(caught.value)


def test_rows_of_other_hardware_are_not_taken_for_the_chips() -> None:
    table = parse_table(HEADER + "abacus,add,fp16,8,8,,,1e-6\n", "x.csv")
    with pytest.raises(ConfigError, match=f"x.csv: no row has hardware '{A100}'. Hardware here: abacus."):
        rows_of(load_chip(A100), table)


def test_a_cost_model_without_a_calibrator_is_refused() -> None:
    table = parse_table("op,dtype,m,n,time_s\nadd,fp16,8,8,1e-6\n", "x.csv")
    with pytest.raises(ConfigError, match=r"no calibration of cost model 'mesh'\. Known: gpu, systolic"):
        refit(load_chip("cerebras-wse2"), table)


def test_collectives_alone_determine_no_number_of_a_chip() -> None:
    table = parse_table("op,dtype,bytes,ranks,time_s\nallreduce,fp16,8,2,1e-6\n", "x.csv")
    with pytest.raises(ConfigError, match="no row determines a calibrated number"):
        refit(load_chip(A100), table)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("launch_s", 1.7741e-6, "1.774 us"),
        ("core_bandwidth_bytes_per_s", 36.44e9, "36.44 GB/s"),
        ("serial_fraction", 0.43212, "0.4321"),
        ("matrix_efficiency", 1.0, "1.0"),
        ("tile_rows", (16, 32), "[16, 32]"),
        ("packs_queries", True, "true"),
    ],
)
def test_numbers_are_written_with_their_unit(name, value, text) -> None:
    assert number_text(name, value) == text
