"""Where the time goes: bars of time by cause or by operator, for one run or several beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from matplotlib.patheffects import withStroke
from matplotlib.ticker import PercentFormatter

from accelsim.results.plots.style import (
    CAUSE_FILLS,
    GREY,
    KIND_FILLS,
    LIGHT_GREY,
    OKABE_ITO,
    OTHER,
    Paint,
    as_results,
    fills,
    new_axes,
    operator_names,
    run_labels,
    run_text,
    stack,
    time_label,
    use_time_axis,
)
from accelsim.results.result import Result

#: A cause or operator below this share of every bar is drawn as "other": its own colour could not be seen.
SMALLEST_SHARE = 0.005
_ROOM_FOR_TOTALS = 1.25

Parts = Mapping[str, float]


def plot_breakdown(
    results: Result | Sequence[Result],
    by: Literal["cause", "operator"] = "cause",
    ax: Axes | None = None,
    *,
    scale: Literal["time", "share"] = "time",
    labels: Sequence[str] | None = None,
    max_operators: int = 12,
) -> Axes:
    """Draw where the time of one or several runs goes.

    ``by="cause"``: one bar per run, cut by cause; the pieces sum to the latency.  ``by="operator"`` with one run: one
    bar per operator, cut by cause; with several runs: one bar per run, cut by operator.  Operator times are first
    start to last end summed over executions, so a collective under an operator counts twice and the sum may exceed
    the latency.  Pieces below :data:`SMALLEST_SHARE` of every bar are gathered as "other", none is dropped.

    Args:
        results: One run or several.
        by: What cuts the time.
        ax: Axes to draw on; None makes a figure.
        scale: ``"time"``: bars as long as their time; ``"share"``: all bars equally long, the time beside them.
        labels: A name per run; None makes them from system, phase and plan.
        max_operators: Operators told apart; the rest is one bar or piece "other".

    Raises:
        ValueError: Unknown ``by`` or ``scale``, no result, or not one label per run.
    """
    runs = as_results(results)
    if by not in ("cause", "operator"):
        raise ValueError(f"by={by!r} is unknown. Use 'cause' or 'operator'.")
    if scale not in ("time", "share"):
        raise ValueError(f"scale={scale!r} is unknown. Use 'time' or 'share'.")
    if labels is not None and len(labels) != len(runs):
        raise ValueError(f"labels: {len(labels)} given for {len(runs)} runs. Give one per run.")
    names = list(labels or run_labels(runs))
    if by == "operator" and len(runs) == 1:
        names, bars = _operator_bars(runs[0], max_operators)
        whole_s, title = runs[0].latency_s, run_text(runs[0])
        if runs[0].mapped.servers.stream is None:  # operators work at once, each for nearly all of the latency
            whole_s = sum(row.time_s for row in runs[0].ledger.rows)
            title += "\noperators overlap; shares are of their summed time"
        return _draw(_Stacks(names, _gather(bars), CAUSE_FILLS, title, whole_s), ax, scale)
    title = run_text(runs[0]) if len(runs) == 1 else _common_title(runs, by)
    if by == "cause":
        stacks = _Stacks(names, _gather([dict(run.ledger.cause_s) for run in runs]), CAUSE_FILLS, title)
    else:
        stacks = _Stacks(names, _runs_by_operator(runs, max_operators), KIND_FILLS, title)
    return _draw(stacks, ax, scale)


def _common_title(runs: Sequence[Result], by: str) -> str:
    models = list(dict.fromkeys(run.model for run in runs))
    phases = list(dict.fromkeys(str(run.phase["kind"]) for run in runs))
    return f"{', '.join(models)} {' and '.join(phases)}: time by {by}"


def _operator_bars(run: Result, max_operators: int) -> tuple[list[str], list[dict[str, float]]]:
    """The longest operators cut by cause, then all others as one bar."""
    rows = run.ledger.rows
    named = sorted(zip(operator_names(rows), rows, strict=True), key=lambda item: -item[1].time_s)
    shown, rest = named[:max_operators], named[max_operators:]
    names = [f"{name} \u00d7{row.count}" if row.count > 1 else name for name, row in shown]
    bars = [dict(row.parts_s) for _, row in shown]
    if rest:
        together: dict[str, float] = {}
        for _, row in rest:
            for cause, time_s in row.parts_s.items():
                together[cause] = together.get(cause, 0.0) + time_s
        names.append(f"{len(rest)} others")
        bars.append(together)
    return names, bars


def _runs_by_operator(runs: Sequence[Result], max_operators: int) -> list[dict[str, float]]:
    """Each run cut by operator; the operators with the largest share of any run are told apart."""
    bars = [
        {name: row.time_s for name, row in zip(operator_names(run.ledger.rows), run.ledger.rows, strict=True)}
        for run in runs
    ]
    largest: dict[str, float] = {}
    for bar in bars:
        total_s = sum(bar.values())
        for name, time_s in bar.items():
            largest[name] = max(largest.get(name, 0.0), time_s / total_s)
    told_apart = min(max_operators, len(OKABE_ITO))
    keep = set(sorted(largest, key=lambda name: -largest[name])[:told_apart])
    return _gather([_merge(bar, keep) for bar in bars])


def _gather(bars: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Put what is small against every bar (against the longest one, for its own bar) under one name."""
    totals = [sum(bar.values()) for bar in bars]
    keep: set[str] = set()
    for bar, total_s in zip(bars, totals, strict=True):
        keep |= {name for name, time_s in bar.items() if time_s >= SMALLEST_SHARE * total_s}
    return [_merge(bar, keep) for bar in bars]


