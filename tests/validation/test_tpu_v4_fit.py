"""The shipped TPU v4 calibration is the outcome of a fit; ``python tests/validation/test_tpu_v4_fit.py`` repeats it.

Prints the fitted numbers with their deviations, and the errors fitted and cross-validated by shape.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.config.validate import validate
from accelsim.cost.systolic.fit import FITTED, MeasuredModules, cross_validated_errors, fit_parameters
from accelsim.cost.systolic.parameters import SystolicMachine, SystolicParameters
from accelsim.dtypes import DType
from accelsim.hardware.chip import Chip

#: op: (arrays moved, operations per element, reduces)
ROW_OPERATORS = {"gemm": (0, 0, False), "add": (3, 1, False), "layernorm": (2, 7, True)}
#: A start far from the outcome, so that finding the shipped numbers means something.
ELSEWHERE = {
    "launch_s": 2e-6,
    "second_core_s": 8e-6,
    "step_s": 3e-7,
    "core_hbm_share": 0.7,
    "matrix_efficiency": 0.7,
    "conversion_ops": 2.0,
    "reduction_setup_s": 2e-6,
    "reduction_s": 3e-8,
}
CROSS_VALIDATED_LIMIT = {"gemm": 0.075, "add": 0.035, "layernorm": 0.055}


def measured() -> tuple[np.ndarray, MeasuredModules]:
    text = (files("accelsim.validation") / "data" / "tpu_v4_ops.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    ops = np.array([row["op"] for row in rows])
    operands, flops, reduces = (np.array(column) for column in zip(*(ROW_OPERATORS[op] for op in ops), strict=True))
    m, n, k, time_s = (np.array([float(row[key] or 1) for row in rows]) for key in ("m", "n", "k", "time_s"))
    return ops, MeasuredModules(ops == "gemm", m, n, k, operands.astype(float), flops.astype(float), reduces, time_s)


def shipped() -> tuple[SystolicMachine, SystolicParameters]:
    chip = validate(load_document(Catalog().find("chips", "google-tpu-v4")), Chip).spec
    parameters = chip.calibrated("systolic", SystolicParameters)
    return SystolicMachine.of(chip, DType.FP16, chip.num_cores, parameters), parameters


def test_the_shipped_numbers_are_what_the_fit_finds() -> None:
    machine, parameters = shipped()
    fit = fit_parameters(measured()[1], machine, replace(parameters, **ELSEWHERE))
    for name in FITTED:
        assert getattr(fit.parameters, name) == pytest.approx(getattr(parameters, name), rel=0.02), name
        assert fit.relative_deviation[name] < 0.25, f"{name} is not identifiable"


def test_shapes_the_fit_never_saw_are_predicted_nearly_as_well() -> None:
    machine, parameters = shipped()
    ops, modules = measured()
    errors = np.abs(cross_validated_errors(modules, machine, parameters))
    for op, limit in CROSS_VALIDATED_LIMIT.items():
        assert errors[ops == op].mean() < limit, op


def main() -> None:
    machine, parameters = shipped()
    ops, modules = measured()
    fit = fit_parameters(modules, machine, parameters)
    for name, deviation in fit.relative_deviation.items():
        print(f"{name:20} {getattr(fit.parameters, name):12.4g}  +- {deviation:.1%}")
    held_out = cross_validated_errors(modules, machine, parameters)
    for op in CROSS_VALIDATED_LIMIT:
        fitted, unseen = (np.abs(errors[ops == op]) for errors in (fit.errors, held_out))
        print(
            f"{op:10} fitted {fitted.mean():.1%}  unseen: mean {unseen.mean():.1%}, median {np.median(unseen):.1%}, ",
            end="",
        )
        print(f"p90 {np.quantile(unseen, 0.9):.1%}, bias {held_out[ops == op].mean():+.1%}")


if __name__ == "__main__":
    main()
