"""What a chip must hold against what it has."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from accelsim.results.plots.style import (
    ROLE_FILLS,
    as_results,
    bytes_text,
    fills,
    new_axes,
    run_labels,
    run_text,
    size_unit,
    stack,
)
from accelsim.results.result import Result


def plot_memory(
    results: Result | Sequence[Result], ax: Axes | None = None, *, labels: Sequence[str] | None = None
) -> Axes:
    """Draw the memory of the fullest chip by tensor role, with its capacity as a line.

    Args:
        results: One run or several.
        ax: Axes to draw on; None makes a figure.
        labels: A name per run; None makes them from system, phase and plan.

    Raises:
        ValueError: No result, or not one label per run.
    """
    runs = as_results(results)
    if labels is not None and len(labels) != len(runs):
        raise ValueError(f"labels: {len(labels)} given for {len(runs)} runs. Give one per run.")
    names = list(labels or run_labels(runs))
    ax = new_axes(ax, 9.0, 1.3 + 0.6 * sum(1 + name.count("\n") * 0.3 for name in names))
    left = [0.0] * len(runs)
    roles = list(dict.fromkeys(role for run in runs for role, n in run.footprint.role_bytes.items() if n))
    for role, fill in fills(roles, ROLE_FILLS).items():
        widths = [float(run.footprint.role_bytes.get(role, 0)) for run in runs]
        _, left = stack(ax, widths, left, 0.4, role, fill)
    capacities = [float(run.footprint.capacity_bytes) for run in runs]
    centres = range(len(runs))
    ax.vlines(
        capacities, [y - 0.28 for y in centres], [y + 0.28 for y in centres], "black", linewidth=2.0, label="capacity"
    )
    longest = max(*left, *capacities)
    _write_sizes(ax, runs, left, longest)
    _dress(ax, names, longest)
    ax.set_title(run_text(runs[0]) if len(runs) == 1 else "memory per chip", loc="left", fontsize="medium", wrap=True)
    return ax


def _write_sizes(ax: Axes, runs: Sequence[Result], totals: Sequence[float], longest: float) -> None:
    """Needed and available bytes, above each bar so that neither meets the capacity line."""
    for index, (run, total) in enumerate(zip(runs, totals, strict=True)):
        capacity = run.footprint.capacity_bytes
        text = f"{bytes_text(total)} of {bytes_text(capacity)} {run.footprint.memory} ({total / capacity:.0%})"
        ax.annotate(
            text.replace("%", " %"),
            (0.0, index - 0.22),
            (2, 1),
            textcoords="offset points",
            va="bottom",
            fontsize="small",
        )


def _dress(ax: Axes, names: Sequence[str], longest: float) -> None:
    prefix, factor = size_unit(longest)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.6, -0.6)
    ax.set_xlim(0.0, longest * 1.05)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=7))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:.6g}"))
    ax.set_xlabel(f"memory of one chip ({prefix}B)")
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
