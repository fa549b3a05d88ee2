"""Results as text for people: aligned, in human units, one screen."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from accelsim.cli.tables import Columns, fitted_table, make_console, make_table, print_entry
from accelsim.cli.warning_lines import one_per_kind
from accelsim.results.account import OperatorRow
from accelsim.results.format import band_text, describe_phase, operator_labels
from accelsim.results.format import count_text as count
from accelsim.results.format import joules_text as joules
from accelsim.results.format import percent_text as percent
from accelsim.results.format import seconds_text as seconds
from accelsim.results.format import size_text as size
from accelsim.results.format import watts_text as watts
from accelsim.results.metrics import BUBBLE_DEFINITION, HFU_DEFINITION, MBU_DEFINITION, MFU_DEFINITION
from accelsim.results.result import Result
from accelsim.results.summary import energy_by_component
from accelsim.results.tables.columns import by_row
from accelsim.results.types_text import types_text

TOP_OPERATORS = 6
_OPERATOR_NAMES = ("operator", "count", "time", "share", "limited by", "FLOPs", "traffic")
_OPERATORS = Columns(
    _OPERATOR_NAMES, numeric=("count", "time", "share", "FLOPs", "traffic"), optional=("FLOPs", "count"), gap=1
)
_TRAFFIC = Columns(("level", "bytes", "mean rate", "of peak", "of which"), ("bytes", "mean rate", "of peak"))
LARGEST_ENERGIES, LARGEST_USERS = 4, 3


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
    console.print(_operators(console, result, None if verbose else TOP_OPERATORS), "")
    console.print(_traffic(console, result))
    _print_levels(console, result)
    _print_busiest_link(console, result)
    for warning in result.warnings if verbose else one_per_kind(result.warnings):
        print_entry(console, "warning:", warning, style="yellow")
    if verbose:
        _print_provenance(console, result)


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
    if result.case.phase.trains:
        rows.append(("HFU", percent(result.hfu_fraction), HFU_DEFINITION))
    if u.mbu_fraction is not None:
        rows.append(("MBU", percent(u.mbu_fraction), MBU_DEFINITION))
    f = result.footprint
    for held in (f, *f.behind):
        roles = ", ".join(f"{role} {size(n)}" for role, n in held.role_bytes.items() if n)
        where = f"of {size(held.capacity_bytes)} {held.memory} per chip: {roles}"
        where += f"; {held.regions}" if held.regions is not None else ""
        rows.append(("memory", size(held.total_bytes), where))
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


def _operators(console: Console, result: Result, limit: int | None) -> Table:
    rows = sorted(result.ledger.rows, key=lambda row: -row.time_s)
    shown = rows[:limit]
    title = "Time by operator" if len(shown) == len(rows) else f"Time by operator (largest {len(shown)} of {len(rows)})"
    total_s, summed_s = result.latency_s, sum(row.time_s for row in rows)
    if result.mapped.overlapped is not None and summed_s > total_s:
        total_s = summed_s
        title += "; they overlap, shares are of their summed time"
    labels = operator_labels((row.block, row.operator) for row in rows)
    memory = result.footprint.memory
    cells = [{"operator": labels[row.block, row.operator], **_cells(row, memory, total_s)} for row in shown]
    return fitted_table(console, title, _OPERATORS, cells)


def _cells(row: OperatorRow, memory: str, total_s: float) -> dict[str, str]:
    level = memory
    if level not in row.traffic_bytes:  # a transfer between chips
        level = max(row.traffic_bytes, key=row.traffic_bytes.__getitem__, default="")
    return {
        "count": f"{row.count}",
        "time": seconds(row.time_s),
        "share": percent(row.time_s / total_s),
        "limited by": row.limiter,
        "FLOPs": count(row.flops) if row.flops else "",
        "traffic": f"{size(row.traffic_bytes.get(level, 0.0))} {level}",
    }


def _traffic(console: Console, result: Result) -> Table:
    main = result.footprint.memory
    cells = []
    for row in by_row(result.columns("traffic")):
        roles = result.ledger.role_bytes if row["level"] == main else {}
        cells.append(
            {
                "level": row["level"],
                "bytes": size(row["bytes"]),
                "mean rate": f"{size(row['mean_bytes_per_s'])}/s",
                "of peak": percent(row["utilisation_fraction"]) if row["peak_bytes_per_s"] else "",
                "of which": ", ".join(f"{role} {size(n)}" for role, n in roles.items()),
            }
        )
    return fitted_table(console, "Traffic, all chips", _TRAFFIC, cells)


def _print_levels(console: Console, result: Result) -> None:
    """Bytes, time and energy of each level of links, where chips are joined by several (a package, a network)."""
    levels = [row for row in by_row(result.columns("traffic")) if row["level"] in result.machine.levels]
    if len(levels) > 1:
        parts = (
            f"[bold]{row['level']}[/] {size(row['bytes'])} in {seconds(row['time_s'])} for {joules(row['energy_j'])}"
            for row in levels
        )
        console.print(f"between chips: {', '.join(parts)} (times of all transfers, which overlap)")


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
