"""Names of servers and links that are only spelled when somebody asks for one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


class SpelledNames(Sequence[str]):
    """Names as a sequence that stores no strings; a kind of them says how many there are and spells one."""

    __slots__ = ()

    def spell(self, place: int) -> str:
        """The name at a place from 0 to the last."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(self.spell(place) for place in range(*index.indices(len(self))))
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"name {index} of {len(self)}")
        return self.spell(place)

    def __iter__(self) -> Iterator[str]:
        return (self.spell(place) for place in range(len(self)))


@dataclass(frozen=True, slots=True)
class NumberedNames(SpelledNames):
    """``prefix0, prefix1, ...``.

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

    def spell(self, place: int) -> str:
        """The prefix and the number."""
        return f"{self.prefix}{place}"


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
