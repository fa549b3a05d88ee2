"""``accelsim show``: what there is, and what the simulator makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from accelsim.case.case import Case


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("show")(show)


@takes_case(model=o.DEFAULT_MODEL, system=o.DEFAULT_SYSTEMS[0])
def show(
    what: Annotated[
        str,
        typer.Argument(
            help="models, systems, chips, profiles, topologies, collectives, placers, schedules, schema, graph, tasks, "
            "or a NAME."
        ),
    ] = "systems",
    *,
    stated: Stated,
) -> None:
    """List models, systems, chips, profiles, or members of a registry; print one; or a graph or its tasks.

    With graph or tasks, MODEL and the options of a run say of what; with schema, MODEL is chip, system or model.
    """
    from rich.console import Console

    console = Console(highlight=False)
    if what in ("models", "systems", "chips", "profiles"):
        _show_catalog(console, what)
    elif what in ("topologies", "collectives", "placers", "schedules"):
        _show_registry(console, what)
    elif what == "schema":
        _show_schema(stated.model)
    elif what in ("graph", "tasks"):
        from accelsim.cli.cases import make_case

        case = make_case(stated, plan=stated.options.get("plan", "tp=1"))
        (_show_graph if what == "graph" else _show_tasks)(console, case)
    else:
        _show_file(console, what)


def _show_catalog(console: Console, kind: str) -> None:
    from accelsim.catalog import Catalog
    from accelsim.config.loader import load_document

    catalog = Catalog()
    for name in catalog.names(kind):
        data = load_document(catalog.find(kind, name)).data
        description = data.get("description", "") if isinstance(data, dict) else ""
        console.print(f"[bold]{name:<26}[/] {description}", soft_wrap=True)


def _show_registry(console: Console, kind: str) -> None:
    from accelsim.mapping.placement.base import PLACERS
    from accelsim.mapping.schedule.base import SCHEDULES
    from accelsim.network.collectives.base import COLLECTIVES
    from accelsim.network.topology.base import TOPOLOGIES
    from accelsim.registry import Registry

    registries: dict[str, Registry[Any]] = {
        "topologies": TOPOLOGIES,
        "collectives": COLLECTIVES,
        "placers": PLACERS,
        "schedules": SCHEDULES,
    }
    for name, member in registries[kind].items():
        console.print(f"[bold]{name!s:<26}[/] {(member.__doc__ or '').strip().splitlines()[0]}", soft_wrap=True)


def _show_schema(kind: str) -> None:
    """JSON Schema of a kind of file, for editors and other tools."""
    import json

    from accelsim.config.explain import json_schema
    from accelsim.config.schema import Spec
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import SystemSpec
    from accelsim.workload.model import Model

    kinds: dict[str, type[Spec]] = {"chip": Chip, "system": SystemSpec, "model": Model}
    if kind not in kinds:
        raise ConfigError(f"show schema: unknown kind {kind!r}. Known: {', '.join(kinds)}.")
    typer.echo(json.dumps(json_schema(kinds[kind]), indent=2))


def _show_file(console: Console, name: str) -> None:
    """The YAML of a model, system or chip, as it is: every value with its source."""
    from accelsim.catalog import Catalog

    try:
        _, path = Catalog().find_any(("systems", "chips", "models", "profiles"), name)
    except ConfigError as error:
        raise ConfigError(
            f"{error}\nOr one of: models, systems, chips, profiles, topologies, collectives, placers, schedules, "
            "schema, graph, tasks."
        ) from error
    console.print(path.read_text(encoding="utf-8"), markup=False, soft_wrap=True)


def _show_graph(console: Console, case: Case) -> None:
    from accelsim.mapping.shard import shard
    from accelsim.workload.build import build_workload

    job = case.load().job
    workload = shard(build_workload(job.model, job.phase, job.recipe), job.plan)
    console.print(f"[bold]{workload.name}[/]: {workload.flops:.4g} FLOPs on one rank")
    for segment in workload.segments:
        console.print(f"\n[bold]{segment.name}[/] x {segment.repeat}")
        for op in segment.graph:
            shapes = ", ".join(f"{t.name}{list(t.shape)}" for t in op.inputs)
            results = ", ".join(f"{t.name}{list(t.shape)}" for t in op.outputs)
            console.print(
                f"  {op.name:<22} {op.kind:<11} {op.flops:>10.3g} FLOPs  {shapes} -> {results}",
                soft_wrap=True,
                markup=False,
            )


def _show_tasks(console: Console, case: Case) -> None:
    from accelsim.engine.clock import to_seconds
    from accelsim.pipeline import simulate

    result = simulate(case, what_ifs=False)
    console.print(f"[bold]{result!r}[/]")
    for stage in result.timeline.stages:
        graph, timeline = stage.stage.graph, stage.timeline
        console.print(f"\n[bold]{stage.stage.name}[/] x {stage.stage.repeat}: {graph.num_tasks} tasks each")
        for task in range(graph.num_tasks):
            start_us = float(to_seconds(timeline.start_ticks[task])) * 1e6
            end_us = float(to_seconds(timeline.end_ticks[task])) * 1e6
            route = " ".join(graph.links[link] for link in graph.route(task))
            nbytes = f"{graph.nbytes[task]} B on {route}" if route else ""
            line = (
                f"  {start_us:>12.3f} .. {end_us:>12.3f} us  {graph.servers[graph.server[task]]:<7}"
                f" {graph.labels[graph.label[task]]:<24} {nbytes}"
            )
            console.print(line.rstrip(), markup=False, soft_wrap=True)
