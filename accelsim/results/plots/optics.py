"""Energy of optical links over their use, and what light over an array gains, from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from accelsim.results.plots.style import OKABE_ITO, new_axes

_MARKERS = "osD^vP*X"


def plot_energy(use: Sequence[float], pj_per_bit: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Draw pJ per useful bit over the share of the time that a link is used.

    Args:
        use: Shares, from 0 to 1.
        pj_per_bit: Energy at each, by link.
        ax: Axes to draw on; None makes a figure.

    Raises:
        ValueError: A curve has another number of points than ``use``.
    """
    ax = new_axes(ax, 7.5, 4.8)
    for index, (name, values) in enumerate(pj_per_bit.items()):
        if len(values) != len(use):
            raise ValueError(f"{name}: {len(values)} energies at {len(use)} shares.")
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index % len(_MARKERS)]
        ax.plot(use, values, color=colour, marker=marker, markersize=4, label=name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    ax.set_xlabel("use of the link")
    ax.set_ylabel("pJ per useful bit")
    ax.set_title("Energy of optical links: lasers burn while the link idles")
    ax.grid(visible=True, which="major", linewidth=0.4, alpha=0.6)
    ax.legend(frameon=False)
    return ax


def plot_gain(elements: Sequence[int], speedup: Mapping[str, Sequence[float]], ax: Axes | None = None) -> Axes:
    """Draw how much faster sums over lines of cores are with light than over the mesh alone.

    Args:
        elements: Elements that each core holds.
        speedup: Time over the mesh over time with light at each, by curve.
        ax: Axes to draw on; None makes a figure.

    Raises:
        ValueError: A curve has another number of points than ``elements``.
    """
    ax = new_axes(ax, 7.5, 4.8)
    for index, (name, values) in enumerate(speedup.items()):
        if len(values) != len(elements):
            raise ValueError(f"{name}: {len(values)} values at {len(elements)} sizes.")
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index % len(_MARKERS)]
        ax.plot(elements, values, color=colour, marker=marker, markersize=4, label=name)
    ax.set_xscale("log", base=2)
    ax.axhline(1.0, color="0.6", linewidth=0.8)
    ax.set_xlabel("elements that each core holds")
    ax.set_ylabel("times as fast as over the mesh")
    ax.set_title("A sum over every line of cores: mesh against light")
    ax.grid(visible=True, which="major", linewidth=0.4, alpha=0.6)
    ax.legend(frameon=False)
    return ax
