"""Curves over many runs: scaling with its ideal, Pareto fronts; from plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from accelsim.results.plots.style import BLUE, GREY, OKABE_ITO, new_axes

_MARKERS = "osD^vP*X"


def plot_scaling(
    chips: Sequence[int], per_s: Mapping[str, Sequence[float]], ax: Axes | None = None, *, what: str = "tokens/s"
) -> Axes:
    """Draw throughput over the number of chips, each curve with its ideal line through its first point.

    Args:
        chips: Numbers of chips, rising.
        per_s: Throughput at each, by the name of the curve.
        ax: Axes to draw on; None makes a figure.
        what: What is counted per second.

    Raises:
        ValueError: A curve has another length than ``chips``.
    """
    ax = new_axes(ax, 7.0, 5.0)
    _check_lengths(chips, per_s)
    for index, (name, values) in enumerate(per_s.items()):
        colour, marker = OKABE_ITO[index % len(OKABE_ITO)], _MARKERS[index % len(_MARKERS)]
        ax.plot(chips, values, label=name, color=colour, marker=marker)
        ideal = [values[0] * n / chips[0] for n in chips]
        ax.plot(chips, ideal, color=GREY, linestyle="--", linewidth=1.0, label="ideal" if index == 0 else None)
        ax.annotate(
            f"{values[-1] / ideal[-1]:.0%}", (chips[-1], values[-1]), (4, -4), textcoords="offset points", va="top"
        )
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xticks(chips, [str(n) for n in chips])
    ax.set_xlabel("chips")
    ax.set_ylabel(what)
    _finish(ax)
    return ax


def pareto_front(x: Sequence[float], y: Sequence[float]) -> list[int]:
    """Points that no other point beats in both; larger is better in both. In order of rising ``x``.

    Args:
        x: First figure of each point, e.g. tokens per second. float[N].
        y: Second figure of each point, e.g. tokens per joule. float[N].

    Returns:
        Positions in ``x`` and ``y``; of equal points the first.
    """
    order = sorted(range(len(x)), key=lambda i: (-x[i], -y[i]))
    front: list[int] = []
    for i in order:
        if not front or y[i] > y[front[-1]]:
            front.append(i)
    return front[::-1]


def plot_pareto(
    x: Sequence[float],
    y: Sequence[float],
    names: Sequence[str],
    ax: Axes | None = None,
    *,
    x_label: str = "tokens/s per user",
    y_label: str = "tokens/s per chip",
) -> Axes:
    """Draw points of which larger is better in both axes; those that no other beats are joined and named.

    Args:
        x: First figure of each point.
        y: Second figure.
        names: Name of each point.
        ax: Axes to draw on; None makes a figure.
        x_label: First axis, with its unit.
        y_label: Second axis, with its unit.

    Raises:
        ValueError: The lengths differ.
    """
    _check_lengths(x, {y_label: y, "names": names})
    ax = new_axes(ax, 7.0, 5.0)
    front = pareto_front(x, y)
    beaten = [i for i in range(len(x)) if i not in set(front)]
    ax.plot([x[i] for i in beaten], [y[i] for i in beaten], "o", color=GREY, label="beaten in both")
    ax.plot([x[i] for i in front], [y[i] for i in front], "s-", color=BLUE, drawstyle="steps-pre", label="Pareto front")
    for i in front:
        ax.annotate(names[i], (x[i], y[i]), (4, 4), textcoords="offset points", fontsize="small")
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    ax.margins(0.1)
    _finish(ax)
    return ax


def _check_lengths(x: Sequence[float], curves: Mapping[str, Sequence[object]]) -> None:
    for name, values in curves.items():
        if len(values) != len(x) or not len(x):
            raise ValueError(f"{name}: {len(values)} values for {len(x)} points.")


def _finish(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(True, which="major", color="#eeeeee", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize="small")
