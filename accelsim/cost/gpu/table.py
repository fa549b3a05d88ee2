"""Predict the rows of a table of measured operators: columns as arrays in, seconds out.

A measuring rig decides what is in the L2 when a kernel starts and whether launch overhead is inside the time; both are
stated by a :class:`Rig`, never hidden in calibrated numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from accelsim.cost.gpu.attention import PrefillParameters, prefill_times
from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.decode import DecodeParameters, decode_times
from accelsim.cost.gpu.gemm import GemmParameters, gemm_times
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.cost.gpu.moe import MoeParameters, moe_times
from accelsim.cost.gpu.quantize import quantize_seconds
from accelsim.cost.gpu.rowwise import (
    BLOCK_THREADS,
    LAYERNORM_THREADS,
    PASSES,
    RowwiseParameters,
    rowwise_times,
    softmax_passes,
)

#: Columns of a table by name, all of one length.
Columns = Mapping[str, Any]
#: Row operators whose kernels give each row to one block; the others stream elements.
WHOLE_ROW_OPS = ("layernorm", "rmsnorm", "rope", "silu_mul", "softmax")
#: Calibration section of each row operator.
ROW_SECTIONS = {
    "add": "elementwise",
    "gelu": "elementwise",
    "layernorm": "reduction",
    "relu": "elementwise",
    "rmsnorm": "rowwise",
    "rope": "rowwise",
    "silu_mul": "rowwise",
    "softmax": "reduction",
}
_ACTIVATIONS_READ = {"add": 2.0, "silu_mul": 2.0}
_RESULT_BYTES = {"fp8": 2.0, "int8": 2.0}
_ELEMENT_BYTES = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0}


@dataclass(frozen=True, slots=True)
class Rig:
    """How a table was measured.

    Attributes:
        weight_copies: Different weights used in turn, each with a result of its own, so that both are touched again
            only after all of them.
        has_launch: Whether the launch of the kernel lies inside the measured time.
        appends_kv: Whether an attention row also copies its new keys and values into the cache.
        overhead_s: Constant of the framework and host inside every time.
        quantizes: Whether an 8-bit GEMM row also quantises its 16-bit activations first.
        library: Communication library behind a collective; blank is the system's own.
        call_s: Time of the host per call of an eager framework; the device works behind it, so that a row takes at
            least its calls.
        rounds_s: What the source rounds its times to; 0 is nothing to speak of.
    """

    weight_copies: int = 1
    has_launch: bool = True
    appends_kv: bool = False
    overhead_s: float = 0.0
    quantizes: bool = False
    library: str = ""
    call_s: float = 0.0
    rounds_s: float = 0.0

    def seen(self, device_s: Array, calls: Array) -> Array:
        """What the clock sees of rows of ``device_s`` seconds that the host issues in so many calls."""
        return np.maximum(device_s, self.call_s * calls) + self.overhead_s


def element_bytes(dtype: object) -> Array:
    """Bytes per element of a column of element type names."""
    return np.array([_ELEMENT_BYTES[str(name)] for name in np.atleast_1d(np.asarray(dtype))])


def gemm_seconds(
    machine: GpuMachine,
    parameters: GemmParameters,
    table: Columns,
    rig: Rig,
    core_flops_per_s: float,
) -> Array:
    """Seconds of the GEMM rows (columns m, n, k, dtype and perhaps batch); one element type per call.

    With ``rig.quantizes``, rows of an 8-bit type first quantise their 16-bit activations.
    """
    m, n, k = (np.asarray(table[name], dtype=np.float64) for name in "mnk")
    batch = (
        np.nan_to_num(np.asarray(table["batch"], dtype=np.float64), nan=1.0) if "batch" in table else np.ones_like(m)
    )
    dtype = str(np.asarray(table["dtype"])[0])
    size = _ELEMENT_BYTES[dtype]
    result = _RESULT_BYTES.get(dtype, size)
    a, b, c = batch * m * k * size, batch * n * k * size, batch * m * n * result
    times = gemm_times(
        machine,
        parameters if rig.has_launch else replace(parameters, launch_s=0.0),
        m,
        n,
        k,
        batch=batch,
        core_flops_per_s=core_flops_per_s,
        element_bytes=size,
        result_bytes=result,
        a_cached=machine.cached_fraction(a + b + c),
        b_cached=machine.cached_fraction(a + rig.weight_copies * b + c),
        c_cached=machine.cached_fraction(a + rig.weight_copies * (b + c)),
    )
    seconds = times.total_s + rig.overhead_s
    if rig.quantizes and size == 1.0:
        seconds = seconds + quantize_seconds(machine, parameters, m, k)
    return seconds


def attention_seconds(
    machine: GpuMachine,
    parameters: PrefillParameters | DecodeParameters,
    table: Columns,
    rig: Rig,
    core_flops_per_s: float,
) -> Array:
    """Seconds of the prefill or the decode rows (columns batch, heads, kv_heads, head_dim, q_len, kv_len, window)."""
    names = ("batch", "heads", "kv_heads", "head_dim", "q_len", "kv_len")
    x = AttentionShapes.of(*(table[name] for name in names), window=table["window"])
    if isinstance(parameters, PrefillParameters):
        kept = x.kv_row_bytes * (x.kv_len + rig.appends_kv * x.q_len)
        times = prefill_times(
            machine,
            parameters,
            x,
            core_flops_per_s=core_flops_per_s,
            appended=rig.appends_kv,
            cached=machine.cached_fraction(x.io_bytes + kept),
            kv_cached=machine.cached_fraction(kept),
        )
        return times.total_s + rig.overhead_s
    seen = np.where(x.window > 0, np.minimum(x.window, x.kv_len), x.kv_len)
    cached = machine.cached_fraction(x.kv_row_bytes * seen)
    times = decode_times(machine, parameters, x, core_flops_per_s=core_flops_per_s, kv_cached=cached)
    return times.total_s + rig.overhead_s


def moe_layer_seconds(
    machine: GpuMachine, parameters: MoeParameters, table: Columns, rig: Rig, core_flops_per_s: float
) -> Array:
    """Seconds of fused mixture-of-experts layers (columns m, hidden, inter, topk, num_experts, tp, ep, gated)."""
    names = ("m", "hidden", "inter", "topk", "num_experts")
    shape = (np.asarray(table[name], dtype=np.float64) for name in names)
    tp, ep, gated = (np.asarray(table[name], dtype=np.float64) for name in ("tp", "ep", "gated"))
    times = moe_times(machine, parameters, *shape, core_flops_per_s=core_flops_per_s, tp=tp, ep=ep, gated=gated)
    return times.total_s + rig.overhead_s


def rowwise_seconds(machine: GpuMachine, parameters: RowwiseParameters, table: Columns, rig: Rig) -> Array:
    """Seconds of row operators (columns op, dtype, m, n), all of one family of kernels."""
    rows, width = (np.asarray(table[name], dtype=np.float64) for name in "mn")
    ops = [str(op) for op in np.asarray(table["op"])]
    size = element_bytes(table["dtype"])
    result = rows * width * size
    read = result * np.array([_ACTIVATIONS_READ.get(op, 1.0) for op in ops])
    times = rowwise_times(
        machine,
        parameters if rig.has_launch else replace(parameters, launch_s=0.0),
        rows,
        width,
        read,
        result,
        whole_rows=np.array([op in WHOLE_ROW_OPS for op in ops]),
        passes=np.where([op == "softmax" for op in ops], softmax_passes(width), [PASSES.get(op, 1.0) for op in ops]),
        gathers=np.array([op == "rope" for op in ops]),
        block_threads=np.array([LAYERNORM_THREADS if op == "layernorm" else BLOCK_THREADS for op in ops]),
        cached=machine.cached_fraction(read + result),
    )
    return times.total_s + rig.overhead_s
