"""Names of servers and links that are only spelled when somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


@dataclass(frozen=True, slots=True)
class NumberedNames(Sequence[str]):
    """``prefix0, prefix1, ...`` as a sequence that stores no strings.

    A graph of a million links should not hold a million names that nobody prints.

    Attributes:
        prefix: Text before the number.
        size: How many names there are.

    Examples:
        >>> NumberedNames("link", 3)[2]
        'link2'
    """

    prefix: str
    size: int

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(f"{self.prefix}{i}" for i in range(*index.indices(self.size)))
        position = index + self.size if index < 0 else index
        if not 0 <= position < self.size:
            raise IndexError(f"name {index} of {self.size}")
        return f"{self.prefix}{position}"

    def __iter__(self) -> Iterator[str]:
        return (f"{self.prefix}{i}" for i in range(self.size))


def same_names(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether two sequences of names are equal, cheaply when they are one object or both numbered.

    Args:
        left: Names, perhaps numbered.
        right: Names, perhaps numbered.
    """
    if left is right:
        return True
    if isinstance(left, NumberedNames) and isinstance(right, NumberedNames):
        return left == right
    return len(left) == len(right) and all(a == b for a, b in zip(left, right, strict=True))
