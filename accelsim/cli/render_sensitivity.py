"""Sensitivity and break-even points as text for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from accelsim.cli.render import describe_phase, joules, make_console, seconds
from accelsim.cli.tables import Columns, fitted_table, print_entry
from accelsim.results.format import change_text
from accelsim.results.result import Result
from accelsim.study.break_even import RANGE, BreakEven
from accelsim.study.sensitivity import LARGE_STEP, Influence, Sensitivity

TOP_PARAMETERS = 12


def print_sensitivity(result: Result, found: Sensitivity, verbose: bool = False) -> None:
    """The parameters that matter most, and the assumed ones the answer rests on.

    Args:
        result: The run that parameters were moved around.
        found: Influence of each parameter, largest first.
        verbose: All parameters, with their sources.
    """
    console = make_console()
    console.print(
        f"[bold]{escape(result.model)}[/] {describe_phase(result.phase)} on [bold]{escape(result.system)}[/], "
        f"plan {result.plan}, {result.dtype}: {seconds(found.base.latency_s)}, {joules(found.base.energy_j)}"
    )
    shown = found.influences if verbose else found.influences[:TOP_PARAMETERS]
    step = f"{found.step:.3g}".rstrip("0") if found.step < 0.01 else f"{found.step:.0%}"
    down = f"-{step}" if found.step < LARGE_STEP else f"1/{1 + found.step:g}"
    names = ("parameter", "value", "kind", f"at {down}", f"at +{step}", "elasticity", "of energy")
    rows = [_cells(one, found, names) for one in shown]
    optional = ("of energy", "kind", "value")
    columns = Columns((*names, "source") if verbose else names, names[3:], optional, gap=1)
    title = f"What the latency depends on ({len(shown)} of {len(found.influences)} parameters)"
    table = fitted_table(console, title, columns, rows)
    console.print(table, "")
    latency, energy = found.most_assumed, found.most_assumed_for_energy
    console.print(_assumed_sentence("latency", latency, latency.latency_elasticity if latency else 0.0))
    console.print(_assumed_sentence("energy", energy, energy.energy_elasticity if energy else 0.0))
    if found.num_without_influence:
        console.print(f"{found.num_without_influence} of {len(found.influences)} parameters have no influence.")
    for path, reason in found.failed if verbose else ():
        print_entry(console, "not moved:", f"{path}: {reason}", style="yellow")
    if found.failed and not verbose:
        console.print(f"{len(found.failed)} parameters could not be moved (-v lists them).")


def _cells(one: Influence, found: Sensitivity, names: Sequence[str]) -> dict[str, str]:
    """One parameter by column; the last is its source."""
    changes = [change_text(side.latency_s / found.base.latency_s - 1, 2) for side in (one.low, one.high)]
    texts = [one.parameter.path, one.parameter.text, one.parameter.kind, *changes]
    texts += [f"{one.latency_elasticity:+.3f}", f"{one.energy_elasticity:+.3f}", one.parameter.source]
    return dict(zip((*names, "source"), map(escape, texts), strict=True))


def _assumed_sentence(what: str, one: Influence | None, elasticity: float) -> str:
    if one is None:
        return f"The {what} depends on no assumed value."
    p = one.parameter
    return (
        f"Of the assumed values the {what} depends most on [bold]{escape(p.path)}[/] = {escape(p.text)}: "
        f"1 % more gives {elasticity:+.2f} %. Its source: {escape(p.source)}"
    )


def print_break_even(found: BreakEven, system: str, other: str) -> None:
    """Above and below which value one machine wins.

    Args:
        found: Where the order of the two machines turns.
        system: Name of the machine whose parameter varies.
        other: Name of the one it is compared with.
    """
    console = make_console()
    p = found.parameter
    console.print(
        f"[bold]{escape(system)}[/] takes {seconds(found.latency_s)} with {escape(p.path)} = {escape(p.text)}; "
        f"[bold]{escape(other)}[/] takes {seconds(found.other_s)}."
    )
    if not found.crossings:
        always = "faster" if found.lowest_s < found.other_s else "slower"
        console.print(
            f"It stays {always} from {RANGE[0]:g} to {RANGE[1]:g} times that value "
            f"({seconds(found.lowest_s)} to {seconds(found.highest_s)}): no break-even."
        )
    for crossing in found.crossings:
        word = "above" if crossing.wins_above else "below"
        console.print(
            f"It is the faster one {word} {escape(p.times(crossing.factor))}, {crossing.factor:.4g} times that."
        )
