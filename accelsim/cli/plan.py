"""``accelsim plan``: what ``--plan auto`` tries, and the best of it side by side."""

from __future__ import annotations

from typing import Annotated

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.output import write_json
from accelsim.errors import ConfigError
from accelsim.study.defaults import BEST_PLANS


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "plan", plan)


@takes_case(model=o.DEFAULT_MODEL, system=o.DEFAULT_SYSTEMS[0])
def plan(
    stated: Stated,
    best: Annotated[int, typer.Option("--best", min=1, help="How many plans to show.")] = BEST_PLANS,
    json_: o.JsonOption = None,
) -> None:
    """Try every plan that --plan auto considers on a machine; show the best with latency, memory and what limits each.

    Executions are tried as the machine has them: whole chips or regions one operator after another, groups on
    rectangles of tiles, in pieces, on fewer chips than there are. The plan of a case file is left aside.
    """
    from accelsim.cli.cases import make_case
    from accelsim.study.plans import plans

    if stated.options.get("plan", "auto") != "auto":
        raise ConfigError("--plan: this command tries every plan. Leave --plan out, or use accelsim run.")
    found = plans(make_case(stated, plan="auto", default=(o.DEFAULT_SYSTEMS[0], "auto")), best)
    if json_ is not None:
        write_json(found.to_dict(), json_)
    if json_ != "-":
        from accelsim.cli.render_plan import print_plans

        print_plans(found)
