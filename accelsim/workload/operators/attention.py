"""Attention as one operator that never writes its scores (FlashAttention)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np

from accelsim.dtypes import DType
from accelsim.errors import ShapeError
from accelsim.workload.operator import OPERATORS, Gradients, register_operator
from accelsim.workload.operators._heads import HeadedOperator
from accelsim.workload.tensor import Axis, Role, Tensor

#: Key positions streamed at a time; the published kernels use 64 or 128 and the traffic hardly depends on it.
KV_BLOCK = 64
_ACCUMULATOR_BYTES = 4  # scores and outputs are kept in fp32


class Heads(NamedTuple):
    """Heads of one attention.

    Attributes:
        queries: Query heads.
        shared: Key-value heads.
        dim: Elements of a head.
    """

    queries: int
    shared: int
    dim: int


class Mask(NamedTuple):
    """Which positions a query sees.

    Attributes:
        causal: Its own and earlier ones only.
        window: So many at most, its own included; 0 is no limit.
    """

    causal: bool = True
    window: int = 0


CAUSAL = Mask()


@register_operator("attention")
@dataclass(frozen=True)
class Attention(HeadedOperator):
    """``O = softmax(Q K^T) V`` per head, with scores kept in fast memory.

    ``inputs`` is ``q[batch, q_len, heads]``, then the keys, then as many values, each ``[batch, kv_len, kv_heads]``
    and possibly in several tensors along ``kv_len`` (the cache of earlier tokens, then the new tokens).  Heads are
    axis blocks of width ``head_dim``; each KV head serves ``heads / kv_heads`` query heads.  The queries are the last
    ``q_len`` positions of the ``kv_len``.  ``reads`` is compulsory: every attended key and value once; the re-reads
    of a finite SRAM are in :meth:`traffic_bytes`.  Values may be narrower than keys.  With ``latent`` there are no
    values among the inputs: the first ``latent`` elements of a key are its value (latent attention, absorbed form).

    Not counted in ``flops``: the softmax itself (about 5 per pair and head against 4 x head_dim) and work on masked
    pairs inside a diagonal tile.

    Attributes:
        causal: Whether a query sees only its own and earlier positions.
        window: Positions one query sees at most, its own included; 0 is no limit.
        latent: Elements of a key that are its value too; 0 when values are stored beside the keys.

    Raises:
        ShapeError: Heads do not share KV heads evenly, keys and values differ, or fewer keys than causal queries.

    Source:
        Dao et al., *FlashAttention*, 2022, theorem 2; Dao, *FlashAttention-2*, 2023, algorithm 1 (loop order).

    Examples:
        >>> Attention.of(1, Heads(32, 8, 128), q_len=4, kv_len=4).attended_pairs  # 1+2+3+4
        10
    """

    kind: ClassVar[str] = "attention"

    causal: bool = True
    window: int = 0
    latent: int = 0

    def __post_init__(self) -> None:
        self.check_heads()
        if self.causal and self.kv_len < self.q_len:
            raise ShapeError(f"{self.name}: kv_len={self.kv_len} must be >= q_len={self.q_len} under a causal mask")
        if self.window < 0:
            raise ShapeError(f"{self.name}: window must be >= 0 (0 is no limit), got {self.window}")

    @classmethod
    def of(
        cls,
        batch: int,
        heads: Heads,
        q_len: int,
        kv_len: int,
        mask: Mask = CAUSAL,
        dtype: DType = DType.BF16,
    ) -> Self:
        """Attention of plain extents.

        Args:
            batch: Sequences.
            heads: Of queries, keys and values.
            q_len: New tokens of each sequence.
            kv_len: Positions of each sequence, new ones included.
            mask: Which of these a query sees.
            dtype: Of all tensors.
        """
        name = "attention"
        outer, queries = Axis.of("batch", batch), Axis.of("q_len", q_len)
        q_axes = (outer, queries, Axis.of("heads", heads.queries, heads.dim))
        kv_axes = (outer, Axis.of("kv_len", kv_len), Axis.of("kv_heads", heads.shared, heads.dim))
        k, v = (Tensor(f"{name}.{x}", kv_axes, dtype, Role.KV_CACHE) for x in "kv")
        inputs = (Tensor(f"{name}.q", q_axes, dtype), k, v)
        return cls(name, inputs, (Tensor(f"{name}.out", q_axes, dtype),), mask.causal, mask.window)

    @property
    def batch(self) -> int:
        """Sequences."""
        return self.q.axis("batch").size

    @property
    def q_len(self) -> int:
        """Queries per sequence."""
        return self.q.axis("q_len").size

    @property
    def kv_len(self) -> int:
        """Key positions per sequence, new ones included."""
        return self.stored_positions

    @property
    def attended_positions(self) -> int:
        """Key positions that at least one query sees."""
        if self.window == 0:
            return self.kv_len
        return min(self.kv_len, self.window + (self.q_len - 1 if self.causal else 0))

    @property
    def attended_pairs(self) -> int:
        """Query-key pairs of one head of one sequence; exact.

        Query ``i`` of ``q_len`` sees ``min(kv_len - q_len + i + 1, window)`` positions under a causal mask and
        ``min(kv_len, window)`` without one.
        """
        limit = self.window or self.kv_len
        if not self.causal:
            return self.q_len * min(self.kv_len, limit)
        first, last = self.kv_len - self.q_len + 1, self.kv_len
        if first >= limit:
            return self.q_len * limit
        top = min(last, limit)
        return (first + top) * (top - first + 1) // 2 + (last - top) * limit

    @property
    def flops(self) -> int:
        """Products over ``head_dim`` and ``value_dim``, each multiply-accumulate two, per pair, head and sequence."""
        return 2 * (self.head_dim + self.value_dim) * self.heads * self.batch * self.attended_pairs

    def read_bytes(self, tensor: Tensor) -> int:
        """Of keys and values, only the attended positions (the last ones)."""
        if tensor == self.q:
            return tensor.size_bytes
        group = self._keys if tensor in self._keys else self._values
        index = group.index(tensor)
        later = sum(t.axis("kv_len").size for t in group[index + 1 :])
        stored = tensor.axis("kv_len").size
        used = max(0, min(stored, self.attended_positions - later))
        return tensor.size_bytes * used // stored

    def q_block(self, sram_bytes: int) -> int:
        """Query rows (heads of a group packed) whose block fits ``sram_bytes`` beside one K and one V block; >= 1.

        A row takes its query, its fp32 output accumulator and its fp32 scores against :data:`KV_BLOCK` keys.
        """
        kv_block = min(KV_BLOCK, self.kv_len)
        streamed = self.kv_dtype.size_bytes(kv_block * self.kv_elements)
        row = self.dtype.size_bytes(self.head_dim) + _ACCUMULATOR_BYTES * (self.value_dim + kv_block)
        return max(1, (sram_bytes - streamed) // row)

    def traffic_bytes(self, sram_bytes: int) -> int:
        """Bytes moved beyond a fast memory of ``sram_bytes`` that works on one KV head of one sequence at a time.

        Queries are read and outputs written once; keys and values are read once per block of query rows, as far as
        that block sees (mask and window).  With everything in one block this is ``reads + writes``.  Not modelled:
        keys shared through a cache between blocks that run at the same time.
        """
        group = self.heads // self.kv_heads
        num_rows = self.q_len * group
        starts = np.arange(0, num_rows, self.q_block(sram_bytes), dtype=np.int64)
        ends = np.append(starts[1:], num_rows)
        first_query, last_query = starts // group, (ends - 1) // group
        offset = self.kv_len - self.q_len + 1
        stop = offset + last_query if self.causal else np.full_like(last_query, self.kv_len)
        seen = stop
        if self.window:
            begin = (offset + first_query if self.causal else stop) - self.window
            seen = stop - np.maximum(begin, 0)
        kv_elements = int(seen.sum()) * self.batch * self.kv_heads * self.kv_elements
        return self.q.size_bytes + self.writes + self.kv_dtype.size_bytes(kv_elements)

    def gradients(self) -> Gradients:
        """Of queries, keys and values in one operator, which computes the scores again; there are no weights."""
        return Gradients((OPERATORS.get("attention_backward").of(self),))  # type: ignore[attr-defined]
