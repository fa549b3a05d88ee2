"""``accelsim calibrate``: refit the few calibrated numbers of a chip to measurements."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli.command import add_command

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from accelsim.cost.calibrate import ErrorSummary
    from accelsim.validation.refit import Refit, SectionFit


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "calibrate", calibrate)


def calibrate(
    chip: Annotated[str, typer.Argument(help="Chip, name or YAML; the search starts from its numbers.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="YAML to write: the chip with the new numbers.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="CSV with measurements; default: those the shipped chip was fitted to."),
    ] = None,
    section: Annotated[
        list[str] | None, typer.Option("--section", help="Fit this section alone; may be given often.")
    ] = None,
    folds: Annotated[int, typer.Option("--folds", help="Parts of the shapes left out in turn; 0 skips that.")] = 5,
) -> None:
    """Fit a chip's calibration; say how well the data determine each number and which rows disagree."""
    from accelsim.catalog import Catalog
    from accelsim.errors import ConfigError
    from accelsim.files import write_atomic
    from accelsim.hardware.system import load_chip
    from accelsim.validation.calibration_file import calibration_yaml
    from accelsim.validation.refit import refit
    from accelsim.validation.suites import calibration_table
    from accelsim.validation.table import read_table

    if not output.parent.is_dir():  # before minutes of fitting
        raise ConfigError(f"{output}: the folder {output.parent} does not exist. Make it, or choose another.")
    loaded = load_chip(chip)
    table = calibration_table(loaded.name) if data is None else read_table(data)
    found = refit(loaded, table, section or (), folds)
    base = chip if chip in Catalog().names("chips") else str(Path(chip).resolve())
    write_atomic(output, calibration_yaml(found, base))
    _print(found, output)


def _print(found: Refit, output: Path) -> None:
    from rich.markup import escape

    from accelsim.cli.render import make_console

    console = make_console()
    for fit in found.fits:
        console.print(_numbers(fit))
        console.print(f"before       {_errors(fit.before)}")
        console.print(f"fitted       {_errors(fit.error)}")
        if fit.unseen is not None:
            console.print(f"unseen shape {_errors(fit.unseen)}")
        for first, second, correlation in fit.correlated:
            console.print(f"[yellow]{first} and {second} act together: correlation {correlation:+.2f}[/]")
        console.print(_worst(found, fit), "")
    for note in found.notes:
        console.print(f"[yellow]{escape(note)}[/]")
    if found.num_unused:
        console.print(f"{found.num_unused} of {len(found.table)} rows took no part")
    console.print(f"written to {escape(str(output))}")


def _errors(summary: ErrorSummary) -> str:
    return " ".join(str(summary).split()).replace("%", " %")


def _numbers(fit: SectionFit) -> RichTable:
    from accelsim.cli.tables import make_table
    from accelsim.validation.calibration_file import number_text

    title = f"{fit.problem.section}: {len(fit.numbers)} numbers from {len(fit.problem.rows)} rows"
    table = make_table(title, ("number", "value", "+-", "was", ""))
    for number in fit.numbers:
        remark = "at its bound" if number.at_bound else "" if number.is_determined else "not determined"
        was = getattr(fit.problem.start, number.name)
        spread = f"{number.deviation:.0%}".replace("%", " %")
        table.add_row(
            number.name, number_text(number.name, number.value), spread, number_text(number.name, was), remark
        )
    return table


def _worst(found: Refit, fit: SectionFit) -> RichTable:
    from accelsim.cli.tables import make_table
    from accelsim.units import format_quantity

    table = make_table("rows that disagree most", ("where", "row", "measured", "predicted", "off"))
    for position in fit.worst():
        row = int(fit.problem.rows[position])
        measured, predicted = fit.problem.measured_s[position], fit.predicted_s[position]
        shape = " ".join(str(part) for part in _as_tuple(fit.problem.groups[position]))
        times = (format_quantity(float(seconds), "time") for seconds in (measured, predicted))
        off = f"{predicted / measured - 1:+.0%}".replace("%", " %")
        table.add_row(f"{found.table.file(row)}:{found.table.lines[row]}", shape, *times, off)
    return table


def _as_tuple(group: object) -> tuple[object, ...]:
    return group if isinstance(group, tuple) else (group,)
