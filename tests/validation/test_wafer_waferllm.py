"""WSE-2 against the measurements of WaferLLM.

``python tests/validation/test_wafer_waferllm.py`` prints every row; with ``--fit`` it first calibrates the four
parameters anew (a minute), with ``--fit TEXT`` on the rows whose names lack TEXT, so that the others test the fit.

Operator costs are summed over the blocks of the workload (whole-chip execution runs them one after another), without
the event engine.  End-to-end rows are a prefill at its region, then one decode step after another at theirs, with the
context growing.  The regions of the MeshGEMV rows are not published: 660 x 660 is assumed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import pytest

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.config.validate import validate
from accelsim.cost.base import COST_MODELS, Region
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip
from accelsim.validation.kinds.models import model_of
from accelsim.workload.build import build_workload
from accelsim.workload.graph import Workload
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.phase import Decode, Prefill

ROW_LIMIT = 0.15
MEAN_LIMIT = 0.06
GEMV_REGION = Region(660, 660)
SAMPLED_STEPS = 16
CALIBRATED = ("function_cycles", "stage_cycles", "phase_cycles", "shift_step_cycles")


@dataclass(frozen=True)
class Case:
    """One measured row and how to predict it."""

    name: str
    measured_s: float
    predicted_s: Callable[[Chip], float]

    def error(self, chip: Chip) -> float:
        return self.predicted_s(chip) / self.measured_s - 1


def load_wse2() -> Chip:
    return validate(load_document(Catalog().find("chips", "cerebras-wse2")), Chip).spec


def pass_s(workload: Workload, chip: Chip, region: Region) -> float:
    """Seconds of one pass when its operators run one after another."""
    model = COST_MODELS.get(chip.cost_model)()
    return sum(
        segment.repeat * sum(model.cost(operator, chip, region).work_s for operator in segment.graph)
        for segment in workload.segments
    )


def _rows(name: str) -> Iterator[dict[str, str]]:
    with files("accelsim.validation").joinpath("data", name).open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def _region(text: str) -> Region:
    rows, cols = text.split("x")
    return Region(int(rows), int(cols))


def _case(row: dict[str, str]) -> Case:
    model, batch, prompt, steps = model_of(row), int(row["batch"]), int(row["prompt"]), int(row["steps"])

    @cache
    def passes() -> tuple[tuple[float, Workload, Region], ...]:
        """Weight, workload and region of each pass; decode steps are sampled, context grows linearly."""
        chosen: list[tuple[float, Workload, Region]] = []
        if row["phase"] != "decode":
            chosen.append((1.0, build_workload(model, Prefill(batch, prompt)), _region(row["prefill_grid"])))
        if row["phase"] != "prefill":
            samples = min(steps, SAMPLED_STEPS)
            for i in range(samples):
                context = prompt + (2 * i + 1) * steps // (2 * samples)
                workload = build_workload(model, Decode(batch, context))
                chosen.append((steps / samples, workload, _region(row["decode_grid"])))
        return tuple(chosen)

    region = "/".join(grid for grid in (row["prefill_grid"], row["decode_grid"]) if grid)
    name = f"{row['model']} {row['phase']} {region} prompt={prompt} steps={steps}"
    return Case(
        name, float(row["time_s"]), lambda chip: sum(w * pass_s(load, chip, where) for w, load, where in passes())
    )


def _gemv_case(row: dict[str, str]) -> Case:
    operator = Gemm.of(int(row["m"]), int(row["n"]), int(row["k"]), dtype=DType(row["dtype"]))

    def predicted_s(chip: Chip) -> float:
        return COST_MODELS.get(chip.cost_model)().cost(operator, chip, GEMV_REGION).work_s

    return Case(f"MeshGEMV k={row['k']} n={row['n']} {GEMV_REGION}", float(row["time_s"]), predicted_s)


CASES = [_case(row) for row in _rows("waferllm.csv")] + [_gemv_case(row) for row in _rows("waferllm_gemv.csv")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_each_waferllm_row_is_predicted_within_the_limit(case: Case) -> None:
    assert abs(case.error(load_wse2())) < ROW_LIMIT


def test_mean_error_over_all_waferllm_rows_is_within_the_limit() -> None:
    chip = load_wse2()
    assert np.mean([abs(case.error(chip)) for case in CASES]) < MEAN_LIMIT


def calibrated(chip: Chip, cases: list[Case]) -> Chip:
    """The chip with the calibrated parameters fitted to ``cases``: least squares on log time, soft-L1 loss."""
    from scipy.optimize import least_squares

    section = chip.calibration["mesh"]
    start = np.array([float(section[name]) for name in CALIBRATED])

    def with_values(values: np.ndarray) -> Chip:
        fitted = dict(zip(CALIBRATED, (float(value) for value in values), strict=True))
        return chip.model_copy(update={"calibration": {"mesh": {**section, **fitted}}})

    def residuals(values: np.ndarray) -> np.ndarray:
        candidate = with_values(values)
        return np.log([1 + case.error(candidate) for case in cases])

    best = least_squares(
        residuals, start, bounds=(0, np.inf), x_scale=start, loss="soft_l1", f_scale=0.1, diff_step=0.02, max_nfev=12
    )
    return with_values(best.x)


def main(arguments: list[str]) -> None:
    chip = load_wse2()
    if arguments[:1] == ["--fit"]:
        left_out = arguments[1] if len(arguments) > 1 else None
        chip = calibrated(chip, [case for case in CASES if left_out is None or left_out not in case.name])
        print({name: round(chip.calibration["mesh"][name], 1) for name in CALIBRATED})
    errors = []
    for case in CASES:
        predicted_s = case.predicted_s(chip)
        errors.append(predicted_s / case.measured_s - 1)
        print(f"{case.name:72} measured {case.measured_s:.4g} s  predicted {predicted_s:.4g} s  {errors[-1]:+6.1%}")
    print(f"mean {np.mean(np.abs(errors)):.1%}, largest {np.max(np.abs(errors)):.1%}, bias {np.mean(errors):+.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
