"""``accelsim place``: put the groups of a model on the tiles of a system, compare placers, draw and save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import options as o
from accelsim.errors import CapacityError

if TYPE_CHECKING:
    from accelsim.mapping.spatial.report import PlacementReport
    from accelsim.mapping.spatial.run import SpatialRun
    from accelsim.workload.phase import Phase


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("place")(place)


def place(
    model: Annotated[str, typer.Argument(help="Model name, YAML, or path to a Hugging Face config.json.")],
    on: Annotated[str, typer.Option("--on", help="System or chip with an on-chip mesh, with :CHIPS for a size.")],
    placer: Annotated[
        str, typer.Option("--placer", help="Name of a placer, a placement file, or all to compare.")
    ] = "annealing",
    phase: o.PhaseOption = None,
    batch: o.BatchOption = 1,
    prompt: o.PromptOption = None,
    context: o.ContextOption = None,
    steps: o.StepsOption = None,
    dtype: o.DtypeOption = None,
    plan: Annotated[str, typer.Option("--plan", help='E.g. "chunk=8,granularity=layer".')] = "",
    constraints: o.ConstraintsOption = None,
    seed: o.SeedOption = 0,
    budget: Annotated[int, typer.Option("--budget", help="Evaluations each placer may make.")] = 50_000,
    set_: o.SetOption = None,
    png: Annotated[Path | None, typer.Option("--png", help="Draw the floorplan into a PNG file.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Write the placement as YAML.")] = None,
) -> None:
    """Place a model on an array of tiles and say what the placement costs."""
    from accelsim.mapping.placement.base import PLACERS

    work = o.make_phase(phase, batch, prompt, context, steps, model, set_)
    names = [name for name in PLACERS.names() if name != "exact"] if placer == "all" else [placer]
    runs: list[SpatialRun] = []
    refused: dict[str, CapacityError] = {}
    for name in names:
        try:
            runs.append(_place(model, on, work, plan, name, dtype, seed, budget, set_, constraints))
        except CapacityError as error:
            refused[name] = error
    if not runs:
        raise next(iter(refused.values()))
    _print_table(runs, refused)
    best = min(runs, key=lambda run: _report(run).cost)
    _print_report(best)
    if save is not None:
        from accelsim.mapping.spatial.report import placement_of
        from accelsim.results.files import write_atomic

        write_atomic(save, placement_of(best, model, seed).to_yaml())
    if png is not None:
        from accelsim.results.files import write_atomic
        from accelsim.results.plots.floorplan import floorplan_png

        write_atomic(png, floorplan_png(best))


def _place(
    model: str,
    on: str,
    phase: Phase,
    plan: str,
    placer: str,
    dtype: str | None,
    seed: int,
    budget: int,
    set_: list[str] | None,
    constraints: str | None,
) -> SpatialRun:
    from accelsim.pipeline import place as place_model

    text = ",".join(filter(None, ("execution=spatial", plan, f"placer={placer}")))
    return place_model(
        model,
        on,
        phase,
        text,
        dtype=o.make_dtype(dtype),
        overrides=o.make_overrides(set_),
        seed=seed,
        constraints=constraints,
        budget=budget,
    )


def _report(run: SpatialRun) -> PlacementReport:
    from accelsim.mapping.spatial.report import explain

    return explain(run)


def _print_table(runs: list[SpatialRun], refused: dict[str, CapacityError]) -> None:
    """One row per placer: cost, gap to the bound, simulated latency; placers whose layout does not fit are named."""
    from rich.markup import escape
    from rich.table import Table

    from accelsim.cli.render import make_console, seconds
    from accelsim.engine.program import run_program

    table = Table(title="Placements", title_justify="left")
    for column in ("placer", "bytes x hops", "mean hops", "aspect", "cost", "above bound", "latency"):
        table.add_column(column, justify="left" if column == "placer" else "right")
    for run in runs:
        report = _report(run)
        latency_s = run_program(run.lowered.program).makespan_s
        table.add_row(
            str(run.plan.placer),
            f"{report.byte_hops:.4g}",
            f"{report.mean_hops:.1f}",
            f"{report.mean_aspect:.2f}",
            f"{report.cost:.4g}",
            f"{report.gap:.1%}",
            seconds(latency_s),
        )
    console = make_console()
    console.print(table)
    for name, error in refused.items():
        console.print(f"[yellow]{name}:[/] {escape(str(error))}")


def _print_report(run: SpatialRun) -> None:
    from accelsim.cli.render import make_console, seconds, size

    report, console = _report(run), make_console()
    console.print(f"[bold]plan[/] {run.plan}; {len(run.pipeline.groups)} groups on {run.floor.num_chips} chip(s)")
    for part, tiles in zip(run.pipeline.parts, run.sizes.tiles, strict=True):
        console.print(f"  {part.name:<28} {tiles:>8} tiles each, {size(part.weight_bytes)} weights")
    console.print("[bold]bytes x hops by tensor[/]")
    for tensor, byte_hops in list(report.tensor_byte_hops.items())[:8]:
        console.print(f"  {tensor:<28} {byte_hops:.4g}")
    console.print("[bold]hottest links[/]")
    for link in report.hottest:
        users = ", ".join(f"{name} {size(nbytes)}" for name, nbytes in link.groups)
        console.print(f"  {link.name:<20} {size(link.nbytes)}, {seconds(link.busy_s)} at full rate: {users}")
    fullest = run.occupancy.fullest
    held = {
        "weights": fullest.weight_bytes,
        "KV cache": fullest.kv_bytes,
        "buffers": fullest.buffer_bytes,
        "operator scratch": fullest.scratch_bytes,
    }
    parts = ", ".join(f"{what} {size(nbytes)}" for what, nbytes in held.items())
    console.print(
        f"[bold]SRAM[/] fullest tiles: {fullest.name}, {fullest.fraction:.0%} of {size(fullest.capacity_bytes)} "
        f"({parts})"
    )
    if report.kv_capacity_tokens is not None:
        console.print(f"[bold]KV capacity[/] {report.kv_capacity_tokens:,} tokens, all sequences together")
