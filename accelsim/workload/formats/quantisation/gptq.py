"""GPTQ, as GPTQModel and AutoGPTQ store it: scales, packed zero points, and the number of each row's group."""

from __future__ import annotations

from collections.abc import Iterator

from accelsim.dtypes import Format
from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import Group, Scheme, Stated, integers, register_method
from accelsim.workload.types import LINEAR_PARTS


@register_method("gptq")
@register_method("gptq_marlin")
def read_gptq(stated: Stated) -> Scheme:
    """Zero points and group numbers are stored even where they are all the same, or in order.

    ``modules_in_block_to_quantize`` names what is quantised; ``dynamic`` has patterns of names with ``-:`` in front of
    what is left alone and ``+:`` in front of what has bits of its own.

    Args:
        stated: The section.

    Raises:
        ConfigError: Bits that no format has.
    """
    dynamic = stated.get("dynamic") or {}
    if not isinstance(dynamic, dict):
        raise ConfigError(f"dynamic: expected patterns of names with their bits, got {dynamic!r}.")
    ignored = tuple(f"re:{name.removeprefix('-:')}" for name in dynamic if name.startswith("-:"))
    own = tuple(
        Group(_format({**stated, **changes}), targets=(f"re:{name.removeprefix('+:')}",))
        for name, changes in dynamic.items()
        if not name.startswith("-:") and isinstance(changes, dict)
    )
    rest = Group(_format(stated), targets=tuple(_names(stated.get("modules_in_block_to_quantize"))))
    parts = (*LINEAR_PARTS, "head") if stated.get("lm_head") is True else LINEAR_PARTS
    return Scheme((*own, rest), parts, ignored)


def _format(stated: Stated) -> Format:
    name = integers(stated.get("bits"), stated.get("group_size", 128), has_zero=True, has_index=True)
    return Format.parse(name)


def _names(value: object) -> Iterator[str]:
    """Names in a list of lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)
