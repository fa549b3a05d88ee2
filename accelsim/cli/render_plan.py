"""Plans that were tried, as a table for people."""

from __future__ import annotations

from collections import Counter
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
    reasons = Counter(str(one.refused).partition(". ")[0] for one in plans.refused)
    for reason, count in reasons.most_common(3):
        console.print(f"[dim]{count} refused:[/] {escape(reason)}")
    console.print(f"[bold]Best[/]: {escape(first.bottleneck.sentence)}")


def _row(result: Result) -> Mapping[str, str]:
    return {
        "plan": escape(str(result.plan).replace(",", ", ")),
        "latency": seconds_text(result.latency_s),
        "tokens/s": f"{result.tokens_per_s:,.0f}",
        "memory per chip": size_text(result.footprint.total_bytes),
        "limited by": f"{result.bottleneck.cause} {percent_text(result.bottleneck.fraction)}",
    }
