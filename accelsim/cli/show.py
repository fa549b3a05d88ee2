"""``accelsim show``: what there is, and what the simulator makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.cli import options as o
from accelsim.cli.caseflags import Stated, takes_case
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.output import write_json
from accelsim.cli.registries import REGISTRIES, members
from accelsim.cli.wrap import wrapped
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from accelsim.case.case import Case


_CATALOG = ("models", "systems", "chips", "profiles")
#: Columns of the names in a list.
_NAMES = 26
LISTS = (*_CATALOG, *REGISTRIES, "plugins", "support", "schema", "graph", "tasks")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "show", show)


@dataclass(frozen=True)
class Form:
    """How one file is shown."""

    yaml: Annotated[bool, typer.Option("--yaml", help="The file as it is, with its sources.")] = False
    json_: o.JsonOption = None


@grouped
@takes_case(model=o.DEFAULT_MODEL, system=o.DEFAULT_SYSTEMS[0])
def show(
    what: Annotated[
        str,
        typer.Argument(
            help=", ".join(LISTS) + " (of a run), or a NAME.",
        ),
    ] = "systems",
    *,
    stated: Stated,
    form: Form = Form(),
) -> None:
    """List models, systems, chips, profiles, members of a registry, plugins; print one; or a graph or its tasks.

    NAME is a model, system, chip or profile, by name, path or id at Hugging Face: its card, or with --yaml its file.
    With graph or tasks, MODEL and the options of a run say of what; with schema, MODEL is chip, system or model. With
    support, what stands behind the prices of each chip (or of the chip MODEL) by operator and type.
    """
    from accelsim.cli.tables import make_console

    if (form.yaml or (form.json_ is not None and what != "support")) and what in LISTS:
        raise ConfigError(
            f"--yaml and --json are of one NAME (--json of support too), not of {what}. "
            "Write e.g. accelsim show llama3-8b --json -."
        )
    console = make_console()
    if what in _CATALOG:
        _show_catalog(console, what)
    elif what in REGISTRIES:
        _show_registry(console, what)
    elif what == "plugins":
        _show_plugins(console)
    elif what == "support":
        _show_support(console, () if stated.model == o.DEFAULT_MODEL else (stated.model,), form)
    elif what == "schema":
        _show_schema("" if stated.model == o.DEFAULT_MODEL else stated.model)
    elif what in ("graph", "tasks"):
        from accelsim.cli.cases import make_case

        case = make_case(stated, default=(o.DEFAULT_SYSTEMS[0], "tp=1"))
        (_show_graph if what == "graph" else _show_tasks)(console, case)
    else:
        _show_name(console, what, form)


def _show_catalog(console: Console, kind: str) -> None:
    from accelsim.catalog import Catalog
    from accelsim.cli.tables import print_entry
    from accelsim.config.loader import load_document

    catalog = Catalog()
    for name in catalog.names(kind):
        data = load_document(catalog.find(kind, name)).data
        description = str(data.get("description", "")) if isinstance(data, dict) else ""
        print_entry(console, name, description, _NAMES)


def _show_registry(console: Console, kind: str) -> None:
    from accelsim.cli.tables import print_entry

    for name, meaning in members(kind):
        print_entry(console, name, meaning, _NAMES)


def _show_plugins(console: Console) -> None:
    """What outside packages bring, and from where."""
    from accelsim.cli.tables import print_entry
    from accelsim.plugins import CATALOG_GROUP, PLUGIN_GROUP, load_plugins, package_of, plugin_folders, plugin_points

    load_plugins()
    for point in plugin_points(PLUGIN_GROUP):
        print_entry(console, point.name, f"{package_of(point)}: members of {point.value}", _NAMES)
    for point, folder in zip(plugin_points(CATALOG_GROUP), plugin_folders(), strict=True):
        print_entry(console, point.name, f"{package_of(point)}: files in {folder}", _NAMES)


def _show_support(console: Console, names: tuple[str, ...], form: Form) -> None:
    """Chip by operator by type: measured, inherited, typical, assumed or refused."""
    from dataclasses import asdict

    from accelsim.cli.render_support import print_support
    from accelsim.validation.support import support

    found = support(names)
    if form.json_ is not None:
        write_json([{**asdict(one), "dtype": one.dtype.value} for one in found], form.json_)
    if form.json_ != "-":
        print_support(console, found)


def _show_schema(kind: str) -> None:
    """JSON Schema of a kind of file, or of each kind by its name, for editors and other tools."""
    import json

    from accelsim.config.explain import json_schema
    from accelsim.config.schema import Spec
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import SystemSpec
    from accelsim.workload.model import Model

    kinds: dict[str, type[Spec]] = {"chip": Chip, "system": SystemSpec, "model": Model}
    if kind and kind not in kinds:
        near = did_you_mean(kind, [*kinds])
        raise ConfigError(f"show schema: unknown kind {kind!r}. Known: {', '.join(kinds)}.{near}")
    schema = json_schema(kinds[kind]) if kind else {name: json_schema(one) for name, one in kinds.items()}
    typer.echo(json.dumps(schema, indent=2))


def _show_name(console: Console, name: str, form: Form) -> None:
    """The card of a model, system, chip or profile; or its file as it is: every value with its source."""
    from accelsim.cli.cards import card_of, find_file

    if form.yaml:
        from accelsim.reading import read_text

        console.print(read_text(find_file(name, LISTS)), markup=False, soft_wrap=True)
        return
    card = card_of(name, LISTS)
    if form.json_ is not None:
        write_json(card, form.json_)
    if form.json_ != "-":
        from accelsim.cli.render_cards import print_card

        print_card(card, name)


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
            line = f"  {op.name:<22} {op.kind:<11} {op.flops:>10.3g} FLOPs  {shapes} -> {results}"
            console.print(wrapped(line, console.width, indent=6), markup=False, soft_wrap=True)


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
                f"  {start_us:>10.3f} .. {end_us:>10.3f} us  {graph.servers[graph.server[task]]:<7}"
                f" {graph.labels[graph.label[task]]:<22} {nbytes}"
            )
            console.print(wrapped(line.rstrip(), console.width, indent=6), markup=False, soft_wrap=True)
