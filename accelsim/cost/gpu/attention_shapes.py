"""What the attention kernels of a GPU take and give: arrays of shapes in, arrays of seconds and bytes out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.launches import KernelTimes
from accelsim.cost.gpu.machine import Array
from accelsim.cost.gpu.shapes import columns_of

_COLUMNS = (
    *("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len"),
    *("causal", "window", "value_dim", "latent", "element_bytes", "io_element_bytes"),
)
_DEFAULTS: dict[str, ArrayLike | str] = {
    "causal": 1.0,
    "window": 0.0,
    "value_dim": "head_dim",
    "latent": 0.0,
    "element_bytes": 2.0,
    "io_element_bytes": "element_bytes",
}


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
    def of(cls, *extents: ArrayLike, **columns: ArrayLike) -> Self:
        """Attentions from arrays of one length or single numbers; values are as wide as keys unless stated.

        Args:
            extents: The first columns in order: batch, heads, kv_heads, head_dim, q_len, kv_len.
            columns: Columns by name, as the attributes; ``latent`` in the place of ``kv_elements``: whether the first
                ``value_dim`` elements of a key are its value (absorbed latent attention), so that nothing is stored
                beside the keys.

        Raises:
            TypeError: A column is unknown, missing or given twice.
        """
        given = dict(zip(_COLUMNS, extents, strict=False))
        if twice := sorted(given.keys() & columns.keys()):
            raise TypeError(f"columns {', '.join(twice)} are given twice")
        found = dict(zip(_COLUMNS, columns_of(given | columns, _COLUMNS, _DEFAULTS), strict=True))
        stored = found["head_dim"] + np.where(found.pop("latent") > 0, 0.0, found["value_dim"])
        return cls(**found, kv_elements=stored)

    @property
    def io_bytes(self) -> Array:
        """Queries and results, each once."""
        return self.io_element_bytes * self.batch * self.heads * self.q_len * (self.head_dim + self.value_dim)

    @property
    def kv_row_bytes(self) -> Array:
        """Keys and values of one position of all sequences."""
        return self.element_bytes * self.batch * self.kv_heads * self.kv_elements


@dataclass(frozen=True, slots=True)
class AttentionTimes(KernelTimes):
    """Seconds and bytes of an array of attentions, and what each was cut into."""

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
