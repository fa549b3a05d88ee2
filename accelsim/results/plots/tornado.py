"""Tornado: which parameters move a result most, one bar per parameter to both sides of the result as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from accelsim.results.plots.style import BLUE, VERMILLION, new_axes


@dataclass(frozen=True, slots=True)
class TornadoBar:
    """One parameter.

    Attributes:
        name: Label of the bar.
        low: Result with the parameter a step smaller, relative to the result as it is (1.0 is no change).
        high: Result with it a step larger.
    """

    name: str
    low: float
    high: float

    @property
    def reach(self) -> float:
        """Largest change to either side."""
        return max(abs(self.low - 1.0), abs(self.high - 1.0))


def plot_tornado(
    bars: Sequence[TornadoBar], step: float, what: str = "latency", ax: Axes | None = None, *, max_bars: int = 15
) -> Axes:
    """Draw the bars with the largest reach, largest on top.

    Args:
        bars: One per parameter.
        step: Relative step by which each was moved, for the legend.
        what: What the result is, for the axis.
        ax: Axes to draw on; None makes a figure.
        max_bars: Most bars; a note says how many smaller ones are left out.

    Raises:
        ValueError: There is no bar.
    """
    if not bars:
        raise ValueError("no parameter to draw.")
    order = sorted(bars, key=lambda bar: (-bar.reach, bar.name))
    shown = order[:max_bars]
    ax = new_axes(ax, 9.0, 1.4 + 0.34 * len(shown))
    places = [-index for index in range(len(shown))]
    sides = [
        ("low", f"parameter {step:.0%} smaller" if step < 1 else f"parameter {1 + step:g} times smaller", BLUE, ""),
        ("high", f"parameter {step:.0%} larger", VERMILLION, "//"),
    ]
    for side, label, colour, hatch in sides:
        widths = [(getattr(bar, side) - 1.0) * 100 for bar in shown]
        ax.barh(places, widths, 0.7, color=colour, hatch=hatch, edgecolor="white", label=label)
    ax.set_yticks(places, [bar.name for bar in shown], fontsize="small")
    ax.axvline(0.0, color="black", linewidth=0.8)
    left_out = len(order) - len(shown)
    note = f"\n{left_out} parameters with less influence left out" if left_out else ""
    ax.set_xlabel(f"change of {what} (%){note}")
    ax.margins(x=0.05)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower right", frameon=False, fontsize="small")
    return ax
