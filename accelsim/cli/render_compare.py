"""Several runs as one table for people, with the reason of each and of what could not be run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.markup import escape

from accelsim.cli.tables import Columns, fitted_table, make_console, print_entry
from accelsim.cli.warning_lines import one_per_kind
from accelsim.results.format import band_text, describe_phase, joules_text, percent_text, seconds_text, size_text
from accelsim.results.result import Result
from accelsim.study.compare import Attempt, Refused

_NAMES = ("batch", "system", "plan", "latency", "band", "tokens/s", "energy/token", "memory traffic", "limited by")
_COLUMNS = Columns(
    _NAMES,
    numeric=("batch", "latency", "band", "tokens/s", "energy/token", "memory traffic"),
    optional=("memory traffic", "limited by", "energy/token", "band"),
    gap=1,
)


def print_comparison(runs: Sequence[Attempt]) -> None:
    """One table per phase, a row per run; then why each takes as long, or why there is none.

    Args:
        runs: Results, and what was refused.
    """
    console = make_console()
    level = next((f"{run.band.level:.0%}" for run in runs if isinstance(run, Result)), "")
    console.print(f"[bold]{escape(_model(runs[0]))}[/]: the same work on each machine")
    several = len({str(run.phase.get("batch")) for run in runs}) > 1
    for phase in dict.fromkeys(_title(run, several) for run in runs):
        rows = [_row(run, several) for run in runs if _title(run, several) == phase]
        console.print(fitted_table(console, phase, _COLUMNS, rows))
    if level:
        console.print(f"[dim]band: {level.replace('%', ' %')} of measured times lie in it[/]")
    for label, reason in dict.fromkeys((_label(run, runs), _reason(run)) for run in runs):
        console.print(f"[bold]{escape(label)}[/]: {escape(reason)}")
    warnings = [(run.system, text) for run in runs if isinstance(run, Result) for text in run.warnings]
    for line in _warning_lines(warnings):
        print_entry(console, "warning:", line, style="yellow")


def _title(run: Attempt, but_batch: bool) -> str:
    return describe_phase({name: size for name, size in run.phase.items() if name != "batch" or not but_batch})


def _row(run: Attempt, with_batch: bool) -> Mapping[str, str]:
    row = {"batch": str(run.phase.get("batch", ""))} if with_batch else {}
    return {**row, "system": escape(run.system), "plan": escape(_plan(run).replace(",", ", ")), **_figures(run)}


def _figures(run: Attempt) -> Mapping[str, str]:
    if isinstance(run, Refused):
        return {"latency": "does not fit" if run.is_capacity else "not possible"}
    main = run.footprint.memory
    return {
        "latency": seconds_text(run.latency_s),
        "band": band_text(run.band.low_s, run.band.high_s, run.band.level).partition(",")[0],
        "tokens/s": f"{run.tokens_per_s:,.0f}",
        "energy/token": joules_text(run.energy_per_token_j),
        "memory traffic": f"{size_text(run.ledger.traffic_bytes.get(main, 0.0))} {main}",
        "limited by": f"{run.bottleneck.cause} {percent_text(run.bottleneck.fraction)}",
    }


def _plan(run: Attempt) -> str:
    return str(run.plan if isinstance(run, Result) else run.case.plan)


def _model(run: Attempt) -> str:
    return run.model if isinstance(run, Result) else str(run.case.to_dict()["model"])


def _label(run: Attempt, runs: Sequence[Attempt]) -> str:
    """Machine and kind of phase, and what else differs among the runs of a machine."""
    own = [other for other in runs if other.system.partition(":")[0] == run.system.partition(":")[0]]
    parts = [run.system, str(run.phase["kind"])]
    for name in ("batch", "context", "prompt"):
        if len({str(other.phase.get(name)) for other in own if other.phase["kind"] == run.phase["kind"]}) > 1:
            parts.append(f"{name} {run.phase.get(name)}")
    if len({_plan(other) for other in own if other.phase == run.phase}) > 1:
        parts.append(_plan(run))
    return " ".join(parts)


def _reason(run: Attempt) -> str:
    return str(run.error) if isinstance(run, Refused) else run.bottleneck.sentence


def _warning_lines(warnings: Iterable[tuple[str, str]]) -> list[str]:
    """A line per machine and kind of warning."""
    by_system: dict[str, list[str]] = {}
    for system, text in warnings:
        by_system.setdefault(system, []).append(text)
    return [f"{system}: {line}" for system, texts in by_system.items() for line in one_per_kind(dict.fromkeys(texts))]
