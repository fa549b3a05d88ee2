"""Suites whose rows are peaks of memory: bytes alive during forward and backward of one attention."""

from __future__ import annotations

import numpy as np

from accelsim.cost.gpu.attention_tiles import BACKWARD, tiling
from accelsim.dtypes import DType
from accelsim.errors import ConfigError
from accelsim.validation.compare import MeasuredComparison
from accelsim.validation.kinds.base import SuiteKind, register_suite_kind
from accelsim.validation.machines import Machines
from accelsim.validation.operations import OPERATIONS
from accelsim.validation.table import Table
from accelsim.workload.operators.attention import Attention, Heads, Mask
from accelsim.workload.operators.attention_backward import peak_training_bytes

#: Column of the measured bytes.
MEASURED_BYTES = "memory_bytes"
_EXTENTS = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")


@register_suite_kind("memory")
class Memory(SuiteKind):
    """Bytes alive at the peak; the comparison holds bytes, the table a column of them."""

    def compare(self, suite: str, table: Table, machines: Machines) -> MeasuredComparison:
        """See :class:`~accelsim.validation.kinds.base.SuiteKind`; one attention of training a row."""
        table.require(("hardware", "op", "dtype", *_EXTENTS, MEASURED_BYTES))
        every = np.arange(len(table))
        numbers = np.stack([table.numbers(name, every) for name in _EXTENTS], axis=1)
        for row, column in np.argwhere(~(numbers >= 1)).tolist():
            raise ConfigError(f"{table.where(row, _EXTENTS[column])}: expected a number of at least 1")
        shapes = numbers.astype(int).tolist()
        ops, dtypes = table.text("op"), table.text("dtype")
        predicted = [_peak(op, shape, DType(dtype)) for op, shape, dtype in zip(ops, shapes, dtypes, strict=True)]
        kinds = [f"{op} memory" for op in ops]
        labels = list(zip(table.text("hardware"), kinds, dtypes, strict=True))
        work = np.array([float(np.prod(shape)) for shape in shapes])
        measured = table.numbers(MEASURED_BYTES, every)
        return MeasuredComparison(suite, labels, work, np.array(predicted, dtype=np.float64), measured, unit="B")


def _peak(op: str, shape: list[int], dtype: DType) -> int:
    library, _, direction = op.partition("_")
    if op not in OPERATIONS or direction != "training":
        raise ConfigError(f"op: {op!r} has no peak of memory. Known: flash1_training, standard_training and the like.")
    batch, heads, kv_heads, head_dim, q_len, kv_len = shape
    forward = Attention.of(batch, Heads(heads, kv_heads, head_dim), q_len, kv_len, Mask(causal=False), dtype=dtype)
    if library not in BACKWARD:
        return peak_training_bytes(forward, standard=True)
    width, keys = np.array([float(forward.head_dim)]), np.array([float(forward.kv_len)])
    block = float(tiling(BACKWARD, library).extents(width, keys)[1][0])
    return peak_training_bytes(forward, standard=False, sums_queries=forward.kv_len > block)
