"""Tables of text that fit the screen: columns that one can do without are left out where it is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from accelsim.cli.wrap import wrapped


def make_console() -> Console:
    """The terminal; 80 columns (or ``COLUMNS``) where the output is piped."""
    return Console(highlight=False, soft_wrap=False)


def print_entry(console: Console, label: str, text: str, width: int = 0, style: str = "bold") -> None:
    """A label and a text beside it, in lines that fit the screen.

    Args:
        console: The screen.
        label: Printed in ``style``.
        text: Plain, no markup.
        width: Columns that labels take, which further lines are indented by; 0: a label before the text, no column.
        style: Of the label.
    """
    taken = max(width, len(label)) + 1
    lines = wrapped(text, console.width, width and width + 1, taken)
    console.print(Text(f"{label:<{width}} ", style), Text(lines), sep="", soft_wrap=True)


def make_table(title: str, columns: Iterable[str], numeric: Iterable[str] = (), gap: int = 2) -> Table:
    """An empty table without lines.

    Args:
        title: Above it.
        columns: Their headings.
        numeric: Those that are aligned right.
        gap: Spaces between columns.
    """
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, gap, 0, 0))
    right = set(numeric)
    for index, column in enumerate(columns):
        justify: Literal["right", "left"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=index == 0 or column in right, overflow="fold")
    return table


@dataclass(frozen=True)
class Columns:
    """What a table shows.

    Attributes:
        names: Headings, in order.
        numeric: Those that are aligned right.
        optional: Those that may be left out, the first to go first.
        gap: Spaces between columns.
    """

    names: Sequence[str]
    numeric: Sequence[str] = ()
    optional: Sequence[str] = ()
    gap: int = 2


def fitted_table(console: Console, title: str, columns: Columns, rows: Sequence[Mapping[str, str]]) -> Table:
    """A table of rows with as many of its columns as the screen has room for; what is still too wide is wrapped.

    Args:
        console: The screen.
        title: Above it.
        columns: What it shows; a column that is empty in all rows is left out.
        rows: Cells by column, as markup.
    """
    kept = [name for name in columns.names if any(row.get(name) for row in rows)] or list(columns.names)
    for left_out in (None, *columns.optional):
        kept = [name for name in kept if name != left_out]
        table = make_table(title, kept, columns.numeric, columns.gap)
        for row in rows:
            table.add_row(*(row.get(name, "") for name in kept))
        if _width(console, table) <= console.width:
            return table
    table.columns[0].no_wrap = False  # long plans take lines of their own before numbers lose digits
    return table


def _width(console: Console, table: Table) -> int:
    """Columns of the screen that the cells take without wrapping; Rich itself measures no further than the screen."""
    wide = console.options.update(width=10_000)
    return Measurement.get(console, wide, table).maximum
