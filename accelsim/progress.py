"""A bar while something takes long: on a terminal's error stream or in a notebook, nothing where errors are piped.

Library code never shows one by itself; it takes a callable of (done, all), and whoever talks to people gives it this.

Examples:
    >>> [n * n for n in track([1, 2, 3], "squaring")]  # shows nothing here: this is neither
    [1, 4, 9]
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

Report = Callable[[int, int], None]
Item = TypeVar("Item")


def working(text: str) -> AbstractContextManager[object]:
    """A sign of life on the terminal while something takes long; nothing where the errors are piped.

    Args:
        text: What is being done, e.g. ``"simulating"``.
    """
    if not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status(f"{text} ...")


@contextmanager
def bar(what: str, quiet: bool = False) -> Iterator[Report]:
    """A bar named ``what`` for as long as the context lasts; it is moved by calling ``report(done, all)``.

    Args:
        what: Said before the bar.
        quiet: Show nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    in_notebook = console.is_jupyter and importlib.util.find_spec("ipywidgets") is not None
    shown = not quiet and (in_notebook or (console.is_terminal and not console.is_jupyter))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not shown) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def track(items: Sequence[Item], what: str, quiet: bool = False) -> Iterator[Item]:
    """The items one by one, with a bar that says how many are done; arguments as of :func:`bar`.

    Args:
        items: What is gone through, in order.
        what: Words beside the bar.
        quiet: Show nothing, wherever this runs.
    """
    with bar(what, quiet) as report:
        for done, item in enumerate(items):
            report(done, len(items))
            yield item
        report(len(items), len(items))
