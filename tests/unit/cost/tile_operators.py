"""Operators that every cost model of tiles prices, and what holds of each price."""

from __future__ import annotations

import pytest

from accelsim.cost.cost import Cost
from accelsim.dtypes import DType
from accelsim.workload.operator import Operator
from accelsim.workload.operators.attention import Attention, Heads
from accelsim.workload.operators.elementwise import Elementwise
from accelsim.workload.operators.embedding import Embedding
from accelsim.workload.operators.gemm import Gemm
from accelsim.workload.operators.norm import Norm
from accelsim.workload.operators.rope import Rope
from accelsim.workload.operators.softmax import Softmax

FP16 = DType.FP16
_COMMON: list[Operator] = [
    Gemm.of(1, 4096, 4096, dtype=FP16),
    Gemm.of(1, 4096, 128, batch=32, dtype=FP16),
    Attention.of(1, Heads(32, 8, 128), 1, 4096, dtype=FP16),
    Norm.of(1, 4096, FP16),
    Norm.of(4096, 4096, FP16, "layernorm"),
    Softmax.of(4096, 4096, FP16),
    Elementwise.of(1, 14336, FP16, "silu_mul"),
    Elementwise.of(4096, 4096, FP16, "add"),
    Rope.of(4096, 5120, FP16),
]


def operators(side: int, heads: Heads, length: int, vocabulary: int) -> list[Operator]:
    """A square product, the common operators, attention of ``length`` tokens over themselves, an embedding."""
    product, attention = Gemm.of(side, side, side, dtype=FP16), Attention.of(2, heads, length, length, dtype=FP16)
    return [product, *_COMMON, attention, Embedding.of(4096, 4096, vocabulary, FP16)]


def check_parts(cost: Cost) -> None:
    """Parts sum to the work, the limiter is the largest, bytes move and energy is spent."""
    assert cost.work_s > 0
    assert sum(cost.parts_s.values()) == pytest.approx(cost.work_s, rel=1e-12)
    assert cost.parts_s[cost.limiter] == max(cost.parts_s.values())
    assert cost.traffic_bytes["sram"] > 0
    assert cost.energy_j > 0
