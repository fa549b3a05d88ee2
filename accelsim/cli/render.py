"""Results as text for people: aligned, in human units, one screen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelsim.results.format import band_text, describe_phase
from accelsim.results.format import count_text as count
from accelsim.results.format import joules_text as joules
from accelsim.results.format import percent_text as percent
from accelsim.results.format import seconds_text as seconds
from accelsim.results.format import size_text as size
from accelsim.results.format import watts_text as watts
from accelsim.results.metrics import BUBBLE_DEFINITION, MBU_DEFINITION, MFU_DEFINITION
from accelsim.results.result import Result
from accelsim.results.summary import energy_by_component
from accelsim.results.tables.columns import by_row
from accelsim.results.types_text import types_text

TOP_OPERATORS = 6
LARGEST_ENERGIES, LARGEST_USERS = 4, 3
PIPED_WIDTH = 160


__all__ = [
    "count",
    "describe_phase",
    "joules",
    "make_console",
    "make_table",
    "percent",
    "seconds",
    "size",
    "watts",
]


def make_console() -> Console:
    """The terminal, or a fixed width wide enough for every table when the output is piped."""
    console = Console(highlight=False, soft_wrap=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED_WIDTH)


def print_result(result: Result, verbose: bool = False) -> None:
    """Summary, time by cause and operator, traffic, memory, warnings.

    Args:
        result: Of one run.
        verbose: Every operator and cause, and where the numbers come from.
    """
    console = make_console()
    console.print(
        f"[bold]{escape(result.model)}[/] {describe_phase(result.phase)} on [bold]{escape(result.system)}[/], "
        f"plan {result.plan}, {result.dtype}" + (f", profile {result.profile}" if result.profile else "")
    )
    console.print(f"types: {types_text(result.types)}")
    console.print(f"[bold]{escape(result.bottleneck.sentence)}[/]")
    console.print()
    console.print(_summary(result))
    console.print(_causes(result, verbose), "")
    console.print(_operators(result, None if verbose else TOP_OPERATORS), "")
    console.print(_traffic(result))
    _print_busiest_link(console, result)
    for warning in result.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}")
    if verbose:
        _print_provenance(console, result)


def print_comparison(results: Sequence[Result]) -> None:
    """One row per run, then the reason of each."""
    console = make_console()
    columns = ("phase", "system", "plan", "latency", "tokens/s", "memory traffic", "energy/token", "limited by")
    numeric = ("latency", "tokens/s", "memory traffic", "energy/token")
    title = f"{results[0].model}: the same work on each machine (in brackets: {results[0].band.level:.0%} error band)"
    table = make_table(title.replace("%", " %"), columns, numeric)
    for result in results:
        main = result.footprint.memory
        table.add_row(
            describe_phase(result.phase),
            result.system,
            str(result.plan),
            f"{seconds(result.latency_s)} ({band_of(result).partition(',')[0]})",
            f"{result.tokens_per_s:,.0f}",
            f"{size(result.ledger.traffic_bytes.get(main, 0.0))} {main}",
            joules(result.energy_per_token_j),
            f"{result.bottleneck.cause} {percent(result.bottleneck.fraction)}",
        )
    console.print(table)
    for result in results:
        console.print(f"[bold]{escape(result.system)}[/] {result.phase['kind']}: {escape(result.bottleneck.sentence)}")
    # One line per system and reason: the operators that raised it are listed by a run on that system alone.
    for warning in dict.fromkeys(f"{r.system}: {w.rpartition(' (')[0] or w}" for r in results for w in r.warnings):
        console.print(f"[yellow]warning:[/] {escape(warning)}")


def band_of(result: Result) -> str:
    """E.g. ``15.9-20.1 ms, 80 % band``."""
    return band_text(result.band.low_s, result.band.high_s, result.band.level)


def _summary(result: Result) -> Table:
    u = result.utilisation
    rows = [
        ("latency", seconds(result.latency_s), f"({band_of(result)})  {result.tokens_per_s:,.1f} tokens/s"),
        ("energy", joules(result.energy.total_j), _about_energy(result)),
        ("power", watts(result.power.mean_w), _about_power(result)),
        *_bill_rows(result),
        ("MFU", percent(u.mfu_fraction), MFU_DEFINITION),
    ]
    if u.mbu_fraction is not None:
        rows.append(("MBU", percent(u.mbu_fraction), MBU_DEFINITION))
    f = result.footprint
    roles = ", ".join(f"{role} {size(n)}" for role, n in f.role_bytes.items() if n)
    rows.append(("memory", size(f.total_bytes), f"of {size(f.capacity_bytes)} {f.memory} per chip: {roles}"))
    if result.bubble_fraction is not None:
        rows.append(("bubble", percent(result.bubble_fraction), BUBBLE_DEFINITION))
    if result.seating is not None:
        rows.append(("ranks", f"{result.seating.gain:.3g} x", str(result.seating)))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*row)
    return table


def _about_energy(result: Result) -> str:
    """Where the joules go, largest first; modelled, so it says how much of it stands on assumptions."""
    split = sorted(energy_by_component(result).items(), key=lambda part: -part[1])
    shares = [(name, part_j / result.energy.total_j) for name, part_j in split[:LARGEST_ENERGIES]]
    parts = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares if share >= 0.005)
    return f"{joules(result.energy_per_token_j)} per token; {parts}"


def _about_power(result: Result) -> str:
    power = result.power
    text = f"mean, {watts(power.peak_w)} peak, limit {watts(power.limit_w)}"
    if power.peak_w > power.limit_w:
        text += ", where clocks would fall"
    assumed = len(result.assumed_energies)
    return text + (f"; {assumed} values assumed" if assumed else "")


def _bill_rows(result: Result) -> list[tuple[str, str, str]]:
    """Cost and carbon, where the user states prices."""
    rows = []
    if cost := result.bill.get("cost"):
        rows.append(
            ("cost", f"{cost['per_million_tokens']:.4g}", f"per million tokens; {cost['total']:.4g} for this run")
        )
    if carbon := result.bill.get("carbon"):
        about = f"of CO2 per million tokens; {carbon['total_g']:.4g} g for this run, chips alone"
        rows.append(("carbon", f"{carbon['per_million_tokens_g']:.4g} g", about))
    return rows


def _causes(result: Result, verbose: bool) -> Table | str:
    """One line of shares, or a table with times."""
    causes = result.ledger.cause_s.items()
    if not verbose:
        shown = [f"{c} {percent(s / result.latency_s)}" for c, s in causes if s >= 0.0005 * result.latency_s]
        return f"[bold]Time by cause[/] {', '.join(shown)}"
    table = make_table("Time by cause", ("cause", "time", "share"), numeric=("time", "share"))
    for cause, time_s in causes:
        table.add_row(cause, seconds(time_s), percent(time_s / result.latency_s))
    return table


def _operators(result: Result, limit: int | None) -> Table:
    columns = ("operator", "count", "time", "share", "limited by", "FLOPs", "traffic")
    rows = sorted(result.ledger.rows, key=lambda row: -row.time_s)
    shown = rows[:limit]
    title = "Time by operator" if len(shown) == len(rows) else f"Time by operator (largest {len(shown)} of {len(rows)})"
    total_s, summed_s = result.latency_s, sum(row.time_s for row in rows)
    if result.mapped.overlapped is not None and summed_s > total_s:
        total_s = summed_s
        title += "; they overlap, shares are of their summed time"
    table = make_table(title, columns, numeric=columns[1:4] + columns[5:], gap=1)
    for row in shown:
        level = result.footprint.memory
        if level not in row.traffic_bytes:  # a transfer between chips
            level = max(row.traffic_bytes, key=row.traffic_bytes.__getitem__, default="")
        table.add_row(
            row.operator,
            f"{row.count}",
            seconds(row.time_s),
            percent(row.time_s / total_s),
            row.limiter,
            count(row.flops) if row.flops else "",
            f"{size(row.traffic_bytes.get(level, 0.0))} {level}",
        )
    return table


def _traffic(result: Result) -> Table:
    columns = ("level", "bytes", "mean rate", "of peak", "of which")
    table = make_table("Traffic, all chips", columns, numeric=columns[1:4])
    main = result.footprint.memory
    for row in by_row(result.columns("traffic")):
        roles = result.ledger.role_bytes if row["level"] == main else {}
        table.add_row(
            row["level"],
            size(row["bytes"]),
            f"{size(row['mean_bytes_per_s'])}/s",
            percent(row["utilisation_fraction"]) if row["peak_bytes_per_s"] else "",
            ", ".join(f"{role} {size(n)}" for role, n in roles.items()),
        )
    return table


def _print_busiest_link(console: Console, result: Result) -> None:
    """The link that is busy longest, and the operators that use it most."""
    links = by_row(result.columns("links"))
    if not any(link["bytes"] for link in links):
        return
    busiest = max(links, key=lambda link: float(link["busy_s"]))
    name, busy = str(busiest["link"]), busiest["busy_fraction"]
    peak, capacity = busiest["peak_bytes_per_s"], busiest["capacity_bytes_per_s"]
    users = [row for row in by_row(result.columns("link_use")) if row["link"] == name][:LARGEST_USERS]
    most = ", ".join(f"{row['operator']} {size(row['bytes'])}" for row in users)
    console.print(
        f"busiest link: [bold]{escape(name)}[/], busy {percent(busy)} of the time, "
        f"peak {size(peak)}/s of {size(capacity)}/s; most from {escape(most)}"
    )


def _print_provenance(console: Console, result: Result) -> None:
    console.print("\n[bold]Inputs[/]")
    for name, digest in result.manifest["inputs"].items():
        console.print(f"  {escape(str(name))}  {digest}")
    for path, value in result.manifest["overrides"].items():
        console.print(f"  --set {escape(path)}={escape(str(value))}")
    if result.assumed:
        console.print(f"[bold]Assumed hardware values[/]: {escape(', '.join(result.assumed))}")
    engine = result.to_dict()["engine"]
    console.print(f"engine {engine['name']}: {engine['tasks']} tasks in {seconds(engine['wall_s'])}")


def make_table(title: str, columns: Iterable[str], numeric: Iterable[str] = (), gap: int = 2) -> Table:
    """An empty table without lines, ``gap`` spaces between columns; numeric columns are aligned right.

    Args:
        title: Above the table.
        columns: Their heads, in order.
        numeric: Which of them hold numbers.
        gap: Spaces between two columns.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, gap, 0, 0))
    right = set(numeric)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if column in right else "left", no_wrap=index == 0 or column in right)
    return table
