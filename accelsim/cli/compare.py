"""``accelsim compare``: the same work on several systems, with several plans or sizes, one table."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.output import write_json
from accelsim.cli.wrap import tell
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from accelsim.case.case import Case
    from accelsim.study.compare import Attempt, Refused

EXIT_BAD_INPUT, EXIT_NONE_FITS = 2, 3


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "compare", compare)


@takes_case(model=o.DEFAULT_MODEL, system=",".join(o.DEFAULT_SYSTEMS), lists=("plan",))
def compare(stated: Stated, json_: o.JsonOption = None) -> None:
    """Simulate the same work on several systems (--on A,B,C) and show one table.

    --plan may be given often; sizes may be lists (--batch 1,8,64), and a batch may be max: the largest that fits. A
    machine that does not hold the work is a row with the reason. Exit code: 0 if one ran, 3 if none fits, 2 if none
    ran for other reasons.
    """
    from accelsim.cli.cases import base_case

    systems = None if stated.system is None else [name.strip() for name in stated.system.split(",") if name.strip()]
    if systems == []:
        raise ConfigError("--on names no system. Write e.g. --on nvidia-dgx-a100,nvidia-dgx-h100.")
    if systems is None and base_case(stated.model) is None:
        systems = [*o.DEFAULT_SYSTEMS]
    _run(list(_attempts([stated], systems or [None])), json_, quiet=False)


def compare_default(stated: Stated, json_: str | None, quiet: bool) -> None:
    """One machine of each class; both phases when none is asked for.

    Args:
        stated: What flags say, a system not among it.
        json_: File to write, ``-`` for standard output.
        quiet: Print no table.
    """
    asked = stated.kind is not None or any(name != "batch" for name in stated.sizes)
    kinds = [stated.kind] if asked else ["prefill", "decode"]
    _run(list(_attempts([replace(stated, kind=kind) for kind in kinds], o.DEFAULT_SYSTEMS)), json_, quiet)


def _attempts(works: Sequence[Stated], systems: Sequence[str | None]) -> Iterator[tuple[Case, bool]]:
    """Every case, and whether its batch is to be the largest that fits."""
    from accelsim.cli.cases import is_largest, stated_case

    for work in works:
        plans = work.options.get("plan") or [None]
        for sized in _each_size(work):
            one = replace(sized, options={name: v for name, v in sized.options.items() if name != "plan"})
            first = stated_case(one, system=systems[0], default=(o.DEFAULT_SYSTEMS[0], "auto"))
            for system, plan in itertools.product(systems, plans):
                changes = {"system": system, "plan": plan}
                yield first.but(**{name: v for name, v in changes.items() if v is not None}), is_largest(one)


def _each_size(stated: Stated) -> Iterator[Stated]:
    """What is stated once for every combination of the sizes that are lists; spans are one value."""
    lists = {name: text.split(",") if name != "spans" else [text] for name, text in stated.sizes.items()}
    for values in itertools.product(*lists.values()):
        yield replace(stated, sizes=dict(zip(lists, values, strict=True)))


def _run(attempts: list[tuple[Case, bool]], json_: str | None, quiet: bool) -> None:
    from accelsim.progress import track
    from accelsim.study.compare import Refused, attempt, known_cases

    known_cases([case for case, _ in attempts])
    runs = [attempt(*one) for one in track(attempts, "simulating", quiet)]
    refused = [run for run in runs if isinstance(run, Refused)]
    if len(runs) == len(refused) == 1:
        raise refused[0].error
    _show(runs, json_, quiet)
    if len(runs) == len(refused):
        raise typer.Exit(_exit_code(refused))


def _exit_code(refused: Sequence[Refused]) -> int:
    """That of a table without any result; a word on the error stream says so."""
    is_capacity = any(one.is_capacity for one in refused)
    tell("error: none of these fits." if is_capacity else "error: none of these runs.")
    return EXIT_NONE_FITS if is_capacity else EXIT_BAD_INPUT


def _show(runs: Sequence[Attempt], json_: str | None, quiet: bool) -> None:
    if json_ is not None:
        content: list[dict[str, Any]] = [run.to_dict() for run in runs]
        write_json(content, json_)
    if not quiet and json_ != "-":
        from accelsim.cli.render_compare import print_comparison

        print_comparison(runs)
