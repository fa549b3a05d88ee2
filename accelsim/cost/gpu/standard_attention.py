"""Attention that stores its scores, as a framework runs it kernel by kernel: forward, backward and memory.

::

    forward   Q K^T | (causal mask) | (padding mask) | softmax | (dropout) | P V
    backward  dV, dP | (dropout) | softmax | (padding mask) | scaling of dS | dQ, dK

Products are batched over heads, everything between is priced by its bytes: the scores are read and written again and
again, and queries, keys, values, results and their gradients are copied into and out of the order of a batched product.
A causal or padding mask broadcasts over heads, which the framework's kernels do at a part of the bandwidth: its passes
are counts of plain reads and writes of the scores that take as long, read off the measured rows, one number per mask
and direction.  ``fused`` is a softmax that scales and masks itself.

Also here: calls of the host, which an eager framework issues at a fixed rate.

Not modelled: heads that share keys, windows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from accelsim.cost.gpu.attention_shapes import AttentionShapes
from accelsim.cost.gpu.gemm import GemmParameters, gemm_times
from accelsim.cost.gpu.gemm_shapes import GemmShapes
from accelsim.cost.gpu.machine import Array, GpuMachine
from accelsim.cost.gpu.rowwise import RowShapes, RowwiseParameters, rowwise_times, softmax_passes

Direction = Literal["forward", "backward", "training"]
#: Passes over the scores (each one read and one write) that a broadcast mask takes.  docs/assumptions.md#GPU-24
CAUSAL_PASSES = 2.5
MASK_PASSES = {"forward": 1.7, "backward": 7.3}
#: Copies of a tensor of the size of the queries: q, k, v and O; dO, dQ, dK, dV and the three gathered into one.
COPIES = {"forward": 4.0, "backward": 7.0}
#: A fused mask reads its own bytes beside the scores.
FUSED_MASK_PASSES = 0.9
#: Bytes of dropout's mask per score.
_KEPT_BYTES = 1.0
#: Calls of the framework: base, dropout, mask; by direction.  A training step adds those of its bookkeeping.
STANDARD_CALLS = {"forward": (6.0, 1.0, 2.0), "backward": (8.0, 1.0, 3.0), "training": (17.0, 2.0, 5.0)}
FUSED_CALLS = {"forward": (6.0, 1.0, 4.0), "backward": (8.0, 1.0, 0.0), "training": (17.0, 2.0, 5.0)}
FLASH_CALLS = {"forward": 2.0, "backward": 5.0, "training": 10.0}


@dataclass(frozen=True, slots=True)
class StandardKernels:
    """What prices the kernels of standard attention on one chip.

    Attributes:
        machine: What they run on.
        products: Calibration of products of the element type.
        softmax: Calibration of the framework's softmax.
        elementwise: Calibration of its other kernels.
        core_flops_per_s: Published matrix peak of one core for the element type.
    """

    machine: GpuMachine
    products: GemmParameters
    softmax: RowwiseParameters
    elementwise: RowwiseParameters
    core_flops_per_s: float

    def seconds(
        self,
        shapes: AttentionShapes,
        direction: Direction,
        *,
        dropout: ArrayLike = False,
        mask: ArrayLike = False,
        fused: bool = False,
    ) -> Array:
        """Seconds on the device.

        Args:
            shapes: The shapes; ``causal`` adds a mask, all scores are computed.
            direction: ``forward``, ``backward`` or ``training``, which is both.
            dropout: Whether scores are dropped at random.
            mask: Whether a padding mask is applied.
            fused: Whether scaling and padding mask are part of the softmax.
        """
        drops, masks = (np.asarray(flag, dtype=np.float64) for flag in (dropout, mask))
        parts: list[Array] = []
        if direction != "backward":
            parts += self._forward(shapes, drops, masks, fused)
        if direction != "forward":
            parts += self._backward(shapes, drops, masks, fused)
        return np.asarray(np.sum(parts, axis=0))

    def _forward(self, x: AttentionShapes, drops: Array, masks: Array, fused: bool) -> Iterator[Array]:
        yield self._product(x, x.kv_len, x.head_dim)
        yield self._product(x, x.value_dim, x.kv_len)
        yield self._softmax(x, 1.0, softmax_passes(x.kv_len))
        yield x.causal * self._passes(x, CAUSAL_PASSES, CAUSAL_PASSES)
        passes = FUSED_MASK_PASSES if fused else MASK_PASSES["forward"]
        yield masks * self._passes(x, passes, passes)
        yield drops * self._passes(x, 1.0, 1.0 + _KEPT_BYTES / x.element_bytes)
        yield self._copies(x, COPIES["forward"])

    def _backward(self, x: AttentionShapes, drops: Array, masks: Array, fused: bool) -> Iterator[Array]:
        yield self._product(x, x.value_dim, x.q_len)
        yield self._product(x, x.kv_len, x.value_dim)
        yield self._product(x, x.head_dim, x.kv_len) + self._product(x, x.head_dim, x.q_len)
        is_fused = masks * fused
        passes = np.where(is_fused > 0, 1.0, np.minimum(softmax_passes(x.kv_len), 2.0))
        yield self._softmax(x, 2.0, passes)
        yield (1.0 - is_fused) * self._passes(x, 1.0, 1.0)
        yield (masks - is_fused) * self._passes(x, MASK_PASSES["backward"], MASK_PASSES["backward"])
        yield drops * self._passes(x, 1.0 + _KEPT_BYTES / x.element_bytes, 1.0)
        yield self._copies(x, COPIES["backward"])

    def _product(self, x: AttentionShapes, n: Array, k: Array) -> Array:
        """A product per head with ``q_len`` rows; which of the operands is the scores follows from its extents."""
        batch, size = x.batch * x.heads, x.element_bytes
        m = np.where(k == x.q_len, x.kv_len, x.q_len)
        read, written = batch * (m * k + k * n) * size, batch * m * n * size
        hit, kept = self.machine.cached_fraction(read), self.machine.cached_fraction(read + written)
        shapes = GemmShapes.of(
            m=m,
            n=n,
            k=k,
            batch=batch,
            core_flops_per_s=self.core_flops_per_s,
            element_bytes=size,
            a_cached=hit,
            b_cached=hit,
            c_cached=kept,
        )
        return gemm_times(self.machine, self.products, shapes).total_s

    def _softmax(self, x: AttentionShapes, operands: float, passes: ArrayLike) -> Array:
        scores = score_bytes(x)
        shapes = RowShapes.of(
            rows=x.batch * x.heads * x.q_len,
            width=x.kv_len,
            read_bytes=operands * scores,
            write_bytes=scores,
            whole_rows=True,
            passes=passes,
            cached=self.machine.cached_fraction((operands + 1.0) * scores),
        )
        return rowwise_times(self.machine, self.softmax, shapes).total_s

    def _passes(self, x: AttentionShapes, reads: ArrayLike, writes: ArrayLike) -> Array:
        """Time of streaming the scores so many times in and out."""
        scores, once = score_bytes(x), (np.asarray(count, dtype=np.float64) for count in (reads, writes))
        return self._stream(x.batch * x.heads * x.q_len, x.kv_len, *(count * scores for count in once))

    def _copies(self, x: AttentionShapes, number: float) -> Array:
        """Time of so many copies of the queries."""
        size = x.io_bytes / 2.0
        return number * self._stream(x.batch * x.heads * x.q_len, x.head_dim, size, size)

    def _stream(self, rows: Array, width: Array, read_bytes: Array, write_bytes: Array) -> Array:
        hit = self.machine.cached_fraction(read_bytes + write_bytes)
        shapes = RowShapes.of(rows=rows, width=width, read_bytes=read_bytes, write_bytes=write_bytes, cached=hit)
        return rowwise_times(self.machine, self.elementwise, shapes).total_s


def score_bytes(shapes: AttentionShapes) -> Array:
    """Bytes of the scores of all heads."""
    x = shapes
    return x.batch * x.heads * x.q_len * x.kv_len * x.element_bytes


def standard_calls(direction: Direction, dropout: ArrayLike, mask: ArrayLike, fused: bool = False) -> Array:
    """Calls a framework issues for standard attention.

    Args:
        direction: ``forward``, ``backward``, or ``training`` for both.
        dropout: 1 where there is dropout, 0 where not; an array.
        mask: 1 where there is a padding mask, 0 where not; an array.
        fused: Whether scaling, mask and softmax are one kernel.
    """
    base, drops, masks = (FUSED_CALLS if fused else STANDARD_CALLS)[direction]
    return np.asarray(base + drops * np.asarray(dropout, dtype=np.float64) + masks * np.asarray(mask, dtype=np.float64))
