"""bitsandbytes: 8 bits that are multiplied as such, or 4 bits that are unpacked."""

from __future__ import annotations

from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import Scheme, Stated, register_method


@register_method("bitsandbytes")
def read_bitsandbytes(stated: Stated) -> Scheme:
    """``load_in_4bit`` (nf4 and fp4 are stored alike), with scales that are quantised too or not, or ``load_in_8bit``.

    Left out: columns of outliers that 8-bit products compute apart in 16 bit.

    Args:
        stated: The section.

    Raises:
        ConfigError: It says neither.
    """
    if stated.get("load_in_4bit") or stated.get("_load_in_4bit"):
        return Scheme.of("nf4-dq" if stated.get("bnb_4bit_use_double_quant") else "nf4")
    if stated.get("load_in_8bit") or stated.get("_load_in_8bit"):
        return Scheme.of("int8")
    raise ConfigError("bitsandbytes: expected load_in_4bit or load_in_8bit to be true.")


@register_method("eetq")
def read_eetq(stated: Stated) -> Scheme:
    """EETQ: 8-bit integers with a 16-bit scale per output channel; what they are multiplied by stays wide.

    Args:
        stated: The section.
    """
    return Scheme.of("int8-channel")
