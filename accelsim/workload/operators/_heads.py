"""What attentions have in common: queries, keys and values in heads, possibly stored in several tensors."""

from __future__ import annotations

from functools import cached_property

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import Operator
from accelsim.workload.tensor import Tensor


class HeadedOperator(Operator):
    """An operator whose ``inputs`` are queries, the keys, then as many values; with ``latent``, no values.

    Heads are axis blocks of width ``head_dim``; each KV head serves ``heads / kv_heads`` query heads.
    """

    latent: int

    @property
    def q(self) -> Tensor:
        """Queries."""
        return self.inputs[0]

    @property
    def _keys(self) -> tuple[Tensor, ...]:
        return self.inputs[1:] if self.latent else self.inputs[1 : 1 + len(self.inputs) // 2]

    @property
    def _values(self) -> tuple[Tensor, ...]:
        return self._keys if self.latent else self.inputs[1 + len(self.inputs) // 2 :]

    @property
    def dtype(self) -> DType:
        """Element type of the queries."""
        return self.q.dtype

    @property
    def kv_dtype(self) -> DType:
        """Element type of the keys and values."""
        return self._keys[0].dtype

    @property
    def heads(self) -> int:
        """Query heads."""
        return self.q.axis("heads").count

    @property
    def kv_heads(self) -> int:
        """Key-value heads."""
        return self._keys[0].axis("kv_heads").count

    @property
    def head_dim(self) -> int:
        """Elements of one head of queries and keys."""
        return self.q.axis("heads").width

    @property
    def value_dim(self) -> int:
        """Elements of one head of values and of the result."""
        return self.latent or self._values[0].axis("kv_heads").width

    @property
    def mean_dim(self) -> float:
        """Elements of a head over both products: that of keys, when values are as wide."""
        return (self.head_dim + self.value_dim) / 2

    @property
    def kv_elements(self) -> int:
        """Elements stored per position and KV head: key and value, or the latent alone."""
        return self.head_dim + (0 if self.latent else self.value_dim)

    @cached_property
    def stored_positions(self) -> int:
        """Positions that the tensors of keys hold of each sequence, or of all where they have no axis of sequences."""
        return sum([tensor.axis("kv_len").size for tensor in self._keys])

    def check_heads(self) -> None:
        """Refuse operands that do not belong together.

        Raises:
            ShapeError: They do not.
        """
        paired = len(self.inputs) >= 3 and len(self.inputs) % 2 == 1
        if len(self.outputs) != 1 or len(self.inputs) < 2 or not (paired or self.latent):
            raise ShapeError(f"{self.name}: attention takes q, keys and as many values, and writes one result")
        if [_positions(t) for t in self._keys] != [_positions(t) for t in self._values]:
            raise ShapeError(f"{self.name}: keys and values must have the same positions and heads")
        if self._keys[0].axes[-1].width != self.head_dim or self.latent > self.head_dim:
            raise ShapeError(f"{self.name}: queries, keys and latent values of {self.head_dim} elements do not match")
        if self.heads % self.kv_heads:
            raise ShapeError(f"{self.name}: {self.heads} heads do not share {self.kv_heads} KV heads evenly")


def _positions(tensor: Tensor) -> tuple[int, ...]:
    """Extents of keys or values up to the heads, and heads, whatever the width of a head."""
    return *(axis.size for axis in tensor.axes[:-1]), tensor.axis("kv_heads").count
