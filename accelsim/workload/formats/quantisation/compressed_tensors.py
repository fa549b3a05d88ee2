"""compressed-tensors, the format of llm-compressor: groups of modules, each with types of weights and of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accelsim.dtypes import Format
from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import ALL_LINEAR, Group, Scheme, Stated, integers, register_method


@register_method("compressed-tensors")
def read_compressed_tensors(stated: Stated) -> Scheme:
    """``config_groups`` by their targets: the class ``Linear``, names, or ``re:`` patterns.

    Args:
        stated: The section.

    Raises:
        ConfigError: No group, or weights that no format has.
    """
    found = stated.get("config_groups")
    groups = [one for one in found.values() if isinstance(one, Mapping)] if isinstance(found, Mapping) else []
    groups = [one for one in groups if isinstance(one.get("weights"), Mapping)]
    if not groups:
        raise ConfigError("config_groups: expected groups of modules, each with weights.")
    return Scheme(tuple(_group(one) for one in groups), ALL_LINEAR)


def _group(stated: Stated) -> Group:
    targets = stated.get("targets")
    names = tuple(name for name in targets if isinstance(name, str)) if isinstance(targets, list) else ()
    is_class = any(name.isidentifier() and name[0].isupper() for name in names)
    weights = _format(stated["weights"])
    return Group(weights, weight_only=not stated.get("input_activations"), targets=() if is_class else names)


def _format(weights: Stated) -> Format:
    bits, kind, group = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    if any(isinstance(value, list | dict) for value in (bits, kind, group, weights.get("strategy"))):
        raise ConfigError(f"config_groups: weights: expected plain values, got {dict(weights)}.")
    strategy = weights.get("strategy") or ("group" if group else "tensor")
    name = _FLOATS.get((bits, strategy, group if bits == 4 else None)) if kind == "float" else None
    if kind == "float" and strategy == "block":
        name = _blocks(weights.get("block_structure"))
    if kind == "int" and bits == 8 and strategy in ("tensor", "channel"):
        name = "int8"
    elif kind == "int" and strategy in ("group", "channel"):
        name = integers(bits, group if strategy == "group" else None, has_zero=weights.get("symmetric") is False)
    if name is None:
        raise ConfigError(f"config_groups: weights of {bits} bits, type {kind!r}, strategy {strategy!r} are not read.")
    return Format.parse(name)


def _blocks(sizes: Any) -> str:
    """Blocks of fp8, [outputs, inputs]."""
    if isinstance(sizes, list) and [type(size) for size in sizes] == [int, int] and sizes != [128, 128]:
        return f"fp8-b{sizes[1]}x{sizes[0]}"
    return "fp8-block"


#: (bits, strategy, size of a group of 4-bit weights) -> format.
_FLOATS: Mapping[tuple[object, object, object], str] = {
    (8, "tensor", None): "fp8",
    (8, "channel", None): "fp8-channel",
    (8, "group", None): "mxfp8",
    (4, "group", 16): "nvfp4",
    (4, "tensor_group", 16): "nvfp4",
    (4, "group", 32): "mxfp4",
}
