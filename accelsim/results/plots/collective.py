"""Bus bandwidth of a collective over its size, one curve per algorithm, from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from accelsim.results.plots.style import OKABE_ITO, bytes_text, new_axes

_MARKERS = "osD^vP*X"


def plot_collective(
    bus_bytes_per_s: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    title: str = "",
    link_bytes_per_s: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw bus bandwidth over size.

    Args:
        bus_bytes_per_s: Sizes in bytes and bus bandwidth at each, by algorithm.
        title: Text above the axes.
        link_bytes_per_s: Rate of the link, drawn as a ceiling.
        ax: Axes to draw on; None makes a figure.

    Raises:
        ValueError: Sizes and bandwidths of a curve differ in number.
    """
    ax = new_axes(ax, 7.5, 4.8)
    for index, (name, (sizes, values)) in enumerate(bus_bytes_per_s.items()):
        if len(sizes) != len(values):
            raise ValueError(f"{name}: {len(sizes)} sizes but {len(values)} bandwidths.")
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index % len(_MARKERS)]
        ax.plot(sizes, [v / 1e9 for v in values], color=colour, marker=marker, markersize=4, label=name)
    if link_bytes_per_s is not None:
        ax.axhline(link_bytes_per_s / 1e9, color="black", linestyle="--", linewidth=1, label="link")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: bytes_text(value)))
    ax.set_xlabel("size of the call")
    ax.set_ylabel("bus bandwidth (GB/s)")
    ax.set_title(title)
    ax.grid(visible=True, which="major", linewidth=0.4, alpha=0.6)
    ax.legend(frameon=False)
    return ax
