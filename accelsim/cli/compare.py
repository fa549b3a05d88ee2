"""``accelsim compare``: the same work on several systems, one table."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.case.case import Case
    from accelsim.results.result import Result


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


@takes_case(model=o.DEFAULT_MODEL, system=",".join(o.DEFAULT_SYSTEMS))
def compare(stated: Stated, json_: o.JsonOption = None) -> None:
    """Simulate the same work on several systems (--on A,B,C) and show one table."""
    from accelsim.cli.cases import base_case, make_case

    systems = None if stated.system is None else [name.strip() for name in stated.system.split(",") if name.strip()]
    if systems == []:
        raise ConfigError("--on names no system. Write e.g. --on nvidia-dgx-a100,nvidia-dgx-h100.")
    case = make_case(stated, system=systems[0] if systems else None, default=(o.DEFAULT_SYSTEMS[0], "auto"))
    if systems is None:
        systems = [*o.DEFAULT_SYSTEMS] if base_case(stated.model) is None else []
    _run([case.but(system=system) for system in systems] or [case], json_, quiet=False)


def compare_default(stated: Stated, json_: str | None, quiet: bool) -> None:
    """One machine of each class; both phases when none is asked for.

    Args:
        stated: What flags say, a system not among it.
        json_: File to write, ``-`` for standard output.
        quiet: Print no table.
    """
    from dataclasses import replace

    from accelsim.cli.cases import make_case

    asked = stated.kind is not None or any(name != "batch" for name in stated.sizes)
    kinds = [stated.kind] if asked else ["prefill", "decode"]
    cases = [make_case(replace(stated, kind=kind), system=o.DEFAULT_SYSTEMS[0]) for kind in kinds]
    _run([case.but(system=system) for case in cases for system in o.DEFAULT_SYSTEMS], json_, quiet)


def _run(cases: list[Case], json_: str | None, quiet: bool) -> None:
    from accelsim.pipeline import simulate
    from accelsim.progress import track

    _show([simulate(case) for case in track(cases, "simulating", quiet)], json_, quiet)


def _show(results: list[Result], json_: str | None, quiet: bool) -> None:
    from accelsim.files import write_atomic

    if json_ is not None:
        text = json.dumps([result.to_dict() for result in results], indent=2) + "\n"
        if json_ == "-":
            sys.stdout.write(text)
            return
        write_atomic(Path(json_), text)
    if not quiet:
        from accelsim.cli.render import print_comparison

        print_comparison(results)
