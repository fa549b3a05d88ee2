"""Tensors with named axes: what operators read and write, and what sharding divides."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache

from accelsim.dtypes import DType, Format, Scales
from accelsim.errors import ShapeError


class Role(Enum):
    """What a tensor is to the model; traffic and memory are reported by role."""

    WEIGHT = "weight"
    ACTIVATION = "activation"
    KV_CACHE = "kv_cache"
    GRADIENT = "gradient"
    OPTIMIZER_STATE = "optimizer_state"


@dataclass(frozen=True, slots=True)
class Axis:
    """One named axis: a concatenation of parts, each ``count`` blocks of ``width`` elements.

    A plain axis is one part of width 1.  A head axis is ``((num_heads, head_dim),)``; the output of a fused
    query-key-value projection is ``((heads, d), (kv_heads, d), (kv_heads, d))``.  Sharding divides the counts
    and never the widths, so a head stays whole.

    Attributes:
        name: Axes of the same name in one operator are the same loop.
        parts: ``(count, width)`` pairs, all positive.
        is_padded: Whether an uneven share is rounded up (a vocabulary gets unused rows) instead of refused (heads).
        size: Elements along the axis; follows from the parts.
    """

    name: str
    parts: tuple[tuple[int, int], ...]
    is_padded: bool = False
    size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        size = 0
        for count, width in self.parts:
            if count <= 0 or width <= 0:
                size = 0
                break
            size += count * width
        if not size:
            raise ShapeError(f"axis {self.name!r}: every extent must be a positive int, got {self.parts!r}")
        object.__setattr__(self, "size", size)

    @classmethod
    def of(cls, name: str, extent: int, width: int = 1, is_padded: bool = False) -> Axis:
        """Axis of ``extent`` blocks of ``width`` elements.

        Args:
            name: Of the axis.
            extent: Blocks.
            width: Elements of a block.
            is_padded: Whether uneven shares are rounded up.
        """
        return _axis(name, extent, width, is_padded)

    @property
    def count(self) -> int:
        """Blocks along the axis (heads, for a head axis)."""
        return sum(count for count, _ in self.parts)

    @property
    def width(self) -> int:
        """Elements of one block of the first part (head_dim, for a head axis)."""
        return self.parts[0][1]

    def shard(self, degree: int) -> Axis:
        """The share of one of ``degree`` ranks; a part with fewer blocks than ranks is replicated.

        Raises:
            ShapeError: A count neither divides by ``degree`` nor divides it, and the axis is not padded.
        """
        return Axis(
            self.name, tuple((self._share(count, degree), width) for count, width in self.parts), self.is_padded
        )

    def splits(self, degree: int) -> bool:
        """Whether ``degree`` ranks can share it; see :meth:`shard`."""
        return self.is_padded or all(count % degree == 0 or degree % count == 0 for count, _ in self.parts)

    def _share(self, count: int, degree: int) -> int:
        if count % degree == 0:
            return count // degree
        if degree % count == 0:
            return 1
        if self.is_padded:
            return -(-count // degree)
        allowed = [d for d in range(1, count + 1) if count % d == 0]
        raise ShapeError(f"axis {self.name!r}: {count} blocks do not split over {degree} ranks. Use one of {allowed}.")


@lru_cache(maxsize=4096, typed=True)
def _axis(name: str, extent: int, width: int, is_padded: bool) -> Axis:
    """One object for equal axes, which the passes of a long decode share and compare at once."""
    return Axis(name, ((extent, width),), is_padded)


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array: axes, element type and role.

    Attributes:
        name: Unique within its graph, e.g. ``"attn.q"``.
        axes: Outermost first.
        dtype: Element type.
        role: What the tensor is to the model.
        scales: What is stored beside the elements, over the last two axes.  Each part of an axis is a matrix of its own
            (gate and up projection), and so is each entry of a weight's axes before the last two (experts).
        reserved: Positions along ``kv_len`` that room is kept for, where they are more than it has (a window's cache);
            0: as many as it has.
        num_elements: Product of the shape.
        size_bytes: Bytes of the packed tensor, scales included.
    """

    name: str
    axes: tuple[Axis, ...]
    dtype: DType
    role: Role = Role.ACTIVATION
    scales: Scales | None = None
    reserved: int = 0
    num_elements: int = field(init=False, repr=False, compare=False)
    size_bytes: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        num_elements = math.prod([axis.size for axis in self.axes])
        size_bytes = self.dtype.size_bytes(num_elements)
        if self.scales is not None:
            size_bytes += -(-_scale_bits(self.scales, self.axes) // 8)
        object.__setattr__(self, "num_elements", num_elements)
        object.__setattr__(self, "size_bytes", size_bytes)

    def __hash__(self) -> int:
        """By name and size, which tell nearly all tensors apart at a tenth of the time of all attributes."""
        return hash((self.name, self.size_bytes))

    @property
    def shape(self) -> tuple[int, ...]:
        """Extents in elements, outermost first."""
        return tuple(axis.size for axis in self.axes)

    @property
    def held_bytes(self) -> int:
        """Bytes of the memory that it takes: more than :attr:`size_bytes` where room is reserved."""
        return -(-self.size_bytes * self.reserved // self.axis("kv_len").size) if self.reserved else self.size_bytes

    @property
    def element_bytes(self) -> float:
        """Bytes of one element, its share of the scales included."""
        return self.dtype.bits / 8 if self.scales is None else self.size_bytes / self.num_elements

    def axis(self, name: str) -> Axis:
        """The axis of that name.

        Raises:
            KeyError: The tensor has no such axis.
        """
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(name)

    def has_axis(self, name: str) -> bool:
        """Whether the tensor has an axis of that name."""
        return any(axis.name == name for axis in self.axes)

    def shard(self, degrees: dict[str, int]) -> Tensor:
        """The share of one rank when each axis named in ``degrees`` is divided by its degree."""
        axes = tuple(axis.shard(degrees[axis.name]) if degrees.get(axis.name, 1) > 1 else axis for axis in self.axes)
        reserved = -(-self.reserved // degrees.get("kv_len", 1))
        return Tensor(self.name, axes, self.dtype, self.role, self.scales, reserved)

    def renamed(self, name: str) -> Tensor:
        """The same under another name; sizes are not worked out again.

        Args:
            name: Unique within its graph.
        """
        other = object.__new__(Tensor)
        for attribute in Tensor.__slots__:
            object.__setattr__(other, attribute, getattr(self, attribute))
        object.__setattr__(other, "name", name)
        return other

    def as_input(self, format_: Format) -> Tensor:
        """The same numbers as the left operand of a product that multiplies in ``format_``."""
        return replace(self, dtype=format_.element, scales=format_.inputs)


def _scale_bits(scales: Scales, axes: tuple[Axis, ...]) -> int:
    """Bits of all scales: of every matrix of parts of the last two axes, for each entry of the axes before."""
    *outer, rows, cols = (Axis.of("row", 1), *axes) if len(axes) == 1 else axes
    bits = sum(scales.size_bits(r * v, c * w) for r, v in rows.parts for c, w in cols.parts)
    return bits * math.prod([axis.size for axis in outer])
