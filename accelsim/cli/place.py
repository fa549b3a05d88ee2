"""``accelsim place``: put the groups of a model on the tiles of a system, compare placers, draw and save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import options as o
from accelsim.errors import CapacityError, ConfigError

if TYPE_CHECKING:
    from accelsim.mapping.execution.spatial.run import SpatialRun
    from accelsim.workload.phase import Phase


#: Keys of a plan that ask for ranks on chips instead of groups on tiles.
_RANK_KEYS = ("tp", "dp")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("place")(place)


def place(
    model: Annotated[str, typer.Argument(help="Model name, YAML, or path to a Hugging Face config.json.")],
    on: Annotated[str, typer.Option("--on", help="System or chip, with :CHIPS for a size.")],
    placer: Annotated[
        str, typer.Option("--placer", help="Name of a placer, a placement file, or all to compare.")
    ] = "annealing",
    phase: o.PhaseOption = None,
    batch: o.BatchOption = 1,
    prompt: o.PromptOption = None,
    context: o.ContextOption = None,
    steps: o.StepsOption = None,
    dtype: o.DtypeOption = None,
    plan: Annotated[
        str, typer.Option("--plan", help='E.g. "chunk=8,granularity=layer", or "tp=8" for ranks on chips.')
    ] = "",
    constraints: o.ConstraintsOption = None,
    seed: o.SeedOption = 0,
    budget: Annotated[int, typer.Option("--budget", help="Evaluations each placer may make.", min=1)] = 50_000,
    set_: o.SetOption = None,
    defects: Annotated[
        float, typer.Option("--defects", help="Sample wafers: probability that a tile is dead.", min=0, max=1)
    ] = 0.0,
    link_defects: Annotated[
        float,
        typer.Option("--link-defects", help="Sample wafers: probability that a link is dead.", min=0, max=1),
    ] = 0.0,
    wafers: Annotated[int, typer.Option("--wafers", help="Wafers to sample.", min=1)] = 10,
    png: Annotated[Path | None, typer.Option("--png", help="Draw the floorplan into a PNG file.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Write the placement as YAML.")] = None,
) -> None:
    """Place a model on an array of tiles, or the ranks of a plan with tp on chips, and say what that costs.

    A chip whose file has dead tiles or links is compared with the same chip without; with --defects or --link-defects,
    sampled wafers are.
    """
    from accelsim.cli.render_place import print_losses, print_placement, print_placements, report_of
    from accelsim.mapping.placement.base import PLACERS
    from accelsim.progress import track

    keys = [item.partition("=")[0].strip() for item in plan.split(",")]
    if "placer" in keys:
        raise ConfigError("plan: placer has a place of its own here. Write --placer NAME.")
    work = o.make_phase(phase, batch, prompt, context, steps, model, set_)
    names = [name for name in PLACERS.names() if name != "exact"] if placer == "all" else [placer]
    if any(key in _RANK_KEYS for key in keys):
        _refuse_for_ranks({"--constraints": constraints, "--png": png, "--defects": defects or link_defects})
        _place_ranks(model, on, work, plan, names, dtype, seed, budget, set_, save)
        return
    runs: list[SpatialRun] = []
    refused: dict[str, CapacityError] = {}
    for name in track(names, "placing", quiet=len(names) == 1):
        try:
            runs.append(_place(model, on, work, plan, name, dtype, seed, budget, set_, constraints))
        except CapacityError as error:
            refused[name] = error
    if not runs:
        raise next(iter(refused.values()))
    print_placements(runs, refused)
    best = min(runs, key=lambda run: report_of(run).cost)
    print_placement(best)
    chip = best.floor.system.chip
    if defects or link_defects or chip.dead_tiles or (chip.noc is not None and chip.noc.dead_links):
        from accelsim.study.wafers import fault_loss

        print_losses(
            fault_loss(
                model,
                best.floor.system,
                work,
                best.plan,
                dtype=o.make_dtype(dtype),
                seed=seed,
                constraints=constraints,
                budget=budget,
                tile_defects=defects,
                link_defects=link_defects,
                wafers=wafers if defects or link_defects else 1,
            )
        )
    if save is not None:
        from accelsim.mapping.execution.spatial.report import placement_of
        from accelsim.results.files import write_atomic

        write_atomic(save, placement_of(best, model, seed).to_yaml())
    if png is not None:
        from accelsim.results.files import write_atomic
        from accelsim.results.plots.floorplan import floorplan_png

        write_atomic(png, floorplan_png(best))


def _place_ranks(
    model: str,
    on: str,
    phase: Phase,
    plan: str,
    placers: list[str],
    dtype: str | None,
    seed: int,
    budget: int,
    set_: list[str] | None,
    save: Path | None,
) -> None:
    from accelsim.cli.render_place import print_ranks
    from accelsim.pipeline import place_ranks
    from accelsim.results.files import write_atomic

    found = place_ranks(
        model,
        on,
        phase,
        plan,
        placers,
        dtype=o.make_dtype(dtype),
        overrides=o.make_overrides(set_),
        seed=seed,
        budget=budget,
    )
    print_ranks(found)
    if save is not None:
        write_atomic(save, min(found, key=lambda one: one.link_s).to_yaml())


def _refuse_for_ranks(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value:
            raise ConfigError(
                f"{name} has no meaning for ranks on chips. Leave it out, or leave tp and dp out of --plan."
            )


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
