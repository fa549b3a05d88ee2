"""The measured rows that a shipped section of a GPU's calibration was fitted to."""

from __future__ import annotations

import numpy as np

from accelsim.cost.calibrate import ErrorSummary, cross_validate
from accelsim.hardware.chip import Chip
from accelsim.validation.calibrators.base import CALIBRATORS, Problem
from accelsim.validation.rigs import our_name
from accelsim.validation.suites import suite_table, suites
from accelsim.validation.table import joined

#: Suites of one chip and library each; NeuSight's rows, of ten chips, are compared by themselves.
_APART = ("neusight",)


def shipped(chip: Chip, section: str) -> Problem:
    """The rows of a section and what the chip says of them."""
    parts = []
    for name, spec in suites().items():
        if spec.calibrates and name not in _APART:
            table = suite_table(name)
            pairs = zip(table.text("hardware"), table.text("op"), strict=True)
            rows = [i for i, (on, op) in enumerate(pairs) if our_name(on) == chip.name and op in spec.calibrates]
            parts += [table.take(rows)] if rows else []
    problems = CALIBRATORS.get(chip.cost_model)().problems(chip, joined(parts))
    return next(problem for problem in problems if problem.section == section)


def error_of(problem: Problem) -> ErrorSummary:
    """Errors of the shipped numbers."""
    return ErrorSummary.of(problem.predict({}), problem.measured_s)


def refitted_error(problem: Problem) -> ErrorSummary:
    """Errors of numbers fitted anew."""
    values = problem.solve(np.arange(len(problem.rows)))
    return ErrorSummary.of(problem.predict(values), problem.measured_s)


def unseen_error(problem: Problem) -> ErrorSummary:
    """Errors of predictions by fits that never saw the row's shape."""
    predicted = cross_validate(
        lambda values, index: problem.predict(values)[index], problem.measured_s, problem.free, problem.groups
    )
    return ErrorSummary.of(predicted, problem.measured_s)
