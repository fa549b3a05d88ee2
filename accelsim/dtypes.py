"""Element types and the bytes they take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class DType(Enum):
    """Element type of a tensor; the value is its spelling in YAML, CSV and on the command line."""

    FP32 = "fp32"
    TF32 = "tf32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"
    FP4 = "fp4"
    INT4 = "int4"
    INT32 = "int32"

    @property
    def bits(self) -> int:
        """Bits of one element in memory (``tf32`` is stored as 32 bits)."""
        return _BITS[self]

    def size_bytes(self, num_elements: int) -> int:
        """Bytes of ``num_elements`` packed elements, rounded up once to a whole byte."""
        return -(-num_elements * self.bits // 8)


_BITS = {
    DType.FP32: 32,
    DType.TF32: 32,
    DType.INT32: 32,
    DType.BF16: 16,
    DType.FP16: 16,
    DType.FP8: 8,
    DType.INT8: 8,
    DType.FP4: 4,
    DType.INT4: 4,
}


@dataclass(frozen=True, slots=True)
class Types:
    """Element types by role.

    Attributes:
        weights: Of weights.
        activations: Of activations.
        kv: Of the KV cache.
        links: Of what collectives carry.
    """

    weights: DType
    activations: DType
    kv: DType
    links: DType

    @classmethod
    def of(cls, dtype: DType) -> Types:
        """One type for every role."""
        return cls(dtype, dtype, dtype, dtype)
