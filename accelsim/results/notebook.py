"""A result in a notebook: plain HTML without scripts, in the colours of the notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

from accelsim.results.format import band_text, describe_phase, joules_text, percent_text, seconds_text, size_text

if TYPE_CHECKING:
    from accelsim.results.result import Result

TOP_OPERATORS = 8


def notebook_html(result: Result) -> str:
    """Summary, warnings, time by cause and by operator; every name is escaped."""
    title = f"{result.model} {describe_phase(result.phase)} on {result.system}, plan {result.plan}, {result.dtype}"
    figures = [
        ("latency", f"{seconds_text(result.latency_s)} "
                    f"({band_text(result.band.low_s, result.band.high_s, result.band.level)})"),
        ("throughput", f"{result.tokens_per_s:,.1f} tokens/s"),
        ("energy", f"{joules_text(result.energy.total_j)}, {joules_text(result.energy_per_token_j)} per token"),
        ("MFU", percent_text(result.utilisation.mfu_fraction)),
        ("memory", f"{size_text(result.footprint.total_bytes)} of {size_text(result.footprint.capacity_bytes)} "
                   f"{result.footprint.memory} per chip"),
    ]  # fmt: skip
    causes = [(c, seconds_text(s), percent_text(s / result.latency_s)) for c, s in result.ledger.cause_s.items()]
    rows = sorted(result.ledger.rows, key=lambda row: -row.time_s)[:TOP_OPERATORS]
    operators = [
        (r.operator, f"{r.count}", seconds_text(r.time_s), percent_text(r.time_s / result.latency_s), r.limiter)
        for r in rows
    ]
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in result.warnings)
    return (
        f"<div><strong>{escape(title)}</strong><p>{escape(result.bottleneck.sentence)}</p>"
        + (f"<ul>{warnings}</ul>" if warnings else "")
        + _table((), figures)
        + _table(("cause", "time", "share"), causes)
        + _table(("operator", "count", "time", "share", "limited by"), operators)
        + "</div>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{cells}</tr></thead>' if cells else ''}<tbody>{body}</tbody></table>"
