"""The accuracy tables of the documentation, long, short and of single rows: made, put into a file, read back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from accelsim.cost.calibrate import ErrorSummary
from accelsim.errors import ConfigError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.operations import OPERATIONS

BEGIN = "<!-- accuracy: begin (made by `accelsim validate --update FILE`) -->"
END = "<!-- accuracy: end -->"
BEGIN_SHORT = "<!-- accuracy, short: begin (made by `accelsim validate --update FILE`) -->"
END_SHORT = "<!-- accuracy, short: end -->"
_HEADER = "| suite | hardware | operator | type | points | MAPE | median | p90 | bias |"
_RULE = "|---|---|---|---|--:|--:|--:|--:|--:|"
_SHORT_HEADER = "| suite | operators | hardware (number) | points | MAPE | median | bias | MAPE of its parts |"
_SHORT_RULE = "|---|---|---|--:|--:|--:|--:|--:|"


def accuracy_table(comparisons: Sequence[MeasuredComparison]) -> str:
    """Errors in percent as a Markdown table, with a line on what has no prediction."""
    lines = [_HEADER, _RULE]
    for one in comparisons:
        for row in one.rows():
            s = row.summary
            errors = " | ".join(f"{100 * value:.1f}" for value in (s.mape, s.median, s.p90))
            labels = f"{row.suite} | {row.hardware} | {row.op} | {row.dtype}"
            lines.append(f"| {labels} | {s.points} | {errors} | {100 * s.bias:+.1f} |")
    missing = [f"{one.suite} {one.num_unpriced} of {len(one.labels)}" for one in comparisons if one.num_unpriced]
    lines += ["", f"Rows without a prediction: {', '.join(missing) or 'none'}."]
    return "\n".join(lines) + "\n"


def short_table(comparisons: Sequence[MeasuredComparison]) -> str:
    """Errors in percent per suite, kind of operator and vendor, as a Markdown table."""
    lines = [_SHORT_HEADER, _SHORT_RULE]
    for one in comparisons:
        groups: dict[tuple[str, str], list[int]] = {}
        for row in np.flatnonzero(~np.isnan(one.predicted_s)).tolist():
            hardware, op, _ = one.labels[row]
            groups.setdefault((_kind(op), re.split("[- ]", hardware)[0]), []).append(row)
        single = {(row.hardware, row.op, row.dtype): row.summary.mape for row in one.rows()}
        for (kind, vendor), rows in sorted(groups.items()):
            s = ErrorSummary.of(one.predicted_s[rows], one.measured_s[rows])
            names = {one.labels[row] for row in rows}
            count = len({hardware for hardware, _, _ in names})
            span = [100 * single[name] for name in names]
            labels = f"{one.suite} | {kind} | {vendor} ({count})"
            errors = f"{100 * s.mape:.1f} | {100 * s.median:.1f} | {100 * s.bias:+.1f}"
            lines.append(f"| {labels} | {s.points} | {errors} | {min(span):.1f} to {max(span):.1f} |")
    return "\n".join(lines) + "\n"


def detail_table(comparison: MeasuredComparison) -> str:
    """The single rows of a suite as a Markdown table, then what is left out and why."""
    headings = list(comparison.details[0])
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    lines += [f"| {' | '.join(row[heading] for heading in headings)} |" for row in comparison.details]
    lines += ["", *(f"- {note}." for note in comparison.notes)]
    return "\n".join(lines) + "\n"


def detail_markers(suite: str) -> tuple[str, str]:
    """The two lines of a page between which the single rows of a suite stand."""
    return (
        f"<!-- rows of {suite}: begin (made by `accelsim validate --update FILE`) -->",
        f"<!-- rows of {suite}: end -->",
    )


def _kind(op: str) -> str:
    """What a short table counts an operator as; one of a forced algorithm as what it is (``all_reduce/Ring``)."""
    name = op.partition("/")[0]
    return OPERATIONS[name].kind if name in OPERATIONS else "whole models"


def renewed(text: str, comparisons: Sequence[MeasuredComparison], name: str) -> str:
    """``text`` with the accuracy tables that it has replaced.

    Args:
        text: A page that has the markers of the long table, of the short one, or of the single rows of a suite.
        comparisons: All shipped suites, or those whose single rows the page holds.
        name: Of the page, for the error.

    Raises:
        ConfigError: It has none.
    """
    marked = [one for one in comparisons if one.details and detail_markers(one.suite)[0] in text]
    for one in marked:
        text = _replaced(text, *detail_markers(one.suite), detail_table(one), name)
    if marked and BEGIN not in text:
        return text
    if BEGIN_SHORT in text:
        text = _replaced(text, BEGIN_SHORT, END_SHORT, short_table(comparisons), name)
        if BEGIN not in text:
            return text
    return _replaced(text, BEGIN, END, accuracy_table(comparisons), name)


def _replaced(text: str, begin: str, end: str, table: str, name: str) -> str:
    before, begins, rest = text.partition(begin)
    _, ends, after = rest.partition(end)
    if not begins or not ends:
        raise ConfigError(f"{name}: has no accuracy table. Put these two lines where it belongs:\n{begin}\n{end}")
    return f"{before}{begin}\n{table}{end}{after}"


def recorded_rows(text: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Points, MAPE, median, p90 and bias (in percent) by suite, hardware, operator and type, from a Markdown text."""
    rows = _cells(text, BEGIN, END)
    return {tuple(row[:4]): tuple(float(cell) for cell in row[4:]) for row in rows[2:]}


def recorded_short_rows(text: str) -> dict[tuple[str, ...], tuple[float, ...]]:
    """Points, MAPE, median and bias (in percent) by suite, kind of operator and vendor, from a Markdown text."""
    rows = _cells(text, BEGIN_SHORT, END_SHORT)
    return {tuple(row[:3]): tuple(float(cell) for cell in row[3:7]) for row in rows[2:]}


def _cells(text: str, begin: str, end: str) -> list[list[str]]:
    block = text.partition(begin)[2].partition(end)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines() if line[:1] == "|"]
