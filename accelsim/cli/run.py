"""``accelsim run``: simulate one phase of a model on one system, or on one machine of each class."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import options as o
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.results.result import Result
    from accelsim.workload.phase import Phase


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    model: Annotated[
        str, typer.Argument(help="Model name, YAML, or path to a Hugging Face config.json.")
    ] = o.DEFAULT_MODEL,
    on: Annotated[
        str | None, typer.Option("--on", help="System or chip, name or YAML, with :CHIPS for a size.")
    ] = None,
    phase: o.PhaseOption = None,
    batch: o.BatchOption = 1,
    prompt: o.PromptOption = None,
    context: o.ContextOption = None,
    steps: o.StepsOption = None,
    dtype: o.DtypeOption = None,
    plan: o.PlanOption = "auto",
    execution: Annotated[
        str | None, typer.Option("--execution", help="whole_chip, spatial or weight_streaming.")
    ] = None,
    placer: Annotated[
        str | None, typer.Option("--placer", help="Who finds the rectangles of spatial execution.")
    ] = None,
    constraints: o.ConstraintsOption = None,
    profile: o.ProfileOption = "graph",
    engine: o.EngineOption = "auto",
    routing: o.RoutingOption = "random",
    seed: o.SeedOption = 0,
    set_: o.SetOption = None,
    ignore_capacity: o.IgnoreCapacityOption = False,
    json_: o.JsonOption = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write a Chrome/Perfetto trace; .gz is compressed.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write one self-contained HTML page.")] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write result.json and every table into a folder.")
    ] = None,
    tables: Annotated[str, typer.Option("--tables", help="Format of --save: auto, csv or parquet.")] = "auto",
    price_per_chip_hour: Annotated[
        float | None, typer.Option("--price-per-chip-hour", help="Price of a chip-hour, any currency: adds the cost.")
    ] = None,
    grid_gco2_per_kwh: Annotated[
        float | None, typer.Option("--grid-gco2-per-kwh", help="Grams of CO2 per kWh of your grid: adds the carbon.")
    ] = None,
    strict: o.StrictOption = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Every operator, provenance, manifest.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
) -> None:
    """Simulate a model on a system; without --on, on a GPU, a TPU and a wafer-scale machine side by side."""
    if on is None:
        given = {
            "--plan": plan != "auto",
            "--execution": execution,
            "--placer": placer,
            "--constraints": constraints,
            "--dtype": dtype,
            "--profile": profile != "graph",
            "--engine": engine != "auto",
            "--routing": routing != "random",
            "--set": set_,
            "--ignore-capacity": ignore_capacity,
            "--strict": strict,
            "--trace": trace,
            "--report": report,
            "--save": save,
            "--tables": tables != "auto",
            "--price-per-chip-hour": price_per_chip_hour is not None,
            "--grid-gco2-per-kwh": grid_gco2_per_kwh is not None,
        }
        _refuse_without_system([name for name, value in given.items() if value])
        from accelsim.cli.compare import compare_default

        compare_default(model, phase, batch, prompt, context, steps, json_, quiet)
        return
    from accelsim.progress import working
    from accelsim.results.bill import Rates
    from accelsim.results.save import check_format

    check_format(tables)
    if tables != "auto" and save is None:
        raise ConfigError("--tables is the format of what --save writes. Add --save DIR, or leave --tables out.")
    rates = Rates(price_per_chip_hour, grid_gco2_per_kwh)
    with working("simulating"):
        result = _simulate(
            model,
            on,
            o.make_phase(phase, batch, prompt, context, steps, model, set_),
            with_plan_keys(plan, execution=execution, placer=placer),
            dtype,
            profile,
            engine,
            seed,
            set_,
            ignore_capacity,
            strict,
            constraints,
            routing,
        )
    result = replace(result, rates=rates)
    _write(result, json_, trace, save, tables, report)
    if not quiet and json_ != "-":
        from accelsim.cli.render import print_result

        print_result(result, verbose)


def _simulate(
    model: str,
    on: str,
    phase: Phase,
    plan: str,
    dtype: str | None,
    profile: str,
    engine: str,
    seed: int,
    set_: list[str] | None,
    ignore_capacity: bool,
    strict: bool,
    constraints: str | None,
    routing: str,
) -> Result:
    engine_, dtype_, overrides = o.check_engine(engine), o.make_dtype(dtype), o.make_overrides(set_)
    from accelsim.pipeline import simulate

    return simulate(
        model,
        on,
        phase,
        plan,
        dtype=dtype_,
        profile=profile,
        engine=engine_,
        overrides=overrides,
        ignore_capacity=ignore_capacity,
        strict=strict,
        routing=o.make_routing(routing),
        seed=seed,
        constraints=constraints,
    )


def _refuse_without_system(options: list[str]) -> None:
    """Without --on every option that names a machine or a mapping would be ignored: say so instead."""
    if options:
        raise ConfigError(f"{', '.join(options)} needs a system. Add --on SYSTEM; accelsim show systems lists them.")


def with_plan_keys(plan: str, **keys: str | None) -> str:
    """The text of a plan with options that are keys of their own folded in."""
    items = [] if plan == "auto" else [plan]
    items += [f"{key}={value}" for key, value in keys.items() if value is not None]
    return ",".join(items) or "auto"


def _write(
    result: Result, json_: str | None, trace: Path | None, save: Path | None, tables: str, report: Path | None
) -> None:
    from accelsim.results.files import write_atomic

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
