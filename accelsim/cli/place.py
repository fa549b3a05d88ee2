"""``accelsim place``: put the groups of a model on the tiles of a system, compare placers, draw and save."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import checks
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.errors import CapacityError, ConfigError

if TYPE_CHECKING:
    from accelsim.case.case import Case
    from accelsim.mapping.execution.spatial.run import SpatialRun
    from accelsim.study.wafers import Defects

#: Keys of a plan that ask for ranks on chips instead of groups on tiles.
_RANK_KEYS = ("tp", "dp", "pp")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "place", place)


@dataclass(frozen=True)
class Sampled:
    """Wafers with faults of their own."""

    defects: Annotated[
        float, typer.Option("--defects", help="Sample wafers: probability that a tile is dead.", min=0, max=1)
    ] = 0.0
    link_defects: Annotated[
        float,
        typer.Option("--link-defects", help="Sample wafers: probability that a link is dead.", min=0, max=1),
    ] = 0.0
    wafers: Annotated[int, typer.Option("--wafers", help="Wafers to sample.", min=1)] = 10

    @property
    def is_asked(self) -> bool:
        """Whether there are any."""
        return bool(self.defects or self.link_defects)


@grouped
@takes_case()
def place(
    stated: Stated,
    placer: Annotated[
        str, typer.Option("--placer", help="Name of a placer, a placement file, or all to compare.")
    ] = "annealing",
    budget: Annotated[int, typer.Option("--budget", help="Evaluations each placer may make.", min=1)] = 200_000,
    sampled: Sampled = Sampled(),
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw the floorplan into a PNG file.", callback=checks.picture)
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Write the placement as YAML.", callback=checks.file)
    ] = None,
) -> None:
    """Place a model on an array of tiles, or the ranks of a plan with tp on chips, and say what that costs.

    execution=spatial goes without saying in --plan, which takes its keys, e.g. "chunk=8,granularity=layer"; with tp or
    dp it is ranks that are placed on chips. A chip whose file has dead tiles or links is compared with the same chip
    without; with --defects or --link-defects, sampled wafers are.
    """
    from accelsim.cli.cases import make_case
    from accelsim.cli.render_place import print_placement, print_placements
    from accelsim.mapping.placement.base import PLACERS
    from accelsim.study.wafers import Defects

    text = str(stated.options.get("plan", ""))
    keys = [item.partition("=")[0].strip() for item in text.split(",")]
    if "placer" in keys:
        raise ConfigError("plan: placer has a place of its own here. Write --placer NAME.")
    names = [name for name in PLACERS.names() if name != "exact"] if placer == "all" else [placer]
    if any(key in _RANK_KEYS for key in keys):
        others = {
            "--constraints": stated.options.get("constraints"),
            "--png": png,
            "--defects": sampled.is_asked,
        }
        _refuse_for_ranks(others)
        _place_ranks(make_case(stated), names, budget, save)
        return
    items = ("" if "execution" in keys else "execution=spatial", "" if text == "auto" else text)
    case = make_case(stated, plan=",".join(filter(None, items)))
    runs, refused = _place_by_each(case, names, budget)
    if not runs:
        raise next(iter(refused.values()))
    best = print_placements(runs, refused)
    print_placement(best)
    defects = Defects(sampled.defects, sampled.link_defects, sampled.wafers if sampled.is_asked else 1)
    _show_losses(case.but(plan=best.plan), best, defects, budget)
    if save is not None:
        from accelsim.files import write_atomic
        from accelsim.mapping.execution.spatial.report import placement_of

        write_atomic(save, placement_of(best, stated.model, case.seed).to_yaml())
    if png is not None:
        from accelsim.files import write_atomic
        from accelsim.results.plots.floorplan import floorplan_png

        write_atomic(png, floorplan_png(best))


def _place_by_each(
    case: Case, placers: Sequence[str], budget: int
) -> tuple[list[SpatialRun], dict[str, CapacityError]]:
    """The mapping by each placer, and by name why a model does not fit by others."""
    from accelsim.placing import place as place_case
    from accelsim.progress import track

    runs: list[SpatialRun] = []
    refused: dict[str, CapacityError] = {}
    for name in track(placers, "placing", quiet=len(placers) == 1):
        try:
            runs.append(place_case(case.but(plan=f"{case.plan},placer={name}"), budget=budget))
        except CapacityError as error:
            refused[name] = error
    return runs, refused


def _show_losses(case: Case, best: SpatialRun, defects: Defects, budget: int) -> None:
    """What faults cost, where the chip has some or some are sampled."""
    chip = best.floor.system.chip
    has_some = chip.dead_tiles or (chip.noc is not None and chip.noc.dead_links)
    if defects.tiles or defects.links or has_some:
        from accelsim.cli.render_place import print_losses
        from accelsim.study.wafers import fault_loss

        print_losses(fault_loss(case, defects, budget=budget))


def _place_ranks(case: Case, placers: list[str], budget: int, save: Path | None) -> None:
    from accelsim.cli.render_place import print_ranks
    from accelsim.files import write_atomic
    from accelsim.placing import place_ranks

    found = place_ranks(case, placers, budget=budget)
    print_ranks(found)
    if save is not None:
        write_atomic(save, min(found, key=lambda one: one.link_s).to_yaml())


def _refuse_for_ranks(options: dict[str, object]) -> None:
    for name, value in options.items():
        if value:
            raise ConfigError(
                f"{name} has no meaning for ranks on chips. Leave it out, or leave tp and dp out of --plan."
            )
