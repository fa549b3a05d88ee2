"""Measures the operators of transformers on a GPU with PyTorch and writes them as a table of measurements.

::

    python tests/device/measure_gpu.py --chip nvidia-h100-sxm -o mine.csv      # minutes; PyTorch 2.4 or newer with CUDA
    accelsim validate --data mine.csv -v
    accelsim calibrate nvidia-h100-sxm --data mine.csv -o my-h100.yaml

Products (bf16, fp16, fp8, fp32), attention prefill and decode, norms, softmax, activations, rope and additions, in
sizes drawn evenly over the logarithm of their work (``--rows`` per operator, ``--seed``).  An operator is captured many
times in one CUDA graph, which is replayed between two device events: its launch is inside, no host time is.  ``timing``
says what was in the cache: ``torch_graph_warm`` repeats one set of operands, ``torch_graph_cold`` takes weights in
turn, more of them than the L2 holds.  Rope and gated activations go through ``torch.compile``: eagerly they are several
kernels.

The rate of a copy and the time between empty kernels go to ``<output>.machine.csv``: what ``memories.hbm.bandwidth``
and ``launch`` of a chip's file may be compared with.  ``--device cpu`` runs a few tiny rows by the host's clock, to
test the plumbing; its times mean nothing.

State: tested on a CPU only; it has not been run on a GPU yet.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

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
    return max(1, round(2.0**log2))


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
    """The table, and the figures of the machine beside it."""
    with output.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(found)
    with output.with_suffix(".machine.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("quantity", "value"), *machine.items()])


class Torch:
    """PyTorch on one device: CUDA graphs and events, or the host's clock on a CPU."""

    def __init__(self, device: str, replays: int = 20) -> None:
        import torch

        self._torch, self._device, self._replays = torch, device, replays
        self.is_gpu = device == "cuda"
        self.timing = (WARM, COLD) if self.is_gpu else (HOST, HOST)
        self._dtypes = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
        self._l2_bytes = torch.cuda.get_device_properties(0).L2_cache_size if self.is_gpu else 0
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.manual_seed(0)

    def seconds(self, row: Row) -> float:
        """See :class:`Backend`."""
        calls, nbytes = self._calls(row)
        if nbytes > MOST_BYTES:
            raise RuntimeError(f"operands of {nbytes:.3g} bytes are too large")
        return self._time(calls)

    def machine(self) -> dict[str, float]:
        """See :class:`Backend`."""
        torch, size = self._torch, 2**30 if self.is_gpu else 2**20
        source = torch.empty(size, dtype=torch.uint8, device=self._device)
        target, tiny = torch.empty_like(source), torch.zeros(1, device=self._device)
        copied_s, empty_s = self._time([lambda: target.copy_(source)]), self._time([lambda: tiny.add_(0.0)])
        return {"copy_bytes_per_s": 2.0 * size / copied_s, "launch_s": empty_s}

    def _calls(self, row: Row) -> tuple[list[Callable[[], Any]], float]:
        """The operator over operands of its own, once or, cold, over enough weights; and the bytes of all of them."""
        x = row.extents
        if row.op == "gemm":
            width = 1 if row.dtype == "fp8" else 4 if row.dtype == "fp32" else 2
            weight = x["n"] * x["k"] * width
            copies = min(MOST_COPIES, 2 * self._l2_bytes // weight + 2) if row.cold else 1
            nbytes = (copies * (x["k"] + x["m"]) * x["n"] + x["m"] * x["k"]) * max(width, 2)
            if nbytes > MOST_BYTES:
                return [], nbytes
            return [self._gemm(row) for _ in range(copies)], nbytes
        make = self._attention if row.op.startswith("attention") else self._row_operator
        size = x.get("batch", 1) * x.get("heads", 1) * x.get("head_dim", 1) * (x.get("kv_len", 0) + x.get("q_len", 0))
        nbytes = 4.0 * (size + 3 * x.get("m", 0) * x.get("n", 0))
        return ([make(row)] if nbytes <= MOST_BYTES else []), nbytes

    def _random(self, *shape: int, dtype: str) -> Any:
        return self._torch.randn(*shape, device=self._device, dtype=self._dtypes[dtype])

    def _gemm(self, row: Row) -> Callable[[], Any]:
        torch, (m, n, k) = self._torch, (row.extents[name] for name in "mnk")
        if row.dtype == "fp8":
            a = self._random(m, k, dtype="bf16").to(torch.float8_e4m3fn)
            b = self._random(n, k, dtype="bf16").to(torch.float8_e4m3fn).t()
            one = torch.ones((), device=self._device)
            return lambda: torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
        a, b = self._random(m, k, dtype=row.dtype), self._random(k, n, dtype=row.dtype)
        out = torch.empty(m, n, device=self._device, dtype=a.dtype)
        return lambda: torch.mm(a, b, out=out)

    def _attention(self, row: Row) -> Callable[[], Any]:
        attend, x = self._torch.nn.functional.scaled_dot_product_attention, row.extents
        q = self._random(x["batch"], x["heads"], x["q_len"], x["head_dim"], dtype=row.dtype)
        k, v = (self._random(x["batch"], x["kv_heads"], x["kv_len"], x["head_dim"], dtype=row.dtype) for _ in "kv")
        return lambda: attend(q, k, v, is_causal=x["q_len"] > 1, enable_gqa=x["heads"] != x["kv_heads"])

    def _row_operator(self, row: Row) -> Callable[[], Any]:
        torch, m, n = self._torch, row.extents["m"], row.extents["n"]
        x, y, weight = (self._random(*shape, dtype=row.dtype) for shape in ((m, n), (m, n), (n,)))
        functional = torch.nn.functional
        if row.op == "rope":
            cos, sin = self._random(m, n, dtype=row.dtype), self._random(m, n, dtype=row.dtype)
            rotate = self._fused(lambda t: t * cos + torch.cat((-t[:, n // 2 :], t[:, : n // 2]), -1) * sin)
            return lambda: rotate(x)
        if row.op == "silu_mul":
            gate = self._fused(lambda t, u: functional.silu(t) * u)
            return lambda: gate(x, y)
        return {
            "layernorm": lambda: functional.layer_norm(x, (n,), weight, weight),
            "rmsnorm": lambda: functional.rms_norm(x, (n,), weight),
            "softmax": lambda: torch.softmax(x, -1),
            "gelu": lambda: functional.gelu(x),
            "relu": lambda: torch.relu(x),
            "add": lambda: torch.add(x, y),
        }[row.op]

    def _fused(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = self._torch.compile(function) if self.is_gpu else function
        return compiled

    def _time(self, calls: Sequence[Callable[[], Any]]) -> float:
        return self._time_graph(calls) if self.is_gpu else self._time_host(calls)

    def _time_host(self, calls: Sequence[Callable[[], Any]]) -> float:
        times = []
        for _ in range(3):
            start = time.perf_counter()
            for call in calls:
                call()
            times.append((time.perf_counter() - start) / len(calls))
        return statistics.median(times)

    def _time_graph(self, calls: Sequence[Callable[[], Any]]) -> float:
        torch = self._torch
        repeats = max(1, -(-20 // len(calls)))
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):  # compile and choose kernels before the capture
            for call in calls[:3]:
                call()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(repeats):
                for call in calls:
                    call()
        graph.replay()
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        times = []
        for _ in range(5):
            start.record()
            for _ in range(self._replays):
                graph.replay()
            end.record()
            torch.cuda.synchronize()
            times.append(start.elapsed_time(end) * 1e-3 / (self._replays * repeats * len(calls)))
        return statistics.median(times)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Measure operators with PyTorch; see the top of the file.")
    parser.add_argument("--chip", required=True, help="name of the chip in accelsim, written into the table")
    parser.add_argument("-o", "--output", type=Path, required=True, help="CSV to write")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: tiny rows, to test the script")
    parser.add_argument("--rows", type=int, default=60, help="rows per operator and type")
    parser.add_argument("--dtypes", default="bf16,fp16,fp8,fp32", help="element types")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sizes")
    options = parser.parse_args(arguments)
    backend = Torch(options.device)
    small = options.device == "cpu"
    wanted = rows(2 if small else options.rows, options.dtypes.split(","), options.seed, 2.0**8 if small else 2.0**15)
    found = measure(wanted, backend, options.chip, lambda text: print(text, file=sys.stderr))
    write(found, backend.machine(), options.output)
    print(f"{len(found)} rows written to {options.output}")


if __name__ == "__main__":
    main()
