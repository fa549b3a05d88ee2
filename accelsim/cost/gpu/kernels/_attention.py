"""What the families of attention share: columns of measured tables, and operators as shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.decode import MAX_DECODE_QUERIES
from accelsim.cost.measured import Array, Batch, Extents, Operation
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads, Mask

COLUMNS = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
#: Columns that a section states the range of.
EXTENTS = {"batch": "batch", "head_dim": "head_dim", "kv_len": "kv_len"}


def is_decode(operator: Any) -> bool:
    """Whether the keys are divided: one query, or few and more keys than queries."""
    return bool(operator.q_len == 1 or (operator.q_len <= MAX_DECODE_QUERIES and operator.kv_len > operator.q_len))


def shapes_of(operators: Sequence[Any]) -> AttentionShapes:
    """Attentions of any extents and element types as arrays."""
    columns = zip(*(_columns(operator) for operator in operators), strict=True)
    *extents, causal, window, value_dim, latent, element_bytes, io_bytes = columns
    return AttentionShapes.of(
        *extents,
        causal=causal,
        window=window,
        value_dim=value_dim,
        latent=latent,
        element_bytes=element_bytes,
        io_element_bytes=io_bytes,
    )


def _columns(op: Any) -> tuple[float, ...]:
    return (
        *(op.batch, op.heads, op.kv_heads, op.head_dim, op.q_len, op.kv_len),
        *(op.causal, op.window, op.value_dim, op.latent > 0),
        op.kv_dtype.bits / 8,
        op.dtype.bits / 8,
    )


def _work(x: Extents) -> Array:
    """FLOPs of the pairs a causal mask and a window leave."""
    q, kv = x["q_len"], x["kv_len"]
    reach = np.where(x["window"] > 0, np.minimum(x["window"], kv), kv)
    seen = np.where(x["causal"] > 0, kv - (q - 1.0) / 2.0, kv)
    pairs = np.where(q > 1, q * np.minimum(reach, seen), reach)
    return 4.0 * x["batch"] * x["heads"] * x["head_dim"] * pairs


def _build(x: Mapping[str, int], dtype: DType) -> Operator:
    batch, heads, kv_heads, head_dim, q_len, kv_len = (x[name] for name in COLUMNS)
    mask = Mask(causal=bool(x["causal"]), window=x["window"])
    return Attention.of(batch, Heads(heads, kv_heads, head_dim), q_len, kv_len, mask, dtype=dtype)


#: Rows of the attention of inference.
INFERENCE_ROWS = Operation(COLUMNS, "attention", _work, _build, {"window": 0, "causal": 1}, flags=("causal",))


def rows_as_shapes(batch: Batch, cache: DType | None) -> AttentionShapes:
    """Measured rows as shapes.

    Args:
        batch: Rows, whose type is that of the products.
        cache: Type of keys and values; None: that of the products.
    """
    x = batch.extents
    narrow = 1.0 if batch.dtype.bits <= 8 else 2.0
    return AttentionShapes.of(
        *(x[name] for name in COLUMNS),
        window=x["window"],
        causal=x["causal"],
        element_bytes=narrow if cache is None else cache.bits / 8,
        io_element_bytes=2.0,
    )
