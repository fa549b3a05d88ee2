"""``accelsim collective KIND``: time, algorithm and bus bandwidth of a collective on a system, by algorithm."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.case.read import read_overrides
from accelsim.cli import checks
from accelsim.cli import options as o
from accelsim.cli.command import add_command
from accelsim.cli.groups import grouped
from accelsim.cli.output import write_json
from accelsim.cli.warning_lines import one_per_kind
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from accelsim.cost.cost import Cost
    from accelsim.hardware.system import System
    from accelsim.network.sweep import Sweep

#: Every algorithm in a table of its own.
ALL = "all"
_SWEEP_FROM, _SWEEP_TO = 10, 30  # powers of two: 1 KiB to 1 GiB


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "collective", collective)


@dataclass(frozen=True)
class CallFlags:
    """One call of a collective, or of many sizes."""

    size: Annotated[str, typer.Option("--bytes", help="Size of the call as nccl-tests count it.")] = "64MiB"
    ranks: Annotated[int | None, typer.Option("--ranks", help="Ranks; default: all chips.")] = None
    stride: Annotated[
        int, typer.Option("--stride", min=1, help="Chips from one rank to the next, e.g. 8: one chip of each node.")
    ] = 1
    algorithm: Annotated[str, typer.Option("--algorithm", help="A name; auto: the fastest; all: each.")] = "auto"
    library: Annotated[
        str,
        typer.Option(
            "--library", help="nccl, vllm, sglang, trtllm, or auto for the fastest; default: the level's own."
        ),
    ] = ""
    sweep: Annotated[bool, typer.Option("--sweep", help="Sizes from 1 KiB to 1 GiB instead of one.")] = False


@grouped
def collective(
    kind: Annotated[
        str, typer.Argument(help="all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, reduce or send_recv.")
    ],
    on: Annotated[str, typer.Option("--on", help="System, e.g. nvidia-dgx-h100:8.")],
    call: CallFlags,
    set_: o.SetOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw bus bandwidth over size into FILE.", callback=checks.picture)
    ] = None,
    json_: o.JsonOption = None,
) -> None:
    """Time, algbw and busbw (nccl-tests definitions) of a collective, per algorithm, and where the fastest changes."""
    from accelsim.config.bounds import read_quantity
    from accelsim.cost.call import AUTO
    from accelsim.hardware.system import load_system
    from accelsim.network.sweep import sweep_collective
    from accelsim.workload.group import Group

    system = load_system(on, read_overrides(set_ or ()))
    num_ranks = -(-system.num_chips // call.stride) if call.ranks is None else call.ranks
    if num_ranks == 1 < call.stride:
        raise ConfigError(
            f"--stride {call.stride}: {on} has {system.num_chips} chips, no two of them so far apart. "
            "Use a smaller stride, or ask for more chips with SYSTEM:CHIPS."
        )
    if kind == "send_recv" and call.ranks is None:
        num_ranks = 2
    sizes = [2**power for power in range(_SWEEP_FROM, _SWEEP_TO + 1)] if call.sweep or plot else []
    sizes = sizes or [round(read_quantity(call.size, "bytes"))]
    algorithm = AUTO if call.algorithm == ALL else call.algorithm
    swept = sweep_collective(kind, sizes, Group("ranks", num_ranks, call.stride), system, algorithm, call.library)
    if plot is not None:
        _plot(swept, system, plot)
    if json_ is not None:
        _write_json(swept, system, json_)
    if json_ != "-":
        _print(swept, system, call.algorithm == ALL)


def _row(cost: Cost) -> dict[str, Any]:
    from accelsim.network.sweep import algorithm_bytes_per_s, bus_bytes_per_s

    return {
        "collective": cost.call.kind,
        "bytes": cost.call.nbytes,
        "ranks": cost.call.num_ranks,
        "algorithm": cost.call.algorithm,
        "protocol": cost.call.protocol,
        "time_s": cost.work_s,
        "algbw_bytes_per_s": algorithm_bytes_per_s(cost),
        "busbw_bytes_per_s": bus_bytes_per_s(cost),
        "energy_j": cost.energy_j,
        "log_deviation": cost.residual.log_deviation,
        "basis": cost.residual.basis,
        "warnings": list(cost.warnings),
    }


def _write_json(swept: Sweep, system: System, target: str) -> None:
    content = {
        "system": str(system),
        "fastest": [_row(cost) for cost in swept.fastest],
        "algorithms": {name: [_row(cost) for cost in costs] for name, costs in swept.by_algorithm.items()},
        "crossovers": [
            {"above_bytes": c.above_bytes, "up_to_bytes": c.up_to_bytes, "before": c.before, "after": c.after}
            for c in swept.crossovers
        ],
    }
    write_json(content, target)


def _print(swept: Sweep, system: System, each: bool) -> None:
    """The fastest of each size, or all algorithms of one; ``each``: a table per algorithm."""
    from accelsim.cli.tables import make_console, print_entry
    from accelsim.units import format_quantity as text

    console, first = make_console(), swept.fastest[0].call
    title = f"{first.kind} of {first.num_ranks} ranks on {system}"
    if len(swept.fastest) == 1:
        alone = sorted((costs[0] for costs in swept.by_algorithm.values()), key=lambda cost: cost.work_s)
        console.print(_table(title, alone))
    elif each:
        for name, costs in swept.by_algorithm.items():
            console.print(_table(f"{title}: {name}", costs), "")
    else:
        console.print(_table(f"{title}, the fastest", swept.fastest), "")
        _print_busbw(console, swept)
    for change in swept.crossovers:
        low, high = text(change.above_bytes, "bytes"), text(change.up_to_bytes, "bytes")
        console.print(f"{change.before} up to {low}, {change.after} from {high}")
    _print_band(console, [_row(cost) for cost in swept.fastest])
    for warning in one_per_kind(dict.fromkeys(warning for cost in swept.fastest for warning in cost.warnings)):
        print_entry(console, "warning:", warning, style="yellow")


def _table(title: str, costs: Iterable[Cost]) -> Table:
    """Time and bandwidth of calls."""
    from accelsim.cli.tables import make_table
    from accelsim.network.sweep import algorithm_bytes_per_s, bus_bytes_per_s
    from accelsim.units import format_quantity as text

    table = make_table(title, ("size", "algorithm", "protocol", "time", "algbw", "busbw"), ("time", "algbw", "busbw"))
    for cost in costs:
        rates = (text(of(cost), "bytes_per_s") for of in (algorithm_bytes_per_s, bus_bytes_per_s))
        call = cost.call
        table.add_row(text(call.nbytes, "bytes"), call.algorithm, call.protocol, text(cost.work_s, "time"), *rates)
    return table


def _print_busbw(console: Console, swept: Sweep) -> None:
    """Bus bandwidth of every algorithm, sizes below each other."""
    from accelsim.cli.tables import make_table
    from accelsim.network.sweep import bus_bytes_per_s
    from accelsim.units import format_quantity as text

    rates = {
        name: {cost.call.nbytes: text(bus_bytes_per_s(cost), "bytes_per_s", 3) for cost in costs}
        for name, costs in swept.by_algorithm.items()
    }
    table = make_table("busbw of each algorithm (all of it: --algorithm all)", ("size", *rates), rates)
    for nbytes in (cost.call.nbytes for cost in swept.fastest):
        table.add_row(text(nbytes, "bytes"), *(of.get(nbytes, "") for of in rates.values()))
    for column in table.columns[1:]:
        column.header = str(column.header).replace("_", " ")  # room to wrap
        column.no_wrap = False
    console.print(table, "")


def _print_band(console: Any, rows: list[dict[str, Any]]) -> None:
    """How far measured times lie from the fastest algorithm's, and what that rests on."""
    from accelsim.cost.residual import WITHIN_90_PERCENT

    for basis, deviation in dict.fromkeys((row["basis"], row["log_deviation"]) for row in rows if row["time_s"]):
        factor = math.exp(WITHIN_90_PERCENT * deviation)
        console.print(f"9 of 10 measured times from {1 / factor:.0%} to {factor:.0%} of these ({basis})")


def _plot(swept: Sweep, system: System, target: Path) -> None:
    from accelsim.network.sweep import bus_bytes_per_s
    from accelsim.results.plots import plot_collective
    from accelsim.results.plots.picture import save_picture

    curves = {
        name: ([cost.call.nbytes for cost in costs], [bus_bytes_per_s(cost) for cost in costs])
        for name, costs in swept.by_algorithm.items()
    }
    call = swept.fastest[0].call
    title = f"{call.kind} of {call.num_ranks} ranks on {system.name}"
    link = next(iter(system.levels.values())).link if len(system.levels) == 1 else None
    axes = plot_collective(curves, title, None if link is None else link.bandwidth_bytes_per_s)
    save_picture(axes, target)
