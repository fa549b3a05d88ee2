"""What all pictures share: a colour-blind-safe palette, units on axes, names of runs and operators.

Source of the palette: Okabe and Ito, *Color Universal Design*, 2008, eight colours told apart under the common colour
vision deficiencies; grey is added for overheads.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.container import BarContainer
from matplotlib.ticker import FuncFormatter, MaxNLocator

from accelsim.cost.causes import COLLECTIVE_LAUNCH, FIXED_CYCLES, LINK_LATENCY
from accelsim.results.account import CONTENTION, EXPOSED_COMMUNICATION, IDLE, OperatorRow
from accelsim.results.format import full_operator_name
from accelsim.results.result import Result
from accelsim.units import format_quantity

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY, LIGHT_GREY = "#999999", "#DDDDDD"
OKABE_ITO = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE, BLACK)

#: Name of the segment that gathers what is too small to be told apart.
OTHER = "other"

_PREFIXES = ("", "k", "M", "G", "T", "P", "E")
_DARK = 0.5


@dataclass(frozen=True, slots=True)
class Paint:
    """Colour and hatch of an area.

    Attributes:
        colour: Face colour.
        hatch: matplotlib hatch; tells names apart that have no colour of their own.
    """

    colour: str
    hatch: str = ""

    @property
    def text_colour(self) -> str:
        """Black or white, whichever reads better on the fill."""
        red, green, blue = to_rgb(self.colour)
        return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < _DARK else "black"


def stack(
    ax: Axes, widths: Sequence[float], left: Sequence[float], height: float, name: str, paint: Paint
) -> tuple[BarContainer, list[float]]:
    """Draw one area of stacked horizontal bars.

    Args:
        ax: Where it is drawn.
        widths: Width of the area in each bar, in data units.
        left: Where it begins in each bar.
        height: Of every bar; bars are one apart.
        name: For the legend.
        paint: Colour and hatch.

    Returns:
        The patches, and where the area ends in each bar.
    """
    drawn = ax.barh(
        range(len(widths)), widths, height, left, label=name,
        color=paint.colour, hatch=paint.hatch, edgecolor="white", linewidth=0.6,
    )  # fmt: skip
    return drawn, [start + width for start, width in zip(left, widths, strict=True)]


#: Work in full colours, overheads in greys, so that a glance tells them apart.
CAUSE_FILLS: Mapping[str, Paint] = {
    "compute": Paint(BLUE),
    "vector": Paint(SKY),
    "hbm": Paint(VERMILLION),
    "l2": Paint(ORANGE),
    "sram": Paint(YELLOW),
    "noc": Paint(GREEN),
    EXPOSED_COMMUNICATION: Paint(PURPLE),
    LINK_LATENCY: Paint(PURPLE, "//"),
    COLLECTIVE_LAUNCH: Paint(PURPLE, ".."),
    FIXED_CYCLES: Paint(GREY, "xx"),
    "launch": Paint(GREY),
    "latency": Paint(GREY, "//"),
    "step": Paint(GREY, ".."),
    CONTENTION: Paint(BLACK),
    IDLE: Paint(LIGHT_GREY, "xx"),
    OTHER: Paint(LIGHT_GREY),
}
KIND_FILLS: Mapping[str, Paint] = {
    "gemm": Paint(BLUE),
    "attention": Paint(VERMILLION),
    "ragged_attention": Paint(VERMILLION, ".."),
    "softmax": Paint(ORANGE),
    "norm": Paint(GREEN),
    "elementwise": Paint(SKY),
    "rope": Paint(YELLOW),
    "embedding": Paint(GREY),
    "collective": Paint(PURPLE),
    "exchange": Paint(PURPLE, ".."),
    "experts": Paint(BLUE, "//"),
}
#: Of timelines, where a group of operators that share a rectangle is one bar; such a run has no operators of its own.
TIMELINE_FILLS: Mapping[str, Paint] = {
    **KIND_FILLS,
    "attn": Paint(VERMILLION),
    "mlp": Paint(BLUE),
    "head": Paint(ORANGE),
}
ROLE_FILLS: Mapping[str, Paint] = {"weight": Paint(BLUE), "kv_cache": Paint(VERMILLION), "activation": Paint(GREEN)}


def fills(names: Sequence[str], known: Mapping[str, Paint]) -> dict[str, Paint]:
    """A fill per name, the same in every picture: the one in ``known``, else a hatched one chosen by the name.

    Args:
        names: Names to be told apart, in the order of the legend.
        known: Paint of the names that always look the same.
    """
    chosen = {name: known[name] for name in names if name in known}
    spare = [Paint(colour, hatch) for hatch in ("//", "..", "xx") for colour in OKABE_ITO[:-1]]
    for name in names:
        if name not in chosen:
            start = zlib.crc32(name.encode()) % (len(OKABE_ITO) - 1)
            turned = spare[start:] + spare[:start]
            chosen[name] = next((fill for fill in turned if fill not in chosen.values()), turned[0])
    return {name: chosen[name] for name in names}


def new_axes(ax: Axes | None, width_inches: float, height_inches: float) -> Axes:
    """``ax``, or the axes of a new figure of that size that keeps legends and labels inside.

    Args:
        ax: Axes of the caller, used as they are; None makes new ones.
        width_inches: Width of a new figure.
        height_inches: Height of a new figure.
    """
    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(width_inches, height_inches), layout="constrained")
    return made


def as_results(results: Result | Sequence[Result]) -> list[Result]:
    """One or several results as a list.

    Raises:
        ValueError: There is none.
    """
    listed = [results] if isinstance(results, Result) else list(results)
    if not listed:
        raise ValueError("no result to draw: give one Result or a sequence of them.")
    return listed


def use_time_axis(ax: Axes, longest_s: float, label: str = "time") -> None:
    """Let the x axis, in seconds, be read in the unit that suits ``longest_s``.

    Args:
        ax: Axes whose x values are seconds.
        longest_s: Largest time that is drawn, in seconds.
        label: What the axis shows; the unit is put behind it.
    """
    unit, factor = time_unit(longest_s)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=7))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / factor:.6g}"))
    ax.set_xlabel(f"{label} ({unit})")


def time_unit(longest_s: float) -> tuple[str, float]:
    """Unit in which a time has one to three digits before the point, and its seconds."""
    for unit, factor in (("s", 1.0), ("ms", 1e-3), ("\u00b5s", 1e-6)):
        if longest_s >= factor:
            return unit, factor
    return "ns", 1e-9


def size_unit(largest: float) -> tuple[str, float]:
    """Decimal prefix in which a quantity has one to three digits before the point, and its factor."""
    power = 0
    while largest >= 1000.0 ** (power + 1) and power < len(_PREFIXES) - 1:
        power += 1
    return _PREFIXES[power], 1000.0**power


def time_label(value_s: float) -> str:
    """Three digits, e.g. ``26.4 ms``."""
    return format_quantity(value_s, "time", 3).replace("us", "\u00b5s")


def bytes_text(value_bytes: float) -> str:
    """Three digits and a decimal prefix, e.g. ``16.1 GB``."""
    prefix, factor = size_unit(value_bytes)
    return f"{value_bytes / factor:.3g} {prefix}B"


def phase_text(result: Result) -> str:
    """E.g. ``decode, batch 1, context 2048``."""
    sizes = [f"{k} {v}" for k, v in result.phase.items() if k != "kind" and (k, v) != ("steps", 1)]
    return ", ".join([str(result.phase["kind"]), *sizes])


def run_text(result: Result) -> str:
    """What ran where, for titles."""
    return f"{result.model} {phase_text(result)} on {result.system}, plan {result.plan}, {result.dtype}"


def run_labels(results: Sequence[Result]) -> list[str]:
    """A short label per run: the system, then whatever else differs between the runs."""
    aspects = [
        [result.model for result in results],
        [phase_text(result) for result in results],
        [f"plan {result.plan}" for result in results],
        [", ".join(f"{k}={v}" for k, v in result.manifest["overrides"].items()) for result in results],
    ]
    differing = [aspect for aspect in aspects if len(set(aspect)) > 1]
    return [
        "\n".join(filter(None, [result.system, *(aspect[index] for aspect in differing)]))
        for index, result in enumerate(results)
    ]


def operator_names(rows: Sequence[OperatorRow]) -> list[str]:
    """Name of each row's operator, with its block in front where another block has one of that name."""
    seen = Counter(row.operator for row in rows)
    return [row.operator if seen[row.operator] == 1 else full_operator_name(row.block, row.operator) for row in rows]
