"""NVIDIA's Model Optimizer: algorithms by name, in ``hf_quant_config.json`` or in the config itself."""

from __future__ import annotations

from collections.abc import Mapping

from accelsim.dtypes import Format
from accelsim.errors import ConfigError
from accelsim.workload.formats.quantisation.base import ALL_LINEAR, Group, Scheme, Stated, integers, register_method

_NAMES = {
    "FP8": "fp8",
    "FP8_PER_CHANNEL_PER_TOKEN": "fp8-channel",
    "FP8_PB_WO": "fp8-block",
    "FP8_PB_REAL": "fp8-block",
    "FP8_BLOCK_SCALES": "fp8-block",
    "W8A16": "int8-channel",
    "W4A16": "int4-channel",
    "INT8_SQ": "int8",
    "W8A8_SQ_PER_CHANNEL": "int8",
    "NVFP4": "nvfp4",
    "NVFP4_AWQ": "nvfp4",
    "W4A16_NVFP4": "nvfp4",
    "MXFP8": "mxfp8",
    "W4A8_NVFP4_FP8": "nvfp4",
    "W4A16_MXFP4": "mxfp4",
    "W4A8_MXFP4_FP8": "mxfp4",
    "MXFP4": "mxfp4",
}
_IN_GROUPS = ("W4A16_AWQ", "W4A8_AWQ", "INT4_AWQ")
_FP8_INPUTS = ("W4A8_AWQ", "W4A8_NVFP4_FP8", "W4A8_MXFP4_FP8")
_WEIGHT_ONLY = ("FP8_PB_WO", "W8A16", "W4A16", "W4A16_NVFP4", "W4A16_MXFP4")


@register_method("modelopt")
@register_method("modelopt_fp4")
@register_method("modelopt_mixed")
def read_modelopt(stated: Stated) -> Scheme:
    """One algorithm for all linear layers, or ``MIXED_PRECISION`` with that of each under ``quantized_layers``.

    ``quant_algo: null`` is what a checkpoint has of which the KV cache alone is quantised, or nothing.

    Args:
        stated: The section.

    Raises:
        ConfigError: An algorithm that is not read.
    """
    if stated.get("quant_algo") is None:
        return Scheme((), ())
    layers = stated.get("quantized_layers")
    if str(stated.get("quant_algo")).upper() == "MIXED_PRECISION" and isinstance(layers, Mapping):
        by_group: dict[Group, list[str]] = {}
        for name, own in layers.items():
            by_group.setdefault(_group(own if isinstance(own, Mapping) else {}), []).append(name)
        if not by_group:
            raise ConfigError("quantized_layers: expected modules with their quant_algo, got none.")
        groups = (Group(one.weights, one.inputs, one.weight_only, tuple(names)) for one, names in by_group.items())
        return Scheme(tuple(groups), ALL_LINEAR)
    return Scheme((_group(stated),), ALL_LINEAR)


def _group(stated: Stated) -> Group:
    algorithm = str(stated.get("quant_algo")).upper()
    if algorithm in _IN_GROUPS:
        name = integers(4, stated.get("group_size") or 128)
    elif algorithm in _NAMES:
        name = _NAMES[algorithm]
    else:
        raise ConfigError(f"quant_algo {algorithm!r} is not read. Known: {', '.join((*_NAMES, *_IN_GROUPS))}.")
    inputs = Format.parse("fp8") if algorithm in _FP8_INPUTS else None
    return Group(Format.parse(name), inputs, algorithm in _WEIGHT_ONLY)
