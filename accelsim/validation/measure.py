"""Operators of transformers to measure on a device, and the table of measurements that comes of it.

Products (bf16, fp16, fp8, fp32), attention prefill and decode, norms, softmax, activations, rope and additions, in
sizes drawn evenly over the logarithm of their work.  ``timing`` of a row says what was in the cache:
``torch_graph_warm`` repeats one set of operands, ``torch_graph_cold`` takes weights in turn, more of them than the L2
holds.  Rate of a copy and time between empty kernels go to ``<output>.machine.csv``: what ``memories.hbm.bandwidth``
and ``launch`` of a chip's file may be compared with.  The device is behind :class:`Backend`;
:mod:`accelsim.validation.measure_torch` is the one that runs PyTorch.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from accelsim.files import write_atomic

WARM, COLD, HOST = "torch_graph_warm", "torch_graph_cold", "host_wall_sync"
COLUMNS = (
    "hardware", "op", "dtype", "m", "n", "k", "batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len", "window",
    "time_s", "timing",
)  # fmt: skip
#: Copies of a weight that count as never in the cache; as in the rig ``torch_graph_cold``.
MOST_COPIES = 1000
#: Bytes that all operands of one row may take together.
MOST_BYTES = 16e9
HEADS = ((32, 8, 128), (32, 32, 128), (64, 8, 128), (16, 16, 64), (8, 1, 256))
ROW_OPS = ("layernorm", "rmsnorm", "softmax", "gelu", "relu", "silu_mul", "add", "rope")


@dataclass(frozen=True)
class Row:
    """One operator to measure.

    Attributes:
        op: As tables spell it.
        dtype: Element type.
        extents: Its columns.
        cold: Whether weights are taken in turn.
    """

    op: str
    dtype: str
    extents: dict[str, int] = field(hash=False)
    cold: bool = False


class Backend(Protocol):
    """Runs rows somewhere."""

    timing: tuple[str, str]

    def seconds(self, row: Row) -> float:
        """Seconds of one execution; raises RuntimeError where the device cannot run the row."""
        ...

    def machine(self) -> dict[str, float]:
        """Rate of a copy in bytes/s and time between empty kernels in seconds."""
        ...


def rows(num: int, dtypes: Sequence[str], seed: int, most: float = 2.0**15) -> Iterator[Row]:
    """``num`` rows of each operator and type, evenly over the logarithm of every extent from 1 up to ``most``."""
    rng = np.random.default_rng(seed)
    top = math.log2(most)

    def extents(names: str, low: float, high: float) -> list[dict[str, int]]:
        strata = {name: rng.permutation(num) for name in names}
        at = {name: (order + rng.random(num)) / num for name, order in strata.items()}
        return [{name: _extent(low + at[name][i] * (high - low)) for name in names} for i in range(num)]

    for dtype in dtypes:
        for x in extents("mnk", 5.0, top):
            aligned = {"m": _extent(rng.random() * top), "n": -(-x["n"] // 16) * 16, "k": -(-x["k"] // 16) * 16}
            yield from (Row("gemm", dtype, aligned, cold) for cold in (False, True))
    for dtype in (d for d in dtypes if d in ("bf16", "fp16")):
        for i, x in enumerate(extents("bqk", 0.0, top)):
            heads, kv_heads, head_dim = HEADS[i % len(HEADS)]
            shape = {"heads": heads, "kv_heads": kv_heads, "head_dim": head_dim, "window": 0}
            batch = max(1, round(x["b"] ** 0.5))
            yield Row("attention_decode", dtype, {"batch": batch, "q_len": 1, "kv_len": max(2, x["k"]), **shape})
            length = max(16, min(x["q"], int(2**top) // batch))
            yield Row("attention_prefill", dtype, {"batch": batch, "q_len": length, "kv_len": length, **shape})
        for op in ROW_OPS:
            for x in extents("mn", 0.0, top):
                yield Row(op, dtype, {"m": x["m"], "n": max(128, -(-min(x["n"], 2**15) // 128) * 128)})


def _extent(log2: float) -> int:
    return max(1, round(float(2.0**log2)))


def measure(
    wanted: Iterable[Row], backend: Backend, hardware: str, report: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Rows with their times; those that do not fit or that the device cannot run are reported and left out."""
    found = []
    for row in wanted:
        try:
            seconds = backend.seconds(row)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            report(f"left out {row.op} {row.dtype} {row.extents}: {str(error).splitlines()[0]}")
            continue
        cells = {"hardware": hardware, "op": row.op, "dtype": row.dtype, **row.extents}
        found.append({**cells, "time_s": f"{seconds:.6e}", "timing": backend.timing[row.cold]})
    return found


def write(found: Sequence[dict[str, Any]], machine: dict[str, float], output: Path) -> None:
    """The table, and the figures of the machine beside it.

    Args:
        found: Rows with their times.
        machine: Figures of the machine by name.
        output: CSV to write.

    Raises:
        ConfigError: A file cannot be written.
    """
    table, figures = io.StringIO(newline=""), io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    csv.writer(figures, lineterminator="\n").writerows([("quantity", "value"), *machine.items()])
    write_atomic(output, table.getvalue())
    write_atomic(output.with_suffix(".machine.csv"), figures.getvalue())
