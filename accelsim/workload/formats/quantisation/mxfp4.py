"""MXFP4 as gpt-oss is released: experts alone, 32 weights to an exponent."""

from __future__ import annotations

from accelsim.workload.formats.quantisation.base import Scheme, Stated, register_method


@register_method("mxfp4")
def read_mxfp4(stated: Stated) -> Scheme:
    """Routed experts; what they are multiplied by stays wide.

    Args:
        stated: The section.
    """
    return Scheme.of("mxfp4", parts=("experts",))
