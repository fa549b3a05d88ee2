"""``accelsim explain FIELD``: what a field of a configuration, or a warning, means."""

from __future__ import annotations

from typing import Annotated

import typer

from accelsim.cli.command import add_command


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "explain", explain_field)


def explain_field(
    field: Annotated[
        str,
        typer.Argument(
            help="E.g. chip.clock, system.levels.link.bandwidth, model.head_dim, plan.tp, dtype.mxfp4, idle-chips."
        ),
    ],
) -> None:
    """Meaning, unit, range, default and sources of a field; of an element type; of a warning, and its remedy."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(highlight=False)
    for name, value in _help_of(field):
        console.print(f"[bold]{name:<8}[/] {escape(value)}", soft_wrap=True)


def _help_of(field: str) -> list[tuple[str, str]]:
    from accelsim.config.explain import explain
    from accelsim.dtypes import Format
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import SystemSpec, provenance
    from accelsim.mapping.plan import explain_key
    from accelsim.warning import WARNINGS
    from accelsim.workload.model import Model

    if field in WARNINGS:
        return [("warning", field), ("meaning", WARNINGS[field].meaning), ("remedy", WARNINGS[field].remedy)]
    stated = _of_option(field)
    if stated:
        return stated
    root, _, key = field.partition(".")
    if root == "dtype" and key:
        return [*Format.parse(key).explain().items()]
    of_plan = explain_key(key) if root == "plan" else None
    if of_plan is not None:
        return [("field", field), *of_plan.items()]
    help_ = explain(field, {"chip": Chip, "system": SystemSpec, "model": Model}, provenance())
    rows = [
        ("field", help_.path),
        ("meaning", help_.meaning),
        ("kind", help_.kind),
        ("unit", help_.unit),
        ("range", help_.range),
        ("default", help_.default),
        ("keys", ", ".join(help_.keys)),
    ]
    for file, source in (help_.sources or {}).items():
        rows.append(("source", f"{file}: {source.value_text} ({source.kind}) {source.source or ''}".rstrip()))
    return [(name, value) for name, value in rows if value]


def _of_option(name: str) -> list[tuple[str, str]]:
    """What an option of a case, or a size of a phase, means; empty if there is none of that name."""
    from accelsim.case.case import OPTIONS
    from accelsim.workload.phase import PHASES

    flag = name.removeprefix("--").replace("-", "_")
    for one in OPTIONS:
        if flag in (one.name, one.flag.removeprefix("--")):
            default = "" if one.is_required else str(one.plain(one.read(one.default)))
            return [("option", one.name), ("flag", one.flag), ("meaning", one.help), ("default", default)]
    having = {kind: {size.name: size for size in of.fields()} for kind, of in PHASES.items()}
    kinds = [kind for kind, sizes in having.items() if flag in sizes]
    if not kinds:
        return []
    size = having[kinds[0]][flag]
    default = "" if size.default is None else str(size.default)
    return [("size", flag), ("of", ", ".join(kinds)), ("meaning", size.help), ("default", default)]
