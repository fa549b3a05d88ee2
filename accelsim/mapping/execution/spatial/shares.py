"""Shares of one piece of an operator group: how heads, widths, experts and rows of tables fall to several rectangles.

Blocks along an axis are dealt as evenly as whole blocks allow: 28,672 columns over 576 pieces are 49 or 50 each.  Query
heads go with the KV head they share; where there are more pieces than KV heads, the pieces of one KV head hold a copy
of it each, as ranks of tensor parallelism do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from accelsim.workload.axes import EXPERTS_AXIS, TENSOR_PARALLEL_AXES
from accelsim.workload.operator import Operator
from accelsim.workload.operators.experts import Experts
from accelsim.workload.tensor import Axis, Tensor

_HEAD_AXES = ("heads", "kv_heads", "qkv")


@dataclass(frozen=True, eq=False)
class Shares:
    """The shares of operators that are cut together.

    Attributes:
        operators: The operators, whole.
        pieces: How many shares there are, at most :attr:`most`.
    """

    operators: Sequence[Operator]
    pieces: int = 1
    _names: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False)
    _parts: dict[tuple[Tensor, tuple[Axis, ...]], Tensor] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def _blocks(self) -> dict[str, int]:
        """Fewest blocks of each axis that is cut."""
        found: dict[str, int] = {}
        for operator in self.operators:
            for axis in _cut_axes(operator):
                for count, _ in axis.parts:
                    found[axis.name] = min(found.get(axis.name, count), count)
        return found

    @property
    def most(self) -> int:
        """Pieces that all get a block of every axis; 1 where nothing can be cut."""
        shared = ("kv_heads", "qkv") if "heads" in self._blocks else ()
        return min((count for name, count in self._blocks.items() if name not in shared), default=1)

    def of(self, operator: Operator, piece: int) -> Operator:
        """The share of one piece; the operator itself where it has none of the axes.

        Args:
            operator: An operator of the group, undivided.
            piece: Which piece, from 0.
        """
        if not self.cuts(operator):
            return operator
        inputs = tuple([self.part(operator, tensor, piece) for tensor in operator.inputs])
        outputs = tuple([self.part(operator, tensor, piece) for tensor in operator.outputs])
        share = replace(operator, inputs=inputs, outputs=outputs)
        return replace(share, ranks=self.pieces) if isinstance(share, Experts) else share

    def part(self, operator: Operator, tensor: Tensor, piece: int) -> Tensor:
        """What one piece of an operator has of one of its tensors.

        Args:
            operator: An operator of the group, undivided.
            tensor: One that it reads or writes.
            piece: Which piece, from 0.
        """
        names = self._names_of(operator)
        axes = tuple(self._axis(axis, piece) if axis.name in names else axis for axis in tensor.axes)
        key = tensor, axes
        if key not in self._parts:  # most pieces have shares of the same size
            self._parts[key] = replace(tensor, axes=axes)
        return self._parts[key]

    def cuts(self, operator: Operator) -> bool:
        """Whether pieces get shares of an operator; others do it all."""
        return bool(self._names_of(operator))

    def leaves_partial_sums(self, operator: Operator) -> bool:
        """Whether the results of all pieces have to be added up."""
        return not self._names_of(operator).isdisjoint(operator.contracted_axes)

    def _names_of(self, operator: Operator) -> frozenset[str]:
        """Names of the axes along which an operator is cut."""
        if operator.name not in self._names:
            self._names[operator.name] = frozenset(axis.name for axis in _cut_axes(operator))
        return self._names[operator.name]

    def _axis(self, axis: Axis, piece: int) -> Axis:
        return Axis(axis.name, tuple((self._count(axis, count, piece), width) for count, width in axis.parts))

    def _count(self, axis: Axis, count: int, piece: int) -> int:
        if axis.name not in _HEAD_AXES or "heads" not in self._blocks:
            return _dealt(count, self.pieces, piece)
        heads, kv_heads = self._blocks["heads"], self._blocks.get("kv_heads", self._blocks["heads"])
        own, shared = _heads_of(heads, kv_heads, self.pieces, piece)
        return own * (count // heads) if count % heads == 0 else shared * (count // kv_heads)


def _cut_axes(operator: Operator) -> list[Axis]:
    """Axes along which an operator is cut: experts as a whole, else those of tensor parallelism."""
    axes = [axis for tensor in (*operator.inputs, *operator.outputs) for axis in tensor.axes]
    experts = [axis for axis in axes if axis.name == EXPERTS_AXIS]
    return experts or [axis for axis in axes if axis.name in TENSOR_PARALLEL_AXES]


def _dealt(count: int, pieces: int, piece: int) -> int:
    """Blocks of one piece when ``count`` are dealt evenly."""
    return count * (piece + 1) // pieces - count * piece // pieces


def _heads_of(heads: int, kv_heads: int, pieces: int, piece: int) -> tuple[int, int]:
    """Query heads and KV heads of one piece."""
    each = heads // kv_heads
    if pieces <= kv_heads:
        own = _dealt(kv_heads, pieces, piece)
        return own * each, own
    at = ((piece + 1) * kv_heads - 1) // pieces  # the KV head that this piece shares, by the deal of pieces
    first, last = at * pieces // kv_heads, (at + 1) * pieces // kv_heads
    return _dealt(each, last - first, piece - first), 1
