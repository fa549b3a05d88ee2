"""What the attention kernels of a GPU take and give: arrays of shapes in, arrays of seconds and bytes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.machine import Array


@dataclass(frozen=True, slots=True)
class AttentionShapes:
    """Shapes of an array of attentions, one entry each.

    Attributes:
        batch: Sequences.
        heads: Query heads.
        kv_heads: Key-value heads.
        head_dim: Elements of a query and a key.
        q_len: Queries per sequence, the last of the ``kv_len`` positions.
        kv_len: Keys per sequence.
        causal: 1 where a query sees only its own and earlier positions.
        window: Positions one query sees at most; 0 is no limit.
        value_dim: Elements of a value and of a result.
        kv_elements: Elements stored per position and KV head: key and value, or one latent that is both.
        element_bytes: Bytes of an element of keys and values.
        io_element_bytes: Bytes of an element of queries and results.
    """

    batch: Array
    heads: Array
    kv_heads: Array
    head_dim: Array
    q_len: Array
    kv_len: Array
    causal: Array
    window: Array
    value_dim: Array
    kv_elements: Array
    element_bytes: Array
    io_element_bytes: Array

    @classmethod
    def of(
        cls,
        batch: ArrayLike,
        heads: ArrayLike,
        kv_heads: ArrayLike,
        head_dim: ArrayLike,
        q_len: ArrayLike,
        kv_len: ArrayLike,
        *,
        causal: ArrayLike = True,
        window: ArrayLike = 0,
        value_dim: ArrayLike | None = None,
        latent: ArrayLike = False,
        element_bytes: ArrayLike = 2.0,
        io_element_bytes: ArrayLike | None = None,
    ) -> Self:
        """Arrays or scalars of one shape; values are as wide as keys unless stated.

        Args:
            batch: See the attributes, as all that is not here.
            heads: Query heads.
            kv_heads: Key-value heads.
            head_dim: Elements of a query and a key.
            q_len: Queries per sequence.
            kv_len: Keys per sequence.
            causal: Whether a query sees only its own and earlier positions.
            window: Positions one query sees at most; 0 is no limit.
            value_dim: Elements of a value.
            latent: Whether the first ``value_dim`` elements of a key are its value (absorbed latent attention), so
                that nothing is stored beside the keys.
            element_bytes: Bytes of an element of keys and values.
            io_element_bytes: Bytes of an element of queries and results; default ``element_bytes``.
        """
        io = element_bytes if io_element_bytes is None else io_element_bytes
        value = head_dim if value_dim is None else value_dim
        given = (batch, heads, kv_heads, head_dim, q_len, kv_len, causal, window, value, latent, element_bytes, io)
        b, h, g, d, q, kv, mask, limit, v, single, size, io_size = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(column, dtype=np.float64)) for column in given)
        )
        return cls(b, h, g, d, q, kv, mask, limit, v, d + np.where(single > 0, 0.0, v), size, io_size)

    @property
    def io_bytes(self) -> Array:
        """Queries and results, each once."""
        return self.io_element_bytes * self.batch * self.heads * self.q_len * (self.head_dim + self.value_dim)

    @property
    def kv_row_bytes(self) -> Array:
        """Keys and values of one position of all sequences."""
        return self.element_bytes * self.batch * self.kv_heads * self.kv_elements


class AttentionTimes(NamedTuple):
    """Seconds and bytes of an array of attentions; the parts sum to ``total_s``."""

    total_s: Array
    launch_s: Array
    latency_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array
    splits: Array
    waves: Array


class Body(NamedTuple):
    """What overlaps inside a kernel: latency, then the slowest of three resources."""

    latency_s: Array
    body_s: Array
    compute_s: Array
    l2_s: Array
    hbm_s: Array
    l2_bytes: Array
    hbm_bytes: Array
    splits: Array
    waves: Array

    def times(self, launch_s: float) -> AttentionTimes:
        """Charge the overlapped part to the slowest of its resources."""
        slowest = np.argmax(np.stack([self.compute_s, self.l2_s, self.hbm_s]), axis=0)
        compute, l2, hbm = (np.where(slowest == i, self.body_s, 0.0) for i in range(3))
        launch = np.full_like(self.body_s, launch_s)
        total = launch + self.latency_s + self.body_s
        return AttentionTimes(
            total,
            launch,
            self.latency_s,
            compute,
            l2,
            hbm,
            self.l2_bytes,
            self.hbm_bytes,
            self.splits,
            self.waves,
        )
