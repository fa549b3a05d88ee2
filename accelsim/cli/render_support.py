"""What prices rest on, chip by chip, as lines that fit the screen."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from accelsim.validation.support import FAMILIES, LEVELS, Support

#: Columns of a type and of a cell.
_TYPE, _CELL = 6, 10
_SHORT = {
    "prefill attention": "prefill",
    "decode attention": "decode",
    "elementwise": "element",
    "reductions": "reduce",
}
_STYLES = dict(zip(LEVELS, ("green", "cyan", "yellow", "red", "dim"), strict=True))
_LEGEND = (
    "measured: fitted to rows of this chip; inherited: of another one; typical: of its kind; assumed: another type's "
    "or no measurement; refused: the chip does not run it. A blank: the type is of products and attention only. "
    "--json - says why."
)


def print_support(console: Console, found: Sequence[Support]) -> None:
    """A block of lines per chip: a type each, and what stands behind each family of operators in it.

    Args:
        console: The screen.
        found: In order of chips and types.
    """
    heads = "".join(f"{_SHORT.get(family, family):<{_CELL}}" for family in FAMILIES).rstrip()
    for chip, of_chip in groupby(found, lambda one: one.chip):
        console.print(Text(chip, "bold"))
        console.print(f"{'':<{_TYPE}}{heads}", style="dim")
        refused = []
        for dtype, cells in groupby(of_chip, lambda one: one.dtype):
            levels = {one.family: one.level for one in cells}
            if set(levels.values()) == {LEVELS[-1]}:
                refused.append(dtype.value)
                continue
            line = Text(f"{dtype.value:<{_TYPE}}")
            for family in FAMILIES:
                line.append(f"{levels.get(family, ''):<{_CELL}}", _STYLES.get(levels.get(family, ""), ""))
            line.rstrip()
            console.print(line)
        if refused:
            console.print(f"[dim]refused: {', '.join(refused)}[/]")
    console.print(f"\n{_LEGEND}", style="dim")
