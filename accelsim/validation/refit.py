"""Refit the few calibrated numbers of a chip to measured rows, and say how far the data determine them.

Each section is fitted alone: robust least squares on the logarithm of time within physical bounds (by the cost model's
own fitting code).  The fit is then repeated without a fifth of the shapes, five times, to predict shapes it never saw.
Identifiability comes from the curvature at the optimum: a relative standard deviation per number, and pairs of numbers
that only act together.  Not done: weights of rows, choice between forms of a model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from accelsim.cost.calibrate import ErrorSummary
from accelsim.errors import ConfigError
from accelsim.hardware.chip import Chip
from accelsim.registry import did_you_mean
from accelsim.validation.calibrators.base import CALIBRATORS, Array, Problem, Values
from accelsim.validation.rigs import our_name, rig_of
from accelsim.validation.table import Rows, Table, check_table

FOLDS = 5
#: Pairs of numbers with a correlation beyond it are told: the data see little but their combination.
CORRELATED = 0.9
#: Relative deviation beyond which a number counts as not determined.
UNDETERMINED = 0.5
_STEP = 1e-2  # of the logarithm; the choice of tiles makes predictions piecewise smooth only
_AT_BOUND = 1e-3
_SEED = 0


@dataclass(frozen=True, slots=True)
class FittedNumber:
    """One calibrated number.

    Attributes:
        name: Field of the parameter dataclass.
        value: Fitted value, in SI units.
        deviation: Relative standard deviation; infinite where the data do not depend on the number.
        at_bound: Whether it ended at a bound of what is physically possible.
    """

    name: str
    value: float
    deviation: float
    at_bound: bool

    @property
    def is_determined(self) -> bool:
        """Whether the data say what it is."""
        return self.deviation <= UNDETERMINED and not self.at_bound


@dataclass(frozen=True, eq=False)
class SectionFit:
    """A section of the calibration after its fit.

    Attributes:
        problem: What was fitted.
        numbers: The fitted numbers.
        correlated: Pairs of numbers and their correlation, where it is high.
        before: Errors of the numbers the chip had.
        error: Errors of the fit.
        unseen: Errors on shapes that the fit did not see; None where that was not asked for.
        predicted_s: Seconds of the rows by the fit.
    """

    problem: Problem
    numbers: tuple[FittedNumber, ...]
    correlated: tuple[tuple[str, str, float], ...]
    before: ErrorSummary
    error: ErrorSummary
    unseen: ErrorSummary | None
    predicted_s: Array

    def worst(self, most: int = 5) -> list[int]:
        """Positions of the rows that disagree most, by factor."""
        factor = np.abs(np.log(self.predicted_s / self.problem.measured_s))
        return [int(i) for i in np.argsort(-factor, kind="stable")[:most]]


@dataclass(frozen=True, eq=False)
class Refit:
    """All sections of one chip.

    Attributes:
        chip: The chip before the fit.
        table: Its rows.
        fits: One per section.
        num_unused: Rows that took no part.
        notes: What to know of the rows.
    """

    chip: Chip
    table: Table
    fits: tuple[SectionFit, ...]
    num_unused: int
    notes: tuple[str, ...] = ()


def rows_of(chip: Chip, table: Table) -> Table:
    """The rows measured on ``chip``; all of them when the table does not say.

    Args:
        chip: The chip that is to be calibrated.
        table: Measured rows, perhaps of several chips; its hardware names need not be ours.

    Raises:
        ConfigError: There are none.
    """
    if "hardware" not in table.columns:
        return table
    names = table.text("hardware")
    found = table.take(row for row, name in enumerate(names) if our_name(name) == chip.name)
    if not len(found):
        here = ", ".join(dict.fromkeys(names))
        raise ConfigError(f"{table.name}: no row has hardware {chip.name!r}. Hardware here: {here}.")
    return found


def refit(chip: Chip, table: Table, sections: Iterable[str] = (), folds: int = FOLDS) -> Refit:
    """Fit the sections that ``table`` has rows of.

    Args:
        chip: Its numbers are where the search starts and what stays where there are no rows.
        table: Measured rows.
        sections: Fit these alone; none means all.
        folds: Parts of the shapes left out in turn; 0 skips that.

    Raises:
        ConfigError: A bad cell, no row of this chip or of a section, fewer rows than numbers, or a cost model that has
            no calibrator.
    """
    check_table(table, measured=True, hardware=False)
    if folds == 1 or folds < 0:
        raise ConfigError(f"--folds: {folds} parts cannot be left out in turn. Use 2 or more, or 0 to skip that.")
    if chip.cost_model not in CALIBRATORS:
        known = ", ".join(CALIBRATORS.names())
        raise ConfigError(f"chip {chip.name}: no calibration of cost model {chip.cost_model!r}. Known: {known}.")
    mine = rows_of(chip, table)
    problems = CALIBRATORS.get(chip.cost_model)().problems(chip, mine)
    if not problems:
        raise ConfigError(f"{table.name}: no row determines a calibrated number of {chip.name}.")
    problems = _chosen(problems, list(sections), table.name)
    too_few = [_too_few(problem) for problem in problems if len(problem.rows) <= len(problem.free)]
    if too_few and (sections or len(too_few) == len(problems)):
        raise ConfigError(f"{table.name}: {too_few[0]}. Give more rows, or fit other sections with --section.")
    problems = [problem for problem in problems if len(problem.rows) > len(problem.free)]
    fits = tuple(_fit(problem, folds) for problem in problems)
    unused = len(mine) - sum(len(problem.rows) for problem in problems)
    notes = tuple(note for timing in dict.fromkeys(mine.text("timing")) if (note := rig_of(timing, "").note))
    return Refit(chip, mine, fits, unused, (*notes, *(f"{text}: left as it is" for text in too_few)))


def _too_few(problem: Problem) -> str:
    rows, numbers = len(problem.rows), len(problem.free)
    return f"{rows} rows of {problem.section} cannot determine {numbers} numbers and an error"


def _chosen(problems: list[Problem], sections: Sequence[str], name: str) -> list[Problem]:
    known = [problem.section for problem in problems]
    for section in sections:
        if section not in known:
            raise ConfigError(
                f"--section: {name} has no rows of {section!r}. It has: {', '.join(known)}."
                f"{did_you_mean(section, known)}"
            )
    return [problem for problem in problems if not sections or problem.section in sections]


def _fit(problem: Problem, folds: int) -> SectionFit:
    values = problem.solve(np.arange(len(problem.rows)))
    predicted = problem.predict(values)
    deviations, correlated = _identifiability(problem, values)
    numbers = []
    for free, deviation in zip(problem.free, deviations, strict=True):
        value = values[free.name]
        at_bound = min(abs(np.log(value / free.low)), abs(np.log(value / free.high))) < _AT_BOUND
        numbers.append(FittedNumber(free.name, value, deviation, bool(at_bound)))
    return SectionFit(
        problem,
        tuple(numbers),
        correlated,
        before=ErrorSummary.of(problem.predict({}), problem.measured_s),
        error=ErrorSummary.of(predicted, problem.measured_s),
        unseen=ErrorSummary.of(_unseen(problem, folds), problem.measured_s) if folds else None,
        predicted_s=predicted,
    )


def _unseen(problem: Problem, folds: int) -> Array:
    """Seconds of every row by a fit without its shape."""
    labels = {label: i for i, label in enumerate(dict.fromkeys(problem.groups))}
    part = np.random.default_rng(_SEED).permutation(len(labels)) % folds
    fold = part[[labels[label] for label in problem.groups]]
    predicted = np.zeros(len(problem.rows))
    for left_out in range(folds):
        unseen = fold == left_out
        if unseen.any():
            predicted[unseen] = problem.predict(problem.solve(_where(~unseen)))[unseen]
    return predicted


def _where(chosen: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Rows:
    return np.flatnonzero(chosen)


def _identifiability(problem: Problem, values: Values) -> tuple[list[float], tuple[tuple[str, str, float], ...]]:
    """Relative standard deviation of each number, and pairs with a high correlation."""
    names = [free.name for free in problem.free]
    columns = []
    for name in names:
        up, down = (problem.predict({**values, name: values[name] * np.exp(side * _STEP)}) for side in (1.0, -1.0))
        columns.append(np.log(up / down) / (2.0 * _STEP))
    slopes = np.stack(columns, axis=1)
    residuals = np.log(problem.predict(values) / problem.measured_s)
    seen = np.abs(slopes).max(axis=0) > 1e-9
    covariance = np.linalg.pinv(slopes[:, seen].T @ slopes[:, seen])
    covariance = covariance * float(residuals @ residuals) / max(1, len(residuals) - int(seen.sum()))
    sigma = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    deviations = np.full(len(names), np.inf)
    deviations[seen] = sigma
    correlation = covariance / np.outer(sigma, sigma)
    known = [name for name, is_seen in zip(names, seen, strict=True) if is_seen]
    pairs = [
        (known[i], known[j], float(correlation[i, j]))
        for i in range(len(known))
        for j in range(i)
        if abs(correlation[i, j]) > CORRELATED
    ]
    return [float(deviation) for deviation in deviations], tuple(pairs)
