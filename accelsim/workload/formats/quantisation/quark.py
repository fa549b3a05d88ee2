"""AMD's Quark: one specification for all layers, others for layers by name."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.dtypes import Format
from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import ALL_LINEAR, Group, Scheme, Stated, integers, register_method


@register_method("quark")
def read_quark(stated: Stated) -> Scheme:
    """``layer_quant_config`` by patterns of names, then ``global_quant_config``.

    Args:
        stated: The section.

    Raises:
        ConfigError: Weights that no format has.
    """
    whole, by_name = stated.get("global_quant_config"), stated.get("layer_quant_config") or {}
    if not isinstance(whole, Mapping) or not isinstance(by_name, Mapping):
        raise ConfigError("global_quant_config: expected the types of weights and inputs.")
    own = tuple(_group(one, (name,)) for name, one in by_name.items() if isinstance(one, Mapping) and one.get("weight"))
    return Scheme((*own, _group(whole)), ALL_LINEAR)


def _group(stated: Stated, targets: tuple[str, ...] = ()) -> Group:
    weights = stated.get("weight")
    if isinstance(weights, list):
        weights = weights[0] if weights else None
    if not isinstance(weights, Mapping):
        raise ConfigError(f"global_quant_config: weight: expected its type, got {weights!r}.")
    return Group(Format.parse(_name(weights)), weight_only=not stated.get("input_tensors"), targets=targets)


def _name(weights: Stated) -> str:
    dtype, scheme = str(weights.get("dtype")), str(weights.get("qscheme"))
    if dtype.startswith("fp8"):
        return {"per_tensor": "fp8", "per_channel": "fp8-channel"}.get(scheme, "mxfp8")
    if dtype in ("fp4", "mxfp4"):
        return "mxfp4"
    if dtype in ("int8", "int4", "uint4", "uint8"):
        bits = 4 if dtype.endswith("4") else 8
        group = weights.get("group_size") if scheme == "per_group" else None
        if bits == 8 and group is None:
            return "int8"
        return integers(bits, group, has_zero=dtype.startswith("u") or weights.get("symmetric") is False)
    raise ConfigError(f"global_quant_config: weights of type {dtype!r} are not read.")