def _merge(bar: Parts, keep: set[str]) -> dict[str, float]:
    merged = {name: time_s for name, time_s in bar.items() if name in keep}
    rest_s = sum(time_s for name, time_s in bar.items() if name not in keep)
    return merged | ({OTHER: merged.get(OTHER, 0.0) + rest_s} if rest_s > 0 else {})


@dataclass(frozen=True)
class _Stacks:
    """Stacked bars before they are drawn.

    Attributes:
        names: Name of each bar, the first one on top.
        bars: Seconds of the pieces of each bar, by name.
        known: Paint of the names that have one; :data:`KIND_FILLS` where pieces are operators.
        title: Title of the axes.
        whole_s: What the bars are a share of, written at their ends; None to leave it out.
    """

    names: Sequence[str]
    bars: Sequence[Parts]
    known: Mapping[str, Paint]
    title: str
    whole_s: float | None = None


def _draw(stacks: _Stacks, ax: Axes | None, scale: str) -> Axes:
    """Stacked horizontal bars, first one on top, with the total at the end of each."""
    names, bars, whole_s = stacks.names, stacks.bars, stacks.whole_s
    ax = new_axes(ax, 9.0, 1.3 + 0.36 * sum(1 + name.count("\n") * 0.5 for name in names))
    order = _stack_order(bars)
    fill_of = _operator_fills(order) if stacks.known is KIND_FILLS else fills(order, stacks.known)
    totals = [sum(bar.values()) for bar in bars]
    divisors = [total_s or 1.0 if scale == "share" else 1.0 for total_s in totals]
    left = [0.0] * len(bars)
    pieces: list[tuple[BarContainer, Paint]] = []
    for name in order:
        widths = [bar.get(name, 0.0) / divisor for bar, divisor in zip(bars, divisors, strict=True)]
        drawn, left = stack(ax, widths, left, 0.72, name, fill_of[name])
        pieces.append((drawn, fill_of[name]))
    _dress(ax, names, left, scale, stacks.title)
    for index, (end, total_s) in enumerate(zip(left, totals, strict=True)):
        share = "" if whole_s is None else f"  {total_s / whole_s:.1%}".replace("%", " %")
        ax.annotate(f"{time_label(total_s)}{share}", (end, index), (4, 0), textcoords="offset points", va="center")
    _write_shares(ax, pieces, left)
    return ax


def _stack_order(bars: Sequence[Parts]) -> list[str]:
    """Largest share first, "other" last."""
    weight: dict[str, float] = {}
    for bar in bars:
        total_s = sum(bar.values()) or 1.0
        for name, time_s in bar.items():
            weight[name] = weight.get(name, 0.0) + time_s / total_s
    return sorted(weight, key=lambda name: (name == OTHER, -weight[name], name))


def _operator_fills(order: Sequence[str]) -> dict[str, Paint]:
    """One colour per operator in order of size."""
    palette = [Paint(colour) for colour in (*OKABE_ITO, GREY)]
    return {name: Paint(LIGHT_GREY) if name == OTHER else palette[i % len(palette)] for i, name in enumerate(order)}


def _dress(ax: Axes, names: Sequence[str], ends: Sequence[float], scale: str, title: str) -> None:
    longest = max(ends) or 1.0
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    if scale == "share":
        ax.set_xticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
        ax.set_xlabel("share of the time (%)")
    else:
        use_time_axis(ax, longest)
    ax.set_xlim(0.0, longest * _ROOM_FOR_TOTALS)
    ax.set_title(title, loc="left", fontsize="medium", wrap=True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def _write_shares(ax: Axes, pieces: Sequence[tuple[BarContainer, Paint]], totals: Sequence[float]) -> None:
    """Percentages inside the pieces that are wide enough for them."""
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    for container, fill in pieces:
        for patch, total in zip(container.patches, totals, strict=True):
            if not patch.get_width():
                continue
            centre = patch.get_x() + patch.get_width() / 2, patch.get_y() + patch.get_height() / 2
            text = ax.text(
                *centre,
                f"{patch.get_width() / total:.0%}".replace("%", " %"),
                ha="center",
                va="center",
                color=fill.text_colour,
                fontsize="small",
            )
            text.set_path_effects([withStroke(linewidth=3.0, foreground=fill.colour)])  # readable on a hatch
            if text.get_window_extent().width > patch.get_window_extent().width - 4:
                text.remove()
