"""Experts of other kernels, and of other ways to store their weights, each with numbers of its own where measured.

The plain ones of a chip are those that vLLM takes in 16 bit.  A variant is a section of the calibration named after the
storage and the kernel, such as ``moe_fp8_block_triton``, and an operator of measured tables, ``moe_block_triton``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.dtypes import DType

#: Who wrote the grouped products: Triton's, those of FlashInfer in CUTLASS and by TensorRT-LLM's generator, Marlin,
#: the ones inside TensorRT-LLM, and AMD's.
KERNELS = ("triton", "cutlass", "trtllm", "marlin", "torch_flow", "aiter")


@dataclass(frozen=True, slots=True)
class Storage:
    """How weights lie in memory.

    Attributes:
        stored: Type of weights that are unpacked to the one that is multiplied; None where they are multiplied as they
            are.
        bits: Bits of a weight, scales included; None: those of the type that is multiplied.
    """

    stored: DType | None = None
    bits: float | None = None


#: Ways to store weights, by what an ``op`` says of them: groups of 128 share a scale of 16 bit (int4), of 32 one of 8
#: bit (mxfp4); blocks of 128 x 128 (fp8) weigh nothing.
STORAGES: Mapping[str, Storage] = {
    "": Storage(),
    "block": Storage(),
    "int4_weights": Storage(DType.INT4, 4.0 + 16.0 / 128.0),
    "mxfp4_weights": Storage(DType.FP4, 4.0 + 8.0 / 32.0),
}
#: Storage and kernel by what follows ``moe_`` in the ``op`` column; ``cutlass`` alone is older than the others.
VARIANTS: Mapping[str, tuple[str, str]] = {
    "_".join(part for part in (storage, kernel) if part): (storage, kernel)
    for storage in STORAGES
    for kernel in KERNELS
}
#: Bits of an nvfp4 weight with its scale of 8 bit in groups of 16.
NVFP4_BITS = 4.0 + 8.0 / 16.0
