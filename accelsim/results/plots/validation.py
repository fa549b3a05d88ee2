"""Predicted against measured times, and how the errors are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike, NDArray

from accelsim.results.plots.style import BLACK, LIGHT_GREY, OKABE_ITO

Array = NDArray[np.float64]
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_ALLOWED = 0.25  # the band drawn beside the diagonal
_WIDEST = 1.0  # errors beyond it are counted in the last bin
_BINS = 41


def plot_validation(
    points: Mapping[str, tuple[ArrayLike, ArrayLike]], axes: Sequence[Axes] | None = None, *, title: str = ""
) -> tuple[Axes, Axes]:
    """Draw predicted over measured seconds, log-log, and a histogram of the signed relative errors.

    Args:
        points: (predicted, measured) seconds by name of a series; pairs without a prediction (NaN) are left out.
        axes: Two axes to draw on; None makes a figure.
        title: Written above.

    Raises:
        ValueError: No point, a measured time that is not positive, or columns of different length.
    """
    series = {name: _pairs(name, *pair) for name, pair in points.items()}
    series = {name: pair for name, pair in series.items() if pair[0].size}
    if not series:
        raise ValueError("no point has both a predicted and a measured time.")
    if axes is None:
        figure, made = plt.subplots(1, 2, figsize=(12.0, 5.2), layout="constrained")
        axes = tuple(made)
        figure.suptitle(title, fontsize="medium")
    scatter, histogram = axes
    _draw_points(scatter, series)
    _draw_errors(histogram, series)
    return scatter, histogram


def _pairs(name: str, predicted: ArrayLike, measured: ArrayLike) -> tuple[Array, Array]:
    first, second = (np.asarray(values, dtype=np.float64) for values in (predicted, measured))
    if first.shape != second.shape:
        raise ValueError(f"{name}: {first.size} predicted, {second.size} measured times. Give one of each per point.")
    if second.size and not np.all(second > 0.0):
        raise ValueError(f"{name}: a measured time is not positive.")
    known = np.isfinite(first)
    return first[known], second[known]


def _draw_points(ax: Axes, series: Mapping[str, tuple[Array, Array]]) -> None:
    every = np.concatenate([value for pair in series.values() for value in pair])
    ends = np.array([every.min() / 1.5, every.max() * 1.5])
    ax.fill_between(
        ends,
        ends * (1 - _ALLOWED),
        ends * (1 + _ALLOWED),
        color=LIGHT_GREY,
        zorder=0,
        label=f"within {_ALLOWED:.0%}".replace("%", " %"),
    )
    ax.plot(ends, ends, color=BLACK, linewidth=0.8, zorder=1)
    for index, (name, (predicted, measured)) in enumerate(series.items()):
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index // len(OKABE_ITO) % len(_MARKERS)]
        label = f"{name} ({measured.size})"
        ax.scatter(measured, predicted, s=9, color=colour, marker=marker, alpha=0.6, lw=0, label=label, zorder=2)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="measured (s)", ylabel="predicted (s)")
    ax.set_aspect("equal")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(loc="upper left", fontsize="x-small", frameon=False, markerscale=1.5)


def _draw_errors(ax: Axes, series: Mapping[str, tuple[Array, Array]]) -> None:
    errors = np.concatenate([predicted / measured - 1.0 for predicted, measured in series.values()])
    ax.hist(np.clip(errors, -_WIDEST, _WIDEST), np.linspace(-_WIDEST, _WIDEST, _BINS).tolist(), color=OKABE_ITO[1])
    ax.axvline(0.0, color=BLACK, linewidth=0.8)
    text = f"{errors.size} points, MAPE {np.abs(errors).mean():.1%}, bias {errors.mean():+.1%}"
    ax.set_title(text.replace("%", " %"), fontsize="small", loc="left")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set(xlim=(-_WIDEST, _WIDEST), ylabel="points")
    ax.set_xlabel("predicted / measured - 1 (the last bins hold what lies beyond)")
    ax.spines[["top", "right"]].set_visible(False)
