"""The difference between two runs as text for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from rich.console import Console
from rich.markup import escape

from accelsim.cli.render import joules, make_console, make_table, seconds, size
from accelsim.results.difference import Change, Difference
from accelsim.results.format import band_text, change_text

TOP_PARTS = 8
#: Differences below this share of the latency are rounding.
_NOTHING = 1e-9


def print_difference(found: Difference, verbose: bool = False) -> None:
    """Inputs that differ, figures, causes, the largest parts of the difference, traffic.

    Args:
        found: Two runs with what they differ in.
        verbose: All parts, not the largest alone.
    """
    console = make_console()
    console.print(f"[bold]{escape(found.sentence)}[/]")
    if found.is_equal and not found.inputs:
        return
    if found.band_s is not None and not found.is_equal:
        where = "inside" if found.is_within_band else "outside"
        band = band_text(*found.band_s, found.band_level)
        console.print(f"The second latency lies {where} the first run's error band ({band}).")
    console.print()
    if found.inputs:
        inputs = make_table("Inputs that differ", ("", "first", "second"))
        inputs.columns[0].no_wrap = False
        for row in found.inputs:
            inputs.add_row(*map(escape, row))
        console.print(inputs, "")
    formats: dict[str, Callable[[float], str]] = {"latency_s": seconds, "energy_j": joules}
    figures = [change for change in found.figures if change.before or change.after]
    _print_changes(console, "Figures", figures, lambda change: formats.get(change.name, _number)(change.before),
                   lambda change: formats.get(change.name, _number)(change.after))  # fmt: skip
    _print_seconds(console, "Time on the critical path by cause", found.causes, found)
    limit = None if verbose else TOP_PARTS
    parts = [Change(part.name, part.time.before, part.time.after) for part in found.parts if part.time.delta]
    if parts:
        shown = list(islice(parts, limit))
        title = "Where the difference is" + (
            "" if len(shown) == len(parts) else f" (largest {len(shown)} of {len(parts)})"
        )
        _print_seconds(console, title, shown, found)
    _print_changes(
        console, "Traffic, all chips", found.traffic_bytes, lambda c: size(c.before), lambda c: size(c.after)
    )
    _print_changes(console, "Memory per chip", found.memory_bytes, lambda c: size(c.before), lambda c: size(c.after))


def _print_changes(
    console: Console,
    title: str,
    changes: Iterable[Change],
    before: Callable[[Change], str],
    after: Callable[[Change], str],
) -> None:
    columns = ("", "first", "second", "change")
    drawn = make_table(title, columns, numeric=columns[1:])
    drawn.columns[0].no_wrap = False
    for change in changes:
        drawn.add_row(escape(change.name), before(change), after(change), _percent(change.fraction))
    console.print(drawn, "")


def _print_seconds(console: Console, title: str, changes: Iterable[Change], found: Difference) -> None:
    columns = ("", "first", "second", "difference", "share of it")
    drawn = make_table(title, columns, numeric=columns[1:])
    drawn.columns[0].no_wrap = False
    total = found.latency_s.delta
    for change in changes:
        share = change_text(change.delta / total) if total else ""
        signed = f"{'+' if change.delta >= 0 else '-'}{seconds(abs(change.delta))}"
        if abs(change.delta) < _NOTHING * found.latency_s.before:
            signed, share = "same", ""
        drawn.add_row(escape(change.name), seconds(change.before), seconds(change.after), signed, share)
    console.print(drawn, "")


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:.4g}"


def _percent(fraction: float) -> str:
    if fraction == float("inf"):
        return "new"
    return "same" if fraction == 0 else change_text(fraction)
