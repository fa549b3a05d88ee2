"""Plans that were tried, as a table for people."""

from __future__ import annotations

from collections.abc import Mapping

from rich.markup import escape

from accelsim.cli.tables import Columns, fitted_table, make_console
from accelsim.results.format import describe_phase, percent_text, seconds_text, size_text
from accelsim.results.result import Result
from accelsim.study.plans import Plans

_COLUMNS = Columns(
    ("plan", "latency", "tokens/s", "memory per chip", "limited by"),
    numeric=("latency", "tokens/s", "memory per chip"),
    optional=("limited by",),
    gap=1,
)

#: Plans that are named of those refused for one kind of reason.
_NAMED = 3


def print_plans(plans: Plans) -> None:
    """The best plans, a row each; then how many were tried and why others were not run.

    Args:
        plans: What was tried.
    """
    console = make_console()
    first = plans.results[0]
    console.print(f"[bold]{escape(first.model)} on {escape(first.system)}[/], {describe_phase(first.phase)}")
    console.print(fitted_table(console, "Best plans", _COLUMNS, [_row(result) for result in plans.results]))
    console.print(f"{len(plans.tried)} tried, {len(plans.tried) - len(plans.refused)} run.")
    for refusal in plans.refusals:
        named = [escape(str(plan)) for plan in refusal.plans[:_NAMED]]
        more = len(refusal.plans) - len(named)
        which = "; ".join([*named, *([f"{more} more"] if more else [])])
        console.print(f"[dim]{len(refusal.plans)} refused[/] ({which}): {escape(refusal.reason.partition('. ')[0])}.")
    console.print(f"[bold]Best[/]: {escape(first.bottleneck.sentence)}")


def _row(result: Result) -> Mapping[str, str]:
    return {
        "plan": escape(str(result.plan).replace(",", ", ")),
        "latency": seconds_text(result.latency_s),
        "tokens/s": f"{result.tokens_per_s:,.0f}",
        "memory per chip": size_text(result.footprint.total_bytes),
        "limited by": f"{result.bottleneck.cause} {percent_text(result.bottleneck.fraction)}",
    }
