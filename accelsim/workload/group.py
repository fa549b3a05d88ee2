"""A group of ranks that exchange something: which parallel axis it lies on, how many it has and how far apart."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import ShapeError


@dataclass(frozen=True, slots=True)
class Group:
    """Ranks of one group: ``start, start + stride, ..``, ``size`` of them.

    Every rank is in one group of an axis; all groups of an axis are alike and play at once.

    Attributes:
        axis: Parallel axis they lie on, e.g. ``"tp"``.
        size: Ranks.
        stride: Distance between neighbouring ones, in ranks: 1 on the innermost axis of a mesh.

    Raises:
        ShapeError: A size or stride below 1.
    """

    axis: str
    size: int
    stride: int = 1

    def __post_init__(self) -> None:
        for name, value in (("size", self.size), ("stride", self.stride)):
            if value < 1:
                raise ShapeError(f"group {self.axis}: {name} must be >= 1, got {value}")

    def __str__(self) -> str:
        apart = f", {self.stride} apart" if self.stride > 1 else ""
        return f"{self.size} ranks of {self.axis}{apart}"


#: The group of a rank on its own.
ALONE = Group("tp", 1)
