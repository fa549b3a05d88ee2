"""Attention over sequences of unequal lengths, as one operator that never writes its scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import register_operator
from accelsim.workload.operators._heads import HeadedOperator
from accelsim.workload.operators.attention import Attention
from accelsim.workload.tensor import Axis, Role, Tensor
from accelsim.workload.traversal import Span, Traversal

IntArray = npt.NDArray[np.int64]


@register_operator("ragged_attention")
@dataclass(frozen=True)
class RaggedAttention(HeadedOperator):
    """``O = softmax(Q K^T) V`` per head and sequence, where sequences differ in new and cached tokens.

    ``inputs`` is ``q[tokens, heads]``, then the keys, then as many values, each ``[kv_len, kv_heads]``: the rows of all
    sequences one behind another, earlier tokens and new ones possibly in several tensors.  Causal: the queries of a
    sequence are its last positions.  Work and bytes are those of one
    :class:`~accelsim.workload.operators.attention.Attention` per span; what else unequal lengths cost is up to the
    machine.

    Attributes:
        spans: The sequences; ``cached`` tokens that no query sees under a window are not among the keys.
        window: Positions one query sees at most, its own included; 0 is no limit.
        latent: Elements of a key that are its value too; 0 when values are stored beside the keys.

    Raises:
        ShapeError: The tensors do not hold the tokens of the spans, or not the same heads.

    Examples:
        >>> op = RaggedAttention.of([Span(1, 99, 2), Span(4)], heads=32, kv_heads=8, head_dim=128)
        >>> op.attended_pairs  # 2 x 100 + (1+2+3+4)
        210
    """

    kind: ClassVar[str] = "ragged_attention"

    spans: tuple[Span, ...] = ()
    window: int = 0
    latent: int = 0

    def __post_init__(self) -> None:
        self.check_heads()
        tokens, positions = Traversal(self.spans).tokens, Traversal(self.spans).positions
        if self.q.num_elements != tokens * self.q.axes[-1].size:
            raise ShapeError(f"{self.name}: spans of {tokens} new tokens, queries of shape {self.q.shape}")
        if self.stored_positions != positions:
            raise ShapeError(f"{self.name}: spans of {positions} positions, but {self.stored_positions} keys")
        if self.window and any(span.cached >= self.window for span in self.spans):
            raise ShapeError(f"{self.name}: a window of {self.window} sees fewer cached positions than are given")

    @classmethod
    def of(
        cls,
        spans: Sequence[Span],
        heads: int,
        kv_heads: int,
        head_dim: int,
        window: int = 0,
        dtype: DType = DType.BF16,
    ) -> Self:
        """Attention of plain extents.

        Args:
            spans: Sequences, alike ones together.
            heads: Query heads.
            kv_heads: Key-value heads.
            head_dim: Elements of each.
            window: Positions a query sees at most; 0: all.
            dtype: Of all tensors.
        """
        whole, name = Traversal(tuple(spans)), "ragged_attention"
        q_axes = Axis.of("tokens", whole.tokens), Axis.of("heads", heads, head_dim)
        kv_axes = Axis.of("kv_len", whole.positions), Axis.of("kv_heads", kv_heads, head_dim)
        k, v = (Tensor(f"{name}.{x}", kv_axes, dtype, Role.KV_CACHE) for x in "kv")
        inputs = (Tensor(f"{name}.q", q_axes, dtype), k, v)
        return cls(name, inputs, (Tensor(f"{name}.out", q_axes, dtype),), whole.spans, window)

    @cached_property
    def extents(self) -> tuple[IntArray, IntArray, IntArray]:
        """Sequences, new tokens and positions of each span."""
        counts, new, lengths = np.array([(s.count, s.new, s.length) for s in self.spans], dtype=np.int64).T
        return counts, new, lengths

    @property
    def attended_pairs(self) -> int:
        """Query-key pairs of one head, all sequences; exact."""
        counts, new, lengths = self.extents
        limit = np.minimum(lengths, self.window) if self.window else lengths
        full = np.minimum(np.maximum(lengths - limit, 0), new)  # queries that see a whole window
        rest = new - full
        first = lengths - new + 1
        return int((counts * (full * limit + rest * (2 * first + rest - 1) // 2)).sum())

    @property
    def flops(self) -> int:
        """Products over ``head_dim`` and ``value_dim``, each multiply-accumulate two, per pair and head."""
        return 2 * (self.head_dim + self.value_dim) * self.heads * self.attended_pairs

    def alike(self, count: int, new: int, length: int) -> Attention:
        """Attention of the same heads over ``count`` sequences of ``new`` queries and ``length`` positions each.

        Args:
            count: Sequences.
            new: Queries of each.
            length: Keys of each, those of the new tokens included.
        """
        heads, kv_heads = self.q.axes[-1], self._keys[0].axes[-1]
        value_heads = self._values[0].axes[-1] if not self.latent else kv_heads
        batch = Axis.of("batch", count)
        tokens, positions = (batch, Axis.of("q_len", new)), (batch, Axis.of("kv_len", length))
        q = Tensor(f"{self.name}.q", (*tokens, heads), self.dtype)
        out = Tensor(f"{self.name}.out", (*tokens, self.outputs[0].axes[-1]), self.outputs[0].dtype)
        kv = [Tensor(f"{self.name}.k", (*positions, kv_heads), self.kv_dtype, self._keys[0].role)]
        if not self.latent:
            kv.append(Tensor(f"{self.name}.v", (*positions, value_heads), self.kv_dtype, self._values[0].role))
        return Attention(self.name, (q, *kv), (out,), window=self.window, latent=self.latent)
