"""``accelsim compare``: the same work on several systems, one table."""

from __future__ import annotations

import json
import sys
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
    app.command("compare")(compare)


def compare(
    model: Annotated[
        str, typer.Argument(help="Model name, YAML, or path to a Hugging Face config.json.")
    ] = o.DEFAULT_MODEL,
    on: Annotated[str, typer.Option("--on", help="Systems, separated by commas.")] = ",".join(o.DEFAULT_SYSTEMS),
    phase: o.PhaseOption = None,
    batch: o.BatchOption = 1,
    prompt: o.PromptOption = None,
    context: o.ContextOption = None,
    steps: o.StepsOption = None,
    dtype: o.DtypeOption = None,
    plan: o.PlanOption = "auto",
    profile: o.ProfileOption = "graph",
    engine: o.EngineOption = "auto",
    set_: o.SetOption = None,
    ignore_capacity: o.IgnoreCapacityOption = False,
    json_: o.JsonOption = None,
    strict: o.StrictOption = False,
) -> None:
    """Simulate the same work on several systems and show one table."""
    engine_, dtype_, overrides = o.check_engine(engine), o.make_dtype(dtype), o.make_overrides(set_)
    systems = [name.strip() for name in on.split(",") if name.strip()]
    if not systems:
        raise ConfigError("--on names no system. Write e.g. --on nvidia-dgx-a100,nvidia-dgx-h100.")
    from accelsim.pipeline import simulate
    from accelsim.progress import track

    work = o.make_phase(phase, batch, prompt, context, steps, model, set_)
    results = [
        simulate(
            model,
            system,
            work,
            plan,
            dtype=dtype_,
            profile=profile,
            engine=engine_,
            overrides=overrides,
            ignore_capacity=ignore_capacity,
            strict=strict,
        )
        for system in track(systems, "simulating")
    ]
    _show(results, json_, quiet=False)


def compare_default(
    model: str,
    phase: str | None,
    batch: int,
    prompt: int | None,
    context: int | None,
    steps: int | None,
    json_: str | None,
    quiet: bool,
) -> None:
    """One machine of each class; both phases when none is asked for."""
    from accelsim.pipeline import simulate
    from accelsim.progress import track

    asked = phase is not None or prompt is not None or context is not None or steps is not None
    phases: list[Phase]
    if asked:
        phases = [o.make_phase(phase, batch, prompt, context, steps, model)]
    else:
        phases = [o.make_phase(kind, batch, None, None, None, model) for kind in ("prefill", "decode")]
    runs = [(system, work) for work in phases for system in o.DEFAULT_SYSTEMS]
    _show([simulate(model, system, work) for system, work in track(runs, "simulating", quiet)], json_, quiet)


def _show(results: list[Result], json_: str | None, quiet: bool) -> None:
    from accelsim.results.files import write_atomic

    if json_ is not None:
        text = json.dumps([result.to_dict() for result in results], indent=2) + "\n"
        if json_ == "-":
            sys.stdout.write(text)
            return
        write_atomic(Path(json_), text)
    if not quiet:
        from accelsim.cli.render import print_comparison

        print_comparison(results)
