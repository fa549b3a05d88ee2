"""``accelsim sensitivity``: what the answer depends on, and where the order of two machines turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import checks
from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.output import write_json
from accelsim.errors import ConfigError, UnitError

if TYPE_CHECKING:
    from accelsim.study.break_even import BreakEven
    from accelsim.study.sensitivity import Experiment, Sensitivity


DEFAULT_STEP = "10%"


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "sensitivity", sensitivity)


@dataclass(frozen=True)
class Turn:
    """Where the order of two machines turns."""

    against: Annotated[
        str | None, typer.Option("--against", help="Another system: where does the order of the two turn?")
    ] = None
    vary: Annotated[str | None, typer.Option("--vary", help="With --against: the parameter of --on to vary.")] = None


@dataclass(frozen=True)
class Moved:
    """Which parameters move, and how far."""

    step: Annotated[str, typer.Option("--step", help="How far each parameter is moved up and down.")] = DEFAULT_STEP
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only parameters whose path begins like this; may be repeated.")
    ] = None


@grouped
@takes_case(model=o.DEFAULT_MODEL, system=o.DEFAULT_SYSTEMS[0])
def sensitivity(
    stated: Stated,
    moved: Moved = Moved(),
    turn: Turn = Turn(),
    json_: o.JsonOption = None,
    png: Annotated[
        Path | None, typer.Option("--png", help="Draw the tornado into a file.", callback=checks.picture)
    ] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Every parameter, with its source.")] = False,
) -> None:
    """Elasticity of latency and energy to every hardware parameter, or the break-even point of one."""
    against, vary = turn.against, turn.vary
    if (against is None) != (vary is None):
        raise ConfigError("--against and --vary belong together, e.g. --against nvidia-h100-sxm --vary chip.clock.")
    if against is not None and (png is not None or moved != Moved()):
        raise ConfigError("--png, --only and --step are of the sensitivities: leave them out with --against.")
    step = _fraction(moved.step)
    from accelsim.cli.cases import make_case
    from accelsim.pipeline import simulate
    from accelsim.study.sensitivity import Experiment

    case = make_case(stated, default=(o.DEFAULT_SYSTEMS[0], "auto"))
    first = simulate(case, what_ifs=False)
    experiment = Experiment.after(first)
    if against is not None and vary is not None:
        kept = tuple(item for item in case.overrides if item[0].startswith("model."))
        other = simulate(case.but(system=against, plan="auto", overrides=kept), what_ifs=False)
        _break_even(experiment, vary, (against, other.latency_s), json_)
        return
    found = _measure(experiment, step, moved.only or ())
    if json_ is not None:
        write_json(found.to_dict(), json_)
    if png is not None:
        _draw(found, png, f"{first.model} {case.phase} on {first.system}, plan {first.plan}")
    if json_ != "-":
        from accelsim.cli.render_sensitivity import print_sensitivity

        print_sensitivity(first, found, verbose)


def _measure(experiment: Experiment, step: float, only: list[str] | tuple[str, ...]) -> Sensitivity:
    """The sensitivity, with a bar: it takes two runs per parameter."""
    from accelsim.progress import bar
    from accelsim.study.sensitivity import measure

    with bar("simulating parameters") as report:
        return measure(experiment, step, only, report)


def _break_even(experiment: Experiment, path: str, other: tuple[str, float], json_: str | None) -> None:
    from accelsim.cli.render_sensitivity import print_break_even
    from accelsim.progress import bar
    from accelsim.study.break_even import break_even

    name, other_s = other
    with bar("looking for the turn") as report:
        found = break_even(experiment, path, other_s, report)
    if json_ is not None:
        write_json(_plain(found, name), json_)
    if json_ != "-":
        print_break_even(found, experiment.system.name, name)


def _plain(found: BreakEven, other: str) -> dict[str, object]:
    return {
        "parameter": found.parameter.path,
        "value": found.parameter.text,
        "latency_s": found.latency_s,
        "against": other,
        "against_latency_s": found.other_s,
        "crossings": [
            {"factor": c.factor, "value": found.parameter.value * c.factor, "wins_above": c.wins_above}
            for c in found.crossings
        ],
    }


def _draw(found: Sensitivity, png: Path, title: str) -> None:
    from accelsim.results.plots.picture import save_picture
    from accelsim.results.plots.tornado import TornadoBar, plot_tornado

    base = found.base.latency_s
    bars = [
        TornadoBar(f"{i.parameter.path} ({i.parameter.kind})", i.low.latency_s / base, i.high.latency_s / base)
        for i in found.influences
    ]
    ax = plot_tornado(bars, found.step)
    ax.set_title(title, loc="left", fontsize="medium", wrap=True)
    save_picture(ax, png)


def _fraction(text: str) -> float:
    from accelsim.units import parse_quantity

    try:
        return parse_quantity(text, "ratio")
    except UnitError as error:
        raise ConfigError(f"--step: {error}") from error
