"""Predictions against measurements: errors per hardware, operator and element type, and by size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from accelsim.cost.calibrate import ErrorSummary
from accelsim.cost.measured import Array
from accelsim.units import format_quantity
from accelsim.validation.machines import Machines
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.predict import Note, predict
from accelsim.validation.rigs import rig_of
from accelsim.validation.table import MEASURED, Table, check_table

#: Name of a comparison with the user's own measurements.
OWN_DATA = "data"
SIZES = ("small", "medium", "large")
#: Rows that are this many steps of their source's rounding long are not concerned by it.
MANY_STEPS = 50


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """Errors of one operator and element type on one hardware; fractions, not percent.

    Attributes:
        suite: Where the measurements come from.
        hardware: As the table spells it.
        op: Operator.
        dtype: Element type.
        size: Blank, or ``small``, ``medium``, ``large``: a third of the points each, by work.
        summary: The errors.
    """

    suite: str
    hardware: str
    op: str
    dtype: str
    size: str
    summary: ErrorSummary

    def to_dict(self) -> dict[str, Any]:
        """Plain values; the keys are a contract."""
        found: dict[str, Any] = {"suite": self.suite, "hardware": self.hardware, "op": self.op, "dtype": self.dtype}
        if self.size:
            found["size"] = self.size
        return {**found, **errors_to_dict(self.summary)}


def errors_to_dict(s: ErrorSummary) -> dict[str, Any]:
    """A summary as plain values; the keys are a contract."""
    return {"points": s.points, "mape": s.mape, "median_ape": s.median, "p90_ape": s.p90, "bias": s.bias}


@dataclass(frozen=True, eq=False)
class MeasuredComparison:
    """Predicted and measured seconds of the rows of one suite.

    Attributes:
        suite: Its name.
        labels: (hardware, op, dtype) of each row.
        work: Work of each row, in a unit that is the same within one operator.
        predicted_s: Seconds, NaN where nothing prices the row.
        measured_s: Seconds.
        notes: What to know.
        unit: Of both numbers; ``s``, or ``B`` where the rows are peaks of memory.
        details: A table of single rows, cells by heading, where the suite has something to say of each.
    """

    suite: str
    labels: Sequence[tuple[str, str, str]]
    work: Array
    predicted_s: Array
    measured_s: Array
    notes: tuple[Note, ...] = ()
    unit: str = "s"
    details: Sequence[Mapping[str, str]] = ()

    @property
    def num_unpriced(self) -> int:
        """Rows without a prediction."""
        return int(np.isnan(self.predicted_s).sum())

    def rows(self, by_size: bool = False) -> list[ErrorRow]:
        """Errors by label, sorted; with ``by_size`` each label is divided into thirds by work."""
        found = []
        for label, index in sorted(self._by_label().items()):
            if not by_size:
                found.append(self._row(label, "", index))
                continue
            ordered = index[np.argsort(self.work[index], kind="stable")]
            for size, part in zip(SIZES, np.array_split(ordered, len(SIZES)), strict=True):
                if part.size:
                    found.append(self._row(label, size, part))
        return found

    def summary(self) -> ErrorSummary | None:
        """Errors over all rows that have a prediction, None where none has."""
        priced = np.flatnonzero(~np.isnan(self.predicted_s))
        return ErrorSummary.of(self.predicted_s[priced], self.measured_s[priced]) if priced.size else None

    def _by_label(self) -> Mapping[tuple[str, str, str], Any]:
        found: dict[tuple[str, str, str], list[int]] = {}
        for row in np.flatnonzero(~np.isnan(self.predicted_s)).tolist():
            found.setdefault(self.labels[row], []).append(row)
        return {label: np.array(rows, dtype=np.intp) for label, rows in found.items()}

    def _row(self, label: tuple[str, str, str], size: str, index: Any) -> ErrorRow:
        summary = ErrorSummary.of(self.predicted_s[index], self.measured_s[index])
        return ErrorRow(self.suite, *label, size, summary)


def compare_table(suite: str, table: Table, machines: Machines | None = None) -> MeasuredComparison:
    """A measured table against the cost models.

    Args:
        suite: Name that the rows of errors carry.
        table: Shapes with their measured seconds.
        machines: Chips and systems by the hardware names of the table; None: those of the catalog.

    Raises:
        ConfigError: A cell that cannot be meant, or no row that can be priced.
    """
    check_table(table, measured=True)
    prediction = predict(table, machines)
    return comparison_of(suite, table, prediction.seconds, prediction.notes)


def comparison_of(suite: str, table: Table, predicted_s: Array, notes: tuple[Note, ...] = ()) -> MeasuredComparison:
    """Some predictions beside the times of a checked table.

    Args:
        suite: Name that the rows of errors carry.
        table: A table that passed :func:`~accelsim.validation.table.check_table`.
        predicted_s: Seconds of each row, NaN where it has no price. float64[rows].
        notes: What the pricing has to tell of groups of rows.
    """
    every = np.arange(len(table))
    work = np.zeros(len(table))
    for (_, op, _, _), rows in table.groups().items():
        work[rows] = OPERATIONS[op].work(table.extents(op, rows))
    labels = list(zip(table.text("hardware"), table.text("op"), table.text("dtype"), strict=True))
    measured = table.numbers(MEASURED, every)
    notes = (*notes, *_rounding_notes(table, predicted_s, measured))
    return MeasuredComparison(suite, labels, work, predicted_s, measured, notes)


def _rounding_notes(table: Table, predicted_s: Array, measured_s: Array) -> list[Note]:
    """Errors with predictions rounded as the source rounded its times, where short times make that matter."""
    notes = []
    for (hardware, op, dtype, timing), rows in table.groups().items():
        step = rig_of(timing, op, hardware).rig.rounds_s
        rows = rows[~np.isnan(predicted_s[rows])]
        if not step or not rows.size or np.median(measured_s[rows]) > MANY_STEPS * step:
            continue
        rounded = np.maximum(np.round(predicted_s[rows] / step), 1.0) * step
        error = ErrorSummary.of(rounded, measured_s[rows])
        text = (
            f"the source rounds to {format_quantity(step, 'time', 3)}; with predictions rounded alike the mean error "
            f"is {100 * error.mape:.1f} %, the median {100 * error.median:.1f} %"
        )
        notes.append(Note(hardware, op, dtype, int(rows.size), False, text))
    return notes


def series(comparisons: Sequence[MeasuredComparison], most: int = 16) -> dict[str, tuple[Array, Array]]:
    """Predicted and measured seconds of the priced rows by name, for a picture.

    A name says suite, hardware, operator and type; or suite and operator; or the suite alone: the first of these that
    gives at most ``most`` names.

    Args:
        comparisons: One or several suites; those that do not measure seconds are left out.
        most: How many names a picture can show.
    """
    for kept in ((0, 1, 2), (1,), ()):
        found: dict[str, list[tuple[float, float]]] = {}
        for one in (comparison for comparison in comparisons if comparison.unit == "s"):
            for label, predicted, measured in zip(one.labels, one.predicted_s, one.measured_s, strict=True):
                if not np.isnan(predicted):
                    name = " ".join([one.suite, *(label[i] for i in kept)])
                    found.setdefault(name, []).append((float(predicted), float(measured)))
        if len(found) <= most:
            break
    pairs = {name: np.array(points) for name, points in found.items()}
    return {name: (points[:, 0], points[:, 1]) for name, points in pairs.items()}


def to_dict(comparisons: Iterable[MeasuredComparison], by_size: bool = False) -> dict[str, Any]:
    """All of several comparisons as plain values for JSON.

    Args:
        comparisons: One or several suites, in the order of the output.
        by_size: Also give errors by size of the work, under ``sizes``.
    """
    comparisons = list(comparisons)
    found: dict[str, Any] = {"rows": [row.to_dict() for one in comparisons for row in one.rows()]}
    totals = [(one.suite, one.summary()) for one in comparisons]
    found["suites"] = [{"suite": suite, **errors_to_dict(total)} for suite, total in totals if total is not None]
    if by_size:
        found["sizes"] = [row.to_dict() for one in comparisons for row in one.rows(by_size=True)]
    if details := {one.suite: [dict(row) for row in one.details] for one in comparisons if one.details}:
        found["details"] = details
    found["points"] = sum(len(one.labels) for one in comparisons)
    found["unpriced"] = sum(one.num_unpriced for one in comparisons)
    found["notes"] = [
        {
            "suite": one.suite,
            "hardware": note.hardware,
            "op": note.op,
            "dtype": note.dtype,
            "points": note.points,
            "unpriced": note.unpriced,
            "text": note.text,
        }
        for one in comparisons
        for note in one.notes
    ]
    return found
