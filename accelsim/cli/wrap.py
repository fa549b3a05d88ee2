"""Text on a screen: lines as wide as the terminal, 80 columns on a pipe; paths and commands stay whole."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from contextlib import suppress
from typing import TextIO

#: Columns of a pipe or a file, as of the tables.
PIPE_COLUMNS = 80
_LEAST_COLUMNS = 20
_INDENT = 2
#: Stands for a blank at which no line ends; no text has it.
_GLUE = "\x1f"
_WORD = r"[^\s,;)]+"
_KEPT = re.compile(
    r"^[^\s].*?:\d+(?=:)"  # file and line at the beginning
    r"|\baccelsim (?:(?:show|explain|new|optics|plan|run|place|collective) )?[a-z][\w.-]*"
    rf"(?: (?:-{{1,2}}[a-z][\w-]*(?: (?!-){_WORD})?|[A-Z]+\b|\"[^\"]*\"|[\w.-]*[/.:=\d]{_WORD}))*"
    r"|--[a-z][\w-]* (?:[A-Z]+\b|\"[^\"]*\"|[^\s=]+=(?:\"[^\"]*\"|\S+))"
    r"|\S+=\"[^\"]*\""
    r"|(?<![^\s(])\"[^\"]{1,60}\""
    r"|(?<![^\s(\[])'[^']{1,60}'(?![\w])"
    r"|\S+\[[^\]]*\]"  # a tensor with its shape
)


def columns_of(stream: TextIO) -> int:
    """Width of what a stream is shown on.

    Args:
        stream: Standard output or standard error.
    """
    stated = os.environ.get("COLUMNS", "")
    if stated.isdigit() and int(stated):
        return max(_LEAST_COLUMNS, int(stated))
    with suppress(OSError, ValueError):
        if stream.isatty():
            return max(_LEAST_COLUMNS, os.get_terminal_size(stream.fileno()).columns)
    return PIPE_COLUMNS


def wrapped(text: str, columns: int, indent: int = 0, first: int = 0) -> str:
    """The text in lines of at most ``columns``; a word that is longer has a line of its own.

    Args:
        text: Any; its own lines stay apart.
        columns: Width.
        indent: Blanks where a line goes on, and before all further lines of a text beside a label.
        first: Columns of the first line that are taken already.

    Examples:
        >>> print(wrapped("what there is: accelsim show systems, and more of it", 30))
        what there is:
        accelsim show systems, and
        more of it
    """
    lines: list[str] = []
    for line in text.split("\n"):
        glued = _KEPT.sub(lambda found: found[0].replace(" ", _GLUE), line)
        wrapper = textwrap.TextWrapper(
            columns,
            initial_indent=" " * (first if not lines else indent if first else 0),
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
            replace_whitespace=False,
            drop_whitespace=True,
        )
        lines += wrapper.wrap(glued) or [""]
    return "\n".join(lines)[first:].replace(_GLUE, " ")


def tell(text: str) -> None:
    """Print a note or an error to standard error; where a line goes on, it is indented.

    Args:
        text: One or more lines.
    """
    print(wrapped(text, columns_of(sys.stderr), _INDENT), file=sys.stderr)
