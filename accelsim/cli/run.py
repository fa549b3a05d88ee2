"""``accelsim run``: simulate one phase of a model on one system, or on one machine of each class."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import checks
from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.output import write_json
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.results.result import Result


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "run", run)


@dataclass(frozen=True)
class PlanKeys:
    """Keys of a plan that have a flag of their own."""

    execution: Annotated[
        str | None, typer.Option("--execution", help="How chips run their share: see accelsim show executions.")
    ] = None
    placer: Annotated[str | None, typer.Option("--placer", help="Who finds the rectangles of spatial execution.")] = (
        None
    )


@dataclass(frozen=True)
class Outputs:
    """Files that a run writes."""

    json_: o.JsonOption = None
    trace: Annotated[
        Path | None,
        typer.Option("--trace", help="Write a Chrome/Perfetto trace; .gz is compressed.", callback=checks.file),
    ] = None
    report: Annotated[
        Path | None, typer.Option("--report", help="Write one self-contained HTML page.", callback=checks.page)
    ] = None
    save: Annotated[
        Path | None,
        typer.Option("--save", help="Write result.json and every table into a folder.", callback=checks.folder),
    ] = None
    save_case: Annotated[
        Path | None,
        typer.Option("--save-case", help="Write what is asked for as a file to run again.", callback=checks.file),
    ] = None
    tables: Annotated[str, typer.Option("--tables", help="Format of --save: auto, csv or parquet.")] = "auto"


@dataclass(frozen=True)
class PriceFlags:
    """What chips and energy cost."""

    price_per_chip_hour: Annotated[
        float | None, typer.Option("--price-per-chip-hour", help="Price of a chip-hour, any currency: adds the cost.")
    ] = None
    grid_gco2_per_kwh: Annotated[
        float | None, typer.Option("--grid-gco2-per-kwh", help="Grams of CO2 per kWh of your grid: adds the carbon.")
    ] = None


@grouped
@takes_case(model=o.DEFAULT_MODEL)
def run(
    stated: Stated,
    keys: PlanKeys,
    outputs: Outputs,
    prices: PriceFlags,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Every operator, provenance, manifest.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a model on a system; without --on, on a GPU, a TPU and a wafer-scale machine side by side.

    MODEL may be a case file (see --save-case) or a saved result: it runs again, with the options given put over it.
    """
    from accelsim.cli.cases import base_case, make_case, with_plan_keys

    _check(outputs)
    if stated.system is None and base_case(stated.model) is None:
        _refuse_without_system([*stated.flags, *_flags_of(keys, outputs, prices)])
        from accelsim.cli.compare import compare_default

        compare_default(stated, outputs.json_, quiet)
        return
    from accelsim.progress import working
    from accelsim.results.bill import Rates

    rates = Rates(prices.price_per_chip_hour, prices.grid_gco2_per_kwh)
    case = make_case(stated, plan=with_plan_keys(stated.options.get("plan"), **vars(keys)))
    if outputs.save_case is not None:
        case.save(outputs.save_case)
    with working("simulating"):
        from accelsim.pipeline import simulate

        result = replace(simulate(case), rates=rates)
    _write(result, outputs)
    if not quiet and outputs.json_ != "-":
        from accelsim.cli.render import print_result

        print_result(result, verbose)


def _flags_of(*groups: PlanKeys | Outputs | PriceFlags) -> list[str]:
    """Flags that were given, but for --json, which every run has."""
    changed = [one for group in groups for one in fields(group) if getattr(group, one.name) != one.default]
    return [f"--{one.name.replace('_', '-')}" for one in changed if one.name != "json_"]


def _refuse_without_system(options: list[str]) -> None:
    """Without --on every option that names a machine or a mapping would be ignored: say so instead."""
    if options:
        raise ConfigError(f"{', '.join(options)} needs a system. Add --on SYSTEM; accelsim show systems lists them.")


def _check(outputs: Outputs) -> None:
    """Refuse formats that cannot be written here, before any work is done for them."""
    from accelsim.results.save import check_format

    if outputs.tables != "auto" and outputs.save is None:
        raise ConfigError("--tables is the format of what --save writes. Add --save DIR, or leave --tables out.")
    check_format(outputs.tables)


def _write(result: Result, outputs: Outputs) -> None:
    if outputs.json_ is not None:
        write_json(result.to_dict(), outputs.json_)
    if outputs.trace is not None:
        from accelsim.results.trace import write_trace

        write_trace(result, outputs.trace)
    if outputs.save is not None:
        result.save(outputs.save, outputs.tables)
    if outputs.report is not None:
        from accelsim.results.report import write_report

        write_report(result, outputs.report)
