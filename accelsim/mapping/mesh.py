"""The mesh of a plan: named axes in a stated order, which number the ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accelsim.errors import PlanError
from accelsim.workload.group import Group


@dataclass(frozen=True, slots=True)
class Mesh:
    """Ranks as points of a grid of named axes.

    Attributes:
        axes: ``(name, size)`` of each axis, innermost first: ranks next to each other on the first axis have
            neighbouring numbers, and with them neighbouring chips.

    Raises:
        PlanError: An axis is named twice, or has a size below 1.

    Examples:
        >>> mesh = Mesh((("tp", 8), ("dp", 2), ("pp", 4)))
        >>> mesh.num_ranks, mesh.coordinates(27), mesh.rank({"tp": 3, "dp": 1, "pp": 1})
        (64, {'tp': 3, 'dp': 1, 'pp': 1}, 27)
        >>> mesh.group("pp"), mesh.joined("ep", ("tp", "dp"))
        (Group(axis='pp', size=4, stride=16), Group(axis='ep', size=16, stride=1))
    """

    axes: tuple[tuple[str, int], ...]

    def __post_init__(self) -> None:
        names = [name for name, _ in self.axes]
        if len(set(names)) != len(names):
            raise PlanError(f"mesh: an axis is named twice in {', '.join(names)}.")
        for name, size in self.axes:
            if size < 1:
                raise PlanError(f"mesh: axis {name} must have a size >= 1, got {size}.")

    @property
    def num_ranks(self) -> int:
        """Points of the grid."""
        return math.prod(size for _, size in self.axes)

    def size(self, axis: str) -> int:
        """Ranks along an axis."""
        return self.axes[self._place(axis)][1]

    def stride(self, axis: str) -> int:
        """Distance between neighbours on an axis, in ranks."""
        return math.prod(size for _, size in self.axes[: self._place(axis)])

    def coordinates(self, rank: int) -> dict[str, int]:
        """Place of a rank on every axis.

        Raises:
            PlanError: There is no such rank.
        """
        if not 0 <= rank < self.num_ranks:
            raise PlanError(f"mesh: no rank {rank}. Ranks are 0 to {self.num_ranks - 1}.")
        return {name: rank // self.stride(name) % size for name, size in self.axes}

    def rank(self, coordinates: Mapping[str, int]) -> int:
        """Rank at a place on every axis; axes that are not named are at 0.

        Raises:
            PlanError: An axis or a place that does not exist.
        """
        for name, place in coordinates.items():
            if not 0 <= place < self.size(name):
                raise PlanError(f"mesh: no place {place} on axis {name}. Its places are 0 to {self.size(name) - 1}.")
        return sum(place * self.stride(name) for name, place in coordinates.items())

    def group(self, axis: str) -> Group:
        """The ranks that differ on one axis only."""
        return Group(axis, self.size(axis), self.stride(axis))

    def joined(self, name: str, axes: Sequence[str], size: int | None = None) -> Group:
        """The ranks that differ on several axes, or the first ``size`` of them, as one group.

        Args:
            name: What messages call the group.
            axes: Names of axes; those of size 1 do not matter.
            size: How many ranks of them, the nearest ones; None: all.

        Raises:
            PlanError: The axes are not next to each other, so that the ranks are not equally far apart.
        """
        places = sorted(self._place(axis) for axis in axes if self.size(axis) > 1)
        between = [self.axes[i] for i in range(places[0], places[-1]) if i not in places] if places else []
        apart = [axis for axis, extent in between if extent > 1]
        if apart:
            raise PlanError(
                f"mesh: {name} spans {' and '.join(axes)}, but {', '.join(apart)} lies between them. "
                f"Use an order in which they are next to each other."
            )
        whole = math.prod(self.size(axis) for axis in axes)
        return Group(name, whole if size is None else size, self.stride(self.axes[places[0]][0]) if places else 1)

    def _place(self, axis: str) -> int:
        for place, (name, _) in enumerate(self.axes):
            if name == axis:
                return place
        raise PlanError(f"mesh: no axis {axis!r}. Axes: {', '.join(name for name, _ in self.axes)}.")

    def __str__(self) -> str:
        return " x ".join(f"{name} {size}" for name, size in self.axes)
