"""Columns: what a formula takes and gives, arrays with one entry per operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.machine import Array


def columns_of(
    given: Mapping[str, ArrayLike], names: tuple[str, ...], defaults: Mapping[str, ArrayLike | str]
) -> list[Array]:
    """Columns of one length, in the order of ``names``.

    Args:
        given: Arrays or single numbers by name.
        names: All columns there are.
        defaults: What stands for a column that is not given: a number, or the name of another column.

    Raises:
        TypeError: A column is unknown, or one without a default is missing.
    """
    if unknown := sorted(set(given) - set(names)):
        raise TypeError(f"unknown columns {', '.join(unknown)}; there are {', '.join(names)}")
    if missing := [name for name in names if name not in given and name not in defaults]:
        raise TypeError(f"columns {', '.join(missing)} are missing")

    def value(name: str) -> ArrayLike:
        found = given.get(name, defaults.get(name))
        return value(found) if isinstance(found, str) and found in names else found  # type: ignore[return-value]

    arrays = (np.atleast_1d(np.asarray(value(name), dtype=np.float64)) for name in names)
    return list(np.broadcast_arrays(*arrays))


@dataclass(frozen=True, slots=True)
class Columns:
    """Arrays of one length by name; iterating gives the arrays in order."""

    def __iter__(self) -> Iterator[Array]:
        return (getattr(self, one.name) for one in fields(self))


@dataclass(frozen=True, slots=True)
class Shapes(Columns):
    """Columns of extents, of which some have a default."""

    defaults: ClassVar[Mapping[str, ArrayLike | str]] = {}

    @classmethod
    def of(cls, **columns: ArrayLike) -> Self:
        """Shapes from columns by name, arrays of one length or single numbers; what is left out has its default.

        Raises:
            TypeError: A column is unknown or missing.
        """
        return cls(*columns_of(columns, tuple(one.name for one in fields(cls)), cls.defaults))
