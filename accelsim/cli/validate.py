"""``accelsim validate``: how far predictions are from measurements, per suite, hardware and operator."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import checks
from accelsim.cli import options as o
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.validate_placement import PLACEMENT, Placing, judge_placers

if TYPE_CHECKING:
    from rich.console import Console

    from accelsim.validation.compare import ErrorRow, MeasuredComparison


_PLACING = Placing()
_NUMBERS = ("points", "MAPE", "median", "p90", "bias")
#: Columns of single rows that a narrow screen does without, the first to go first.
_LESS_NEEDED = ("date", "limit", "facts", "outside because", "types", "band", "metric")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "validate", validate)


@dataclass(frozen=True)
class Shown:
    """Where the errors go."""

    json_: o.JsonOption = None
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")] = False
    update: Annotated[
        list[Path] | None,
        typer.Option("--update", help="Renew the tables between the markers of a Markdown file; may be given often."),
    ] = None
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw predicted against measured times.", callback=checks.picture)
    ] = None
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Also errors by size of the work.")] = False


@dataclass(frozen=True)
class Ways:
    """What is done instead of comparing with measurements."""

    list_: Annotated[bool, typer.Option("--list", help="List the suites with their sources.")] = False
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Price every chip with the numbers of the vendor's other chips instead.")
    ] = False


@grouped
def validate(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SUITE]...", help="Suites; default: all. Or placement and its problems."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="CSV with time_s, or in the columns of SUITE; folder of placement problems."),
    ] = None,
    shown: Shown = Shown(),
    ways: Ways = Ways(),
    placing: Placing = _PLACING,
    strict: o.StrictOption = False,
) -> None:
    """Compare predictions with the measurements shipped with accelsim, or with your own.

    placement lays out public problems by the placers instead: assignment problems (qap), floorplans (floorplan),
    kernels on a wafer (wafer).
    """
    if ways.list_:
        _print_suites()
        return
    if names and names[0] == PLACEMENT:
        judge_placers(names[1:], data, placing, shown.json_)
        return
    found = _unseen(names or [], data) if ways.unseen else _comparisons(names or [], data)
    if strict:
        from accelsim.validation.predict import refuse_notes

        refuse_notes(f"{one.suite}: {note}" for one in found for note in one.notes)
    if shown.plot is not None:
        _draw(found, shown.plot)
    for page in shown.update or ():
        _renew(found, page)
    if shown.json_ is not None:
        _write_json(found, shown.json_, shown.verbose)
    if shown.markdown:
        from accelsim.validation.markdown import accuracy_table

        sys.stdout.write(accuracy_table(found))
    elif shown.json_ != "-":
        _print_tables(found, shown.verbose)


def _comparisons(names: list[str], data: Path | None) -> list[MeasuredComparison]:
    from accelsim.errors import ConfigError
    from accelsim.validation.compare import OWN_DATA, compare_table
    from accelsim.validation.suites import run_suite, run_suites
    from accelsim.validation.table import read_table

    if data is None:
        return run_suites(names)
    if not names:
        return [compare_table(OWN_DATA, read_table(data))]
    if len(names) > 1:
        raise ConfigError(f"--data: one suite says what the columns of the file are, got {', '.join(names)}.")
    return [run_suite(names[0], data=data)]


def _unseen(names: list[str], data: Path | None) -> list[MeasuredComparison]:
    from accelsim.errors import ConfigError
    from accelsim.validation.compare import OWN_DATA
    from accelsim.validation.suites import suite, suite_table
    from accelsim.validation.table import check_table, read_table
    from accelsim.validation.unseen import compare_unseen

    tables = {} if data is None else {OWN_DATA: read_table(data)}
    if not names and data is None:
        raise ConfigError("--unseen: name the suites, e.g. accelsim validate neusight --unseen.")
    for name in names:
        if suite(name).through != "operators":
            raise ConfigError(f"--unseen: {name} holds whole models. Name suites of operators.")
        tables[name] = suite_table(name)
    for table in tables.values():
        check_table(table, measured=True)
    return [compare_unseen(f"{name}, unseen", table) for name, table in tables.items()]


def _write_json(found: Sequence[MeasuredComparison], json_: str, verbose: bool) -> None:
    from accelsim.files import write_atomic
    from accelsim.validation.compare import to_dict

    text = json.dumps(to_dict(found, by_size=verbose), indent=2) + "\n"
    if json_ == "-":
        sys.stdout.write(text)
    else:
        write_atomic(Path(json_), text)


def _renew(found: Sequence[MeasuredComparison], path: Path) -> None:
    from accelsim.files import write_atomic
    from accelsim.reading import read_text
    from accelsim.validation.markdown import renewed

    write_atomic(path, renewed(read_text(path), found, str(path)))


def _draw(found: Sequence[MeasuredComparison], path: Path) -> None:
    from accelsim.results.plots.picture import save_picture
    from accelsim.results.plots.validation import plot_validation
    from accelsim.validation.compare import series

    scatter, _ = plot_validation(series(found), title=", ".join(one.suite for one in found))
    save_picture(scatter, path)


def _print_suites() -> None:
    from accelsim.cli.render import make_console
    from accelsim.validation.suites import suites

    console = make_console()
    for name, spec in suites().items():
        console.print(f"[bold]{name}[/]  {spec.title}. {spec.source} ({spec.licence})", soft_wrap=True)
    console.print(f"[bold]{PLACEMENT}[/]  Public placement problems, laid out by the placers.", soft_wrap=True)


def _print_tables(found: Sequence[MeasuredComparison], verbose: bool) -> None:

    from accelsim.cli.render import make_console
    from accelsim.cli.tables import print_entry

    console = make_console()
    _print_errors(console, found, by_size=False)
    if verbose:
        _print_errors(console, found, by_size=True)
        _print_details(console, found)
    for one in found:
        if one.num_unpriced:
            text = f"{one.num_unpriced} of {len(one.labels)} rows have no prediction"
            print_entry(console, f"{one.suite}:", text, style="yellow")
        for note in one.notes:
            print_entry(console, f"{one.suite}:", str(note), style="yellow")


def _print_errors(console: Console, found: Sequence[MeasuredComparison], by_size: bool) -> None:
    """One table per suite."""
    from accelsim.cli.tables import Columns, fitted_table

    columns = Columns(("hardware", "operator", "type", "size", *_NUMBERS), _NUMBERS, gap=1)
    what = "by size: thirds of the points, by work" if by_size else "errors against measurements"
    for one in found:
        rows = [_cells(row) for row in one.rows(by_size=by_size)]
        if rows:
            console.print(fitted_table(console, f"{one.suite}: {what}", columns, rows), "")


def _print_details(console: Console, found: Sequence[MeasuredComparison]) -> None:
    """The single rows of suites that have something to say of each."""
    from accelsim.cli.tables import Columns, fitted_table

    for one in (comparison for comparison in found if comparison.details):
        columns = Columns(tuple(one.details[0]), optional=_LESS_NEEDED, gap=1)
        rows = [dict(row) for row in one.details]
        console.print(fitted_table(console, f"{one.suite}: row by row", columns, rows), "")


def _cells(row: ErrorRow) -> dict[str, str]:
    from accelsim.results.format import change_text, percent_text

    s = row.summary
    errors = (percent_text(value) for value in (s.mape, s.median, s.p90))
    labels = {"hardware": row.hardware, "operator": row.op, "type": row.dtype, "size": row.size}
    return {**labels, **dict(zip(_NUMBERS, (f"{s.points}", *errors, change_text(s.bias)), strict=True))}
