"""A fitted calibration as a YAML that stands on the chip it was fitted for."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from accelsim.hardware.calibration import calibration_key
from accelsim.units import format_quantity
from accelsim.validation.refit import FittedNumber, Refit, SectionFit

_DIGITS = 4
_HASH_DIGITS = 16


def calibration_yaml(refit: Refit, base: str) -> str:
    """Text of a chip that extends ``base`` by the fitted sections, with errors, data hash and valid range.

    Args:
        refit: The fits.
        base: Name or path of the chip, as ``extends`` finds it.
    """
    table = refit.table
    lines = [
        f"# {refit.chip.name}, calibrated by `accelsim calibrate` from {table.name}",
        f"# sha256 of the data: {table.sha256 or 'see the manifest of the package'}",
        "# Robust least squares on the logarithm of time; *_range says where the data lie and the errors there.",
        f"extends: {quoted(base)}",
        "calibration:",
    ]
    for fit in refit.fits:
        files = ", ".join(dict.fromkeys(table.file(int(row)) for row in fit.problem.rows))
        lines += _section(fit, f"{files} sha256:{table.sha256[:_HASH_DIGITS]}" if table.sha256 else files)
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A YAML string in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


def number_text(name: str, value: Any) -> str:
    """Value of a field as a file writes it: with its unit where the name states one.

    Args:
        name: Name of the field, which says its dimension by its suffix.
        value: What it holds, in SI units.
    """
    dimension = calibration_key(name)[1]
    if isinstance(value, tuple):
        return f"[{', '.join(str(item) for item in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, float):
        return str(value)
    if dimension is None or dimension == "ratio":
        text = f"{value:.{_DIGITS}g}"
        return f"{text}.0" if text.isdecimal() else text  # a whole number would be a count
    return format_quantity(value, dimension, _DIGITS)


def _section(fit: SectionFit, data: str) -> Iterator[str]:
    problem, summary = fit.problem, fit.unseen or fit.error
    how = "cross-validated by shape" if fit.unseen else "on the fitted rows"
    yield f"  {problem.section}:  # {summary.points} rows, mean error {summary.mape:.1%} {how}"
    fitted = {number.name: number for number in fit.numbers}
    for field in dataclasses.fields(problem.start):
        key = calibration_key(field.name)[0]
        value = getattr(problem.start, field.name)
        if field.name in fitted:
            yield f"    {key}: {_sourced(fitted[field.name], data, len(problem.rows))}"
        elif key not in problem.valid and value != field.default:
            yield f"    {key}: {number_text(field.name, value)}"
    spans = [f"    {key}: [{', '.join(map(str, span))}]" for key, span in problem.valid.items()]
    yield from spans if problem.valid_inside else ()
    yield f"  {problem.section}_range:"
    yield from () if problem.valid_inside else spans
    yield f"    points: {summary.points}"
    yield f"    mape: {summary.mape:.3f}"
    yield f"    p90: {summary.p90:.3f}"
    yield f"    data: {quoted(data)}"


def _sourced(number: FittedNumber, data: str, rows: int) -> str:
    spread = f"+- {number.deviation:.0%}" if number.is_determined else "not determined by these rows"
    source = quoted(f"{rows} rows of {data}; {spread}")
    return f"{{value: {number_text(number.name, number.value)}, kind: calibrated, source: {source}}}"
