"""``accelsim validate placement``: the placers on public problems with published values."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from accelsim.validation.placement.judging import Judged

#: What stands in the place of a suite's name.
PLACEMENT = "placement"


@dataclass(frozen=True)
class Placing:
    """How problems are laid out."""

    placer: Annotated[str, typer.Option("--placer", help="placement: name of a placer.")] = "annealing"
    budget: Annotated[
        int | None, typer.Option("--budget", help="placement: moves per problem; default: a million.", min=1)
    ] = None
    seed: Annotated[int, typer.Option("--seed", help="placement: seed of the placer.", min=0)] = 0


def judge_placers(names: Sequence[str], data: Path | None, placing: Placing, json_: str | None) -> None:
    """Lay out problems and print how far they are from the published values.

    Args:
        names: Kinds or problems; none: all.
        data: Folder of problems; None: those shipped.
        placing: By which placer, and how long.
        json_: Where rows go as JSON; None: a table.
    """
    from accelsim.files import write_atomic
    from accelsim.mapping.placement.base import check_placer
    from accelsim.progress import track
    from accelsim.validation.placement.judging import BUDGET, instances, judge

    check_placer(placing.placer)
    problems = instances(data, names)
    found = [
        judge(one, placing.placer, placing.budget or BUDGET, placing.seed)
        for one in track(problems, "placing", quiet=len(problems) < 2)
    ]
    if json_ is None:
        _print(found)
        return
    text = json.dumps([{**asdict(one), "gap": one.gap} for one in found], indent=2) + "\n"
    if json_ == "-":
        sys.stdout.write(text)
    else:
        write_atomic(Path(json_), text)


def _print(found: Sequence[Judged]) -> None:
    from accelsim.cli.tables import Columns, fitted_table, make_console
    from accelsim.results.format import change_text

    names = ("problem", "value", "reference", "gap", "CPU", "which is", "note")
    rows = [
        dict(
            zip(
                names,
                (
                    one.instance,
                    f"{one.value:,.0f}",
                    f"{one.reference:,.0f}",
                    change_text(one.gap, 2),
                    f"{one.cpu_s:.1f} s",
                    one.reference_is,
                    one.note,
                ),
                strict=True,
            )
        )
        for one in found
    ]
    console = make_console()
    columns = Columns(names, names[1:5], optional=("note", "which is"), gap=1)
    console.print(fitted_table(console, "Placers against published values", columns, rows))
