"""A table as plain columns: what a table is before pandas, which takes half a second to import, has a part in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Column: TypeAlias = Sequence[Any] | npt.NDArray[Any]
#: Values by the name of their column, all of one length.
Columns: TypeAlias = Mapping[str, Column]


def by_column(rows: Iterable[Sequence[object]], names: Sequence[str]) -> Columns:
    """Rows turned into columns.

    Args:
        rows: Values of each row, in the order of ``names``.
        names: Names of the columns.

    Raises:
        ValueError: A row has another number of values than there are names.

    Examples:
        >>> by_column([("a", 1), ("b", 2)], ["name", "size"])
        {'name': ['a', 'b'], 'size': [1, 2]}
    """
    columns: dict[str, list[object]] = {name: [] for name in names}
    for row in rows:
        for name, value in zip(names, row, strict=True):
            columns[name].append(value)
    if not any(columns.values()):
        return {name: np.empty(0, dtype=object) for name in names}  # of no type, where pandas would say float
    return columns


def text_column(values: Iterable[str]) -> npt.NDArray[np.str_]:
    """A column of text that stays one when it is empty."""
    return np.array([*values], dtype=np.str_)


def by_row(columns: Columns) -> list[dict[str, Any]]:
    """Columns turned into rows, each with the names of its columns."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
