"""Runs operators with PyTorch and takes their time: many times in one CUDA graph, which is replayed between two events.

Launches are inside, no host time is.  Rope and gated activations go through ``torch.compile``: eagerly they are several
kernels.  On a CPU a few tiny rows run by the host's clock, to test the plumbing.  State: tested on a CPU only; it has
not been run on a GPU yet.
"""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from accelsim.errors import ConfigError
from accelsim.validation.measure import COLD, HOST, MOST_BYTES, MOST_COPIES, WARM, Row


def load_torch(device: str) -> Any:
    """The module torch.

    Args:
        device: ``cuda`` or ``cpu``.

    Raises:
        ConfigError: It is not installed, or sees no GPU.
    """
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise ConfigError(
            "measure: PyTorch is not installed. Install PyTorch 2.4 or newer with CUDA on the machine to be measured."
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("measure: PyTorch sees no GPU here. Run this on the machine to be measured.")
    return torch


class Torch:
    """PyTorch on one device: CUDA graphs and events, or the host's clock on a CPU.

    Args:
        device: ``cuda``, or ``cpu``, whose times mean nothing.
        replays: Times that a graph is played between two events.

    Raises:
        ConfigError: There is no PyTorch, or no such device.
    """

    def __init__(self, device: str, replays: int = 20) -> None:
        torch = load_torch(device)
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
            nbytes: float = (copies * (x["k"] + x["m"]) * x["n"] + x["m"] * x["k"]) * max(width, 2)
            if nbytes > MOST_BYTES:
                return [], nbytes
            return [self._gemm(row) for _ in range(copies)], nbytes
        make = self._attention if "heads" in x else self._row_operator
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
        return float(statistics.median(times))

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
        return float(statistics.median(times))
