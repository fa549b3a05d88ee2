"""Products of other libraries, and of other ways to store their operands, each with numbers of its own where measured.

The plain products of a chip are those of vLLM in 16 bit, fp8 with one scale per tensor, and fp4 in groups of 16
(nvfp4).  Another library chooses other kernels and quantises the activations by kernels of its own; blocks of scales
(fp8) are summed apart in the loop; weights of fewer bits are unpacked there.  A variant is a section of the calibration
named after both, such as ``gemm_fp8_block_trtllm``, and an operator of measured tables, ``gemm_block_trtllm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.dtypes import DType

#: Libraries whose products differ from the plain ones.
LIBRARIES = ("trtllm", "sglang")
#: Kernels that vLLM takes for blocks of scales, by shape and chip.
VLLM_BLOCK_KERNELS = ("deepgemm", "cutlass", "flashinfer", "triton")
#: Tiles of libraries that were built with few of them, and take the least height that covers the rows.
COARSE_ROWS, COARSE_COLS = (64, 128, 256), (64, 128)


@dataclass(frozen=True, slots=True)
class Variant:
    """One library's products of one storage.

    Attributes:
        stored: Type of weights that are unpacked to the one that is multiplied; None where they are multiplied as
            they are.
        coarse: Whether products of narrow types have few tiles; the others take those of the 16-bit products.
        hosted: Whether the host issues the kernels one by one, also where a graph is replayed.
    """

    stored: DType | None = None
    coarse: bool = False
    hosted: bool = False


PLAIN = Variant(coarse=True)

#: Variants by what follows ``gemm_`` in the ``op`` column.
VARIANTS: Mapping[str, Variant] = {
    "trtllm": Variant(),
    "sglang": Variant(coarse=True),
    **{f"block_{library}": Variant(coarse=True) for library in LIBRARIES},
    **{f"block_{kernel}": Variant(coarse=True, hosted=True) for kernel in VLLM_BLOCK_KERNELS},
    "block_aiter": Variant(),
    "int8_weights_trtllm": Variant(stored=DType.INT8),
    "int4_weights_trtllm": Variant(stored=DType.INT4),
}


def variant_name(op: str) -> str:
    """The variant that an ``op`` names; blank for plain products.

    Args:
        op: As a measured table spells it.
    """
    name = op.removeprefix("gemm_")
    return name if name in VARIANTS else ""
