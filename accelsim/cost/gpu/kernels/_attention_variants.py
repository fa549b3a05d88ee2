"""Attention of other libraries and of caches in fp8, each with numbers of its own where measured.

The plain kernels of a chip are those of vLLM with a cache in 16 bit.  Another library has kernels of its own, and so
has a cache in fp8: those that decode it read half the bytes and unpack them, those over prompts multiply in fp8 (rows
of that type) or unpack keys and values for products in 16 bit (``fp8_cache``).  A variant is a section of the
calibration named after what differs, such as ``attention_decode_fp8_cache_trtllm``, and an operator of measured tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.dtypes import DType

#: Libraries and languages whose kernels differ from the plain ones.
LIBRARIES = ("trtllm", "sglang", "triton")
#: What a variant's name says of a cache in fp8 whose products are not in fp8.
FP8_CACHE = "fp8_cache"


@dataclass(frozen=True, slots=True)
class Variant:
    """Kernels of one library for one type of cache.

    Attributes:
        cache: Type of keys and values; None: that of the queries.
    """

    cache: DType | None = None


PLAIN = Variant()
#: Variants by what follows the family in the ``op`` column.
VARIANTS: Mapping[str, Variant] = {
    FP8_CACHE: Variant(DType.FP8),
    **{library: PLAIN for library in LIBRARIES},
    **{f"{FP8_CACHE}_{library}": Variant(DType.FP8) for library in LIBRARIES},
}


def attention_op(family: str, cache: DType, multiplied: DType, library: str = "") -> str:
    """The operator of measured tables for a cache and a library.

    Args:
        family: ``attention_prefill`` or ``attention_decode``.
        cache: Type of keys and values.
        multiplied: Type of the products.
        library: One of :data:`LIBRARIES`; blank for the plain kernels.
    """
    is_unpacked = cache is DType.FP8 and multiplied is not DType.FP8
    return "_".join(part for part in (family, FP8_CACHE if is_unpacked else "", library) if part)


def variant_of(family: str, op: str) -> str:
    """What follows ``family`` in an ``op``; blank for plain kernels.

    Args:
        family: ``attention_prefill`` or ``attention_decode``.
        op: As a measured table spells it.
    """
    return op.removeprefix(family).removeprefix("_")
