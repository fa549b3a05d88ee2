"""AWQ, and AutoRound, which packs alike: integer weights in groups, with zero points unless they are symmetric."""

from __future__ import annotations

from accelsim.workload.formats.quantisation.base import Scheme, Stated, integers, register_method


@register_method("awq")
def read_awq(stated: Stated) -> Scheme:
    """Keys of AutoAWQ, or those of the first releases (``w_bit``, ``q_group_size``).

    Args:
        stated: The section.
    """
    bits = stated.get("bits", stated.get("w_bit"))
    group = stated.get("group_size", stated.get("q_group_size", 128))
    return Scheme.of(integers(bits, group, has_zero=stated.get("zero_point", True) is True))


@register_method("auto-round")
@register_method("intel/auto-round")
def read_auto_round(stated: Stated) -> Scheme:
    """In the packing of GPTQ, unless it says AWQ.

    Args:
        stated: The section.
    """
    is_gptq = "awq" not in str(stated.get("packing_format", "auto_gptq"))
    return Scheme.of(integers(stated.get("bits"), stated.get("group_size", 128), has_zero=True, has_index=is_gptq))
