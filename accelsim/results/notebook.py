"""A result in a notebook: plain HTML without scripts, in the colours of the notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from accelsim.results.data import RunData
from accelsim.results.format import band_text, describe_phase, joules_text, percent_text, seconds_text, size_text

TOP_OPERATORS = 8

#: Inline, because a page without scripts or style sheets of its own is what every front end shows.  Colours are those
#: of the notebook, made weaker or stronger, so that light and dark themes both read well; the blue is Okabe and Ito's.
_CARDS = "display:flex;flex-wrap:wrap;gap:0.4em 1.6em;margin:0.6em 0"
_SMALL = "font-size:85%;opacity:0.75"
_COLUMNS = "display:flex;flex-wrap:wrap;gap:0 2.5em;align-items:flex-start"
_CELL = "text-align:{};padding:0.15em 0.6em;white-space:nowrap;background:none"
_BAR = "display:inline-block;height:0.7em;width:{:.1f}em;background:#56B4E9;vertical-align:baseline"
_BAR_EM = 7.0
_WARNINGS_SHOWN = 3


def notebook_html(result: RunData) -> str:
    """Summary, warnings, time by cause and by operator; every name is escaped."""
    title = f"{result.model} {describe_phase(result.phase)} on {result.system}"
    rest = f"plan {result.plan}, {result.dtype}" + (f", profile {result.profile}" if result.profile else "")
    causes = sorted(result.ledger.cause_s.items(), key=lambda cause: -cause[1])
    rows = sorted(result.ledger.rows, key=lambda row: -row.time_s)[:TOP_OPERATORS]
    total_s = result.latency_s
    overlap = sum(row.time_s for row in result.ledger.rows) > 1.001 * total_s
    note = f'<div style="{_SMALL}">operators overlap: their times add up to more than the latency</div>'
    return (
        f'<div><div style="font-size:115%"><strong>{escape(title)}</strong> '
        f'<span style="{_SMALL}">{escape(rest)}</span></div>'
        f'<div style="margin:0.3em 0">{escape(result.bottleneck.sentence)}</div>'
        + _cards(result)
        + _warnings(result.warnings)
        + f'<div style="{_COLUMNS}">'
        + _table(("cause", "time", "share", ""), [(name, *_time(s, total_s)) for name, s in causes])
        + _table(
            ("operator", "count", "time", "share", "", "limited by"),
            [(row.operator, f"{row.count:,}", *_time(row.time_s, total_s), row.limiter) for row in rows],
        )
        + f"</div>{note if overlap else ''}</div>"
    )


def _cards(result: RunData) -> str:
    band = band_text(result.band.low_s, result.band.high_s, result.band.level)
    memory = result.footprint
    figures = (
        ("latency", seconds_text(result.latency_s), band),
        ("throughput", f"{result.tokens_per_s:,.1f} tokens/s", f"MFU {percent_text(result.utilisation.mfu_fraction)}"),
        ("energy", joules_text(result.energy.total_j), f"{joules_text(result.energy_per_token_j)} per token"),
        (f"{memory.memory} per chip", size_text(memory.total_bytes), f"of {size_text(memory.capacity_bytes)}"),
    )
    cards = "".join(
        f'<div><div style="{_SMALL}">{escape(name)}</div><div style="font-size:125%">{escape(value)}</div>'
        f'<div style="{_SMALL}">{escape(note)}</div></div>'
        for name, value, note in figures
    )
    return f'<div style="{_CARDS}">{cards}</div>'


def _warnings(warnings: Sequence[str]) -> str:
    """One line that opens: a long list would hide the figures."""
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    count = f"{len(warnings)} warning{'s' if len(warnings) > 1 else ''}: where to trust the figures less"
    opened = " open" if len(warnings) <= _WARNINGS_SHOWN else ""
    return f'<details{opened} style="margin:0.4em 0"><summary>{count}</summary><ul>{items}</ul></details>'


def _time(time_s: float, total_s: float) -> tuple[str, str, float]:
    share = time_s / total_s
    return seconds_text(time_s), percent_text(share), share


def _table(head: Sequence[str], rows: Iterable[Sequence[str | float]]) -> str:
    """A table whose first column is text and whose numbers are bars, the longest of full length."""
    rows = list(rows)
    longest = max((value for row in rows for value in row if isinstance(value, float)), default=0.0) or 1.0

    def cell(tag: str, at: int, value: str | float) -> str:
        text = f'<span style="{_BAR.format(_BAR_EM * value / longest)}"></span>' if isinstance(value, float) else ""
        side = "left" if at == 0 or head[at] in ("", "limited by") else "right"
        return f'<{tag} style="{_CELL.format(side)}">{text or escape(str(value))}</{tag}>'

    top = "".join(cell("th", at, name) for at, name in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", at, value) for at, value in enumerate(row)) + "</tr>" for row in rows)
    return f'<table style="color:inherit"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
