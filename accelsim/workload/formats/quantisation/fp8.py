"""FP8 as DeepSeek, Qwen and others release it, and FBGEMM's: one scale per matrix, block or output channel."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import Scheme, Stated, register_method

_BLOCK_SIDES = 2


@register_method("fp8")
def read_fp8(stated: Stated) -> Scheme:
    """``weight_block_size`` is [outputs, inputs]; ``scale_fmt: ue8m0`` scales are exponents of 8 bits.

    Args:
        stated: The section.

    Raises:
        ConfigError: Blocks that are no two sizes.
    """
    block = stated.get("weight_block_size")
    if block is None:
        return Scheme.of("fp8")
    if not isinstance(block, list) or len(block) != _BLOCK_SIDES or any(type(s) is not int or s < 1 for s in block):
        raise ConfigError(f"weight_block_size {block!r}: expected two sizes such as [128, 128], or none.")
    short = stated.get("scale_fmt") == "ue8m0"
    if block == [128, 128] and not short:
        return Scheme.of("fp8-block")
    return Scheme.of(f"fp8-b{block[1]}x{block[0]}{'-e8m0' if short else ''}")


@register_method("fbgemm_fp8")
def read_fbgemm(stated: Stated) -> Scheme:
    """A scale per output channel, one per token of what is multiplied.

    Args:
        stated: The section.
    """
    return Scheme.of("fp8-channel")
