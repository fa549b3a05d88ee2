"""``accelsim run``: simulate one phase of a model on one system, or on one machine of each class."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.results.result import Result


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


@takes_case(model=o.DEFAULT_MODEL)
def run(
    stated: Stated,
    execution: Annotated[
        str | None, typer.Option("--execution", help="How chips run their share: see accelsim show executions.")
    ] = None,
    placer: Annotated[
        str | None, typer.Option("--placer", help="Who finds the rectangles of spatial execution.")
    ] = None,
    json_: o.JsonOption = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write a Chrome/Perfetto trace; .gz is compressed.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write one self-contained HTML page.")] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write result.json and every table into a folder.")
    ] = None,
    save_case: Annotated[
        Path | None, typer.Option("--save-case", help="Write what is asked for as a file to run again.")
    ] = None,
    tables: Annotated[str, typer.Option("--tables", help="Format of --save: auto, csv or parquet.")] = "auto",
    price_per_chip_hour: Annotated[
        float | None, typer.Option("--price-per-chip-hour", help="Price of a chip-hour, any currency: adds the cost.")
    ] = None,
    grid_gco2_per_kwh: Annotated[
        float | None, typer.Option("--grid-gco2-per-kwh", help="Grams of CO2 per kWh of your grid: adds the carbon.")
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Every operator, provenance, manifest.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a model on a system; without --on, on a GPU, a TPU and a wafer-scale machine side by side.

    MODEL may be a case file (see --save-case) or a saved result: it runs again, with the options given put over it.
    """
    from accelsim.cli.cases import base_case, make_case, with_plan_keys
    from accelsim.results.bill import Rates

    if stated.system is None and base_case(stated.model) is None:
        own = {
            "--execution": execution,
            "--placer": placer,
            "--trace": trace,
            "--report": report,
            "--save": save,
            "--save-case": save_case,
            "--tables": tables != "auto",
            "--price-per-chip-hour": price_per_chip_hour is not None,
            "--grid-gco2-per-kwh": grid_gco2_per_kwh is not None,
        }
        _refuse_without_system([*stated.flags, *(name for name, value in own.items() if value)])
        from accelsim.cli.compare import compare_default

        compare_default(stated, json_, quiet)
        return
    from accelsim.progress import working
    from accelsim.results.save import check_format

    check_format(tables)
    if tables != "auto" and save is None:
        raise ConfigError("--tables is the format of what --save writes. Add --save DIR, or leave --tables out.")
    rates = Rates(price_per_chip_hour, grid_gco2_per_kwh)
    plan = with_plan_keys(stated.options.get("plan"), execution=execution, placer=placer)
    case = make_case(stated, plan=plan)
    if save_case is not None:
        case.save(save_case)
    with working("simulating"):
        from accelsim.pipeline import simulate

        result = replace(simulate(case), rates=rates)
    _write(result, json_, trace, save, tables, report)
    if not quiet and json_ != "-":
        from accelsim.cli.render import print_result

        print_result(result, verbose)


def _refuse_without_system(options: list[str]) -> None:
    """Without --on every option that names a machine or a mapping would be ignored: say so instead."""
    if options:
        raise ConfigError(f"{', '.join(options)} needs a system. Add --on SYSTEM; accelsim show systems lists them.")


def _write(
    result: Result, json_: str | None, trace: Path | None, save: Path | None, tables: str, report: Path | None
) -> None:
    from accelsim.files import write_atomic

    if json_ is not None:
        text = json.dumps(result.to_dict(), indent=2) + "\n"
        if json_ == "-":
            sys.stdout.write(text)
        else:
            write_atomic(Path(json_), text)
    if trace is not None:
        from accelsim.results.trace import write_trace

        write_trace(result, trace)
    if save is not None:
        from accelsim.results.save import save_result

        save_result(result, save, tables)
    if report is not None:
        from accelsim.results.report import write_report

        write_report(result, report)
