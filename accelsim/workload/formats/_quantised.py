"""Types of a quantised checkpoint: what its ``quantization_config`` says, by part of the model.

A method gives the format of the weights and of what they are multiplied by; the list of modules that it leaves alone
(``ignore``, ``exclude_modules``, ``modules_to_not_convert``) takes parts out of it.  A part that only some layers leave
alone is what most of its layers are, with a warning.  Embedding, norms and routers are never quantised, the head only
where the list of a method for all linear layers does not name it.

Not read: several groups of formats in one checkpoint, scales stored in other types than the format's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.warning import warn
from accelsim.workload.model import Model
from accelsim.workload.stored import Stored
from accelsim.workload.types import LINEAR_PARTS

#: Keys that hold the same under another name.
CONFIG_KEYS = ("quantization_config", "compression_config")
SIDECAR_NAME = "hf_quant_config.json"
_IGNORED_KEYS = ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers")

Stated = Mapping[str, Any]


class Scheme(NamedTuple):
    """What a method makes of the linear layers.

    Attributes:
        weights: Format of the weights.
        inputs: Of what they are multiplied by, where it is not the format's own way.
        weight_only: Whether what they are multiplied by is not quantised.
        parts: Parts of a model that it quantises.
    """

    weights: str
    inputs: str | None = None
    weight_only: bool = False
    parts: tuple[str, ...] = LINEAR_PARTS


_ALL_LINEAR = (*LINEAR_PARTS, "head")


def stored_of(model: Model, stated: Stated) -> tuple[Stored, tuple[str, ...]]:
    """Formats by part, and warnings.

    Args:
        model: The model, for its layers and its own type.
        stated: The section of the config.

    Raises:
        ConfigError: A method or a number of bits that no format has; says which there are.
    """
    scheme = _scheme(stated)
    weights = Format.parse(scheme.weights)
    fields: dict[str, Any] = {"inputs": Format.parse(scheme.inputs) if scheme.inputs else None}
    if scheme.weight_only and weights.quantises_inputs:
        fields["inputs"] = Format.plain(model.wide)
    patterns, warnings = _ignored(stated), []
    for part in scheme.parts:
        ignored = [_is_ignored(names, patterns) for names in _modules(model, part)]
        if not ignored or 2 * sum(ignored) > len(ignored):
            continue
        fields[part] = weights
        if any(ignored):
            text = f"{part} of {sum(ignored)} of {len(ignored)} layers is not quantised, but is here"
            warnings.append(warn("left-out", f"quantization_config: {text}"))
    return Stored(**fields, kv=_kv(stated)), tuple(warnings)


def _scheme(stated: Stated) -> Scheme:
    method = stated.get("quant_method", "modelopt" if "quant_algo" in stated else None)
    if stated.get("quant_algo") and method not in ("modelopt", "compressed-tensors"):
        method = "modelopt"
    read = _METHODS.get(str(method))
    if read is None:
        known = ", ".join(_METHODS)
        raise ConfigError(
            f"quant_method {method!r} is not read. Known: {known}.{did_you_mean(str(method), [*_METHODS])} "
            "To run it in another type, remove the section from a copy of the file and give --dtype."
        )
    return read(stated)


def _fp8(stated: Stated) -> Scheme:
    block = stated.get("weight_block_size")
    if block not in (None, [128, 128]):
        raise ConfigError(f"weight_block_size {block!r}: only blocks of [128, 128] or none are read.")
    return Scheme("fp8-block" if block else "fp8")


def _gptq(stated: Stated) -> Scheme:
    """Zero points are stored even where they are all the same."""
    return Scheme(_grouped(stated.get("bits"), stated.get("group_size", 128), has_zero=True))


def _awq(stated: Stated) -> Scheme:
    bits = stated.get("bits", stated.get("w_bit"))
    group = stated.get("group_size", stated.get("q_group_size", 128))
    return Scheme(_grouped(bits, group, has_zero=stated.get("zero_point", True) is True))


def _grouped(bits: object, group: object, has_zero: bool) -> str:
    if bits not in (4, 8) or not isinstance(group, int):
        raise ConfigError(f"{bits!r} bits in groups of {group!r}: only 4 and 8 bits are read.")
    if group <= 0:
        return f"int{bits}-channel" if bits == 4 else "int8"
    return f"int{bits}-g{group}{'-zp' if has_zero else ''}"


def _modelopt(stated: Stated) -> Scheme:
    algorithm = str(stated.get("quant_algo")).upper()
    group = stated.get("group_size") or 128
    known = {
        "FP8": Scheme("fp8", parts=_ALL_LINEAR),
        "FP8_PER_CHANNEL_PER_TOKEN": Scheme("fp8-channel", parts=_ALL_LINEAR),
        "FP8_PB_WO": Scheme("fp8-block", parts=_ALL_LINEAR),
        "NVFP4": Scheme("nvfp4", parts=_ALL_LINEAR),
        "NVFP4_AWQ": Scheme("nvfp4", parts=_ALL_LINEAR),
        "W4A16_AWQ": Scheme(f"int4-g{group}", parts=_ALL_LINEAR),
        "W4A8_AWQ": Scheme(f"int4-g{group}", inputs="fp8", parts=_ALL_LINEAR),
    }
    if algorithm not in known:
        raise ConfigError(f"quant_algo {algorithm!r} is not read. Known: {', '.join(known)}.")
    return known[algorithm]


def _compressed(stated: Stated) -> Scheme:
    groups = stated.get("config_groups")
    weights = [group.get("weights") or {} for group in groups.values()] if isinstance(groups, Mapping) else []
    formats = {_compressed_format(one) for one in weights}
    if len(formats) != 1:
        raise ConfigError(
            f"config_groups: one format for all groups is read, got {', '.join(sorted(formats)) or 'none'}."
        )
    weight_only = all(not group.get("input_activations") for group in stated["config_groups"].values())
    return Scheme(formats.pop(), weight_only=weight_only, parts=_ALL_LINEAR)


def _compressed_format(weights: Stated) -> str:
    bits, kind, group = weights.get("num_bits"), weights.get("type"), weights.get("group_size")
    strategy = weights.get("strategy") or ("group" if group else "tensor")
    found = _COMPRESSED.get((kind, bits, strategy, group if kind == "float" else None))
    if found is None and kind == "int" and strategy in ("group", "channel"):
        found = _grouped(bits, group if strategy == "group" else -1, has_zero=weights.get("symmetric") is False)
    if found is None:
        raise ConfigError(f"config_groups: weights of {bits} bits, type {kind!r}, strategy {strategy!r} are not read.")
    return found


#: (type, bits, strategy, group of floats) -> format.
_COMPRESSED: Mapping[tuple[object, object, object, object], str] = {
    ("float", 8, "tensor", None): "fp8",
    ("float", 8, "channel", None): "fp8-channel",
    ("float", 8, "block", None): "fp8-block",
    ("float", 4, "group", 16): "nvfp4",
    ("float", 4, "tensor_group", 16): "nvfp4",
    ("float", 4, "group", 32): "mxfp4",
}
_METHODS: Mapping[str, Callable[[Stated], Scheme]] = {
    "fp8": _fp8,
    "gptq": _gptq,
    "awq": _awq,
    "mxfp4": lambda stated: Scheme("mxfp4", parts=("experts",)),
    "modelopt": _modelopt,
    "modelopt_fp4": _modelopt,
    "compressed-tensors": _compressed,
}


def _kv(stated: Stated) -> DType | None:
    scheme = stated.get("kv_cache_quant_algo") or stated.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        scheme = f"{'FP' if scheme.get('type') == 'float' else 'INT'}{scheme.get('num_bits')}"
    names = {None: None, "FP8": DType.FP8, "INT8": DType.INT8}
    if scheme not in names:
        raise ConfigError(f"a KV cache quantised to {scheme!r} is not read. Known: FP8, INT8.")
    return names[scheme]


def _ignored(stated: Stated) -> tuple[str, ...]:
    patterns = [pattern for key in _IGNORED_KEYS for pattern in stated.get(key) or ()]
    return tuple(pattern for pattern in patterns if isinstance(pattern, str))


#: Names of a part's modules in a layer; families differ.
_MODULES: Mapping[str, tuple[str, ...]] = {
    "attention": ("self_attn.o_proj", "attention.o_proj", "attn.o_proj"),
    "mlp": ("mlp.down_proj", "feed_forward.w2"),
    "shared": ("mlp.shared_experts.down_proj", "mlp.shared_expert.down_proj"),
    "experts": ("mlp.experts.0.down_proj", "block_sparse_moe.experts.0.w2"),
}


def _modules(model: Model, part: str) -> Iterator[tuple[str, ...]]:
    """Names of the part in each layer that has it."""
    if part == "head":
        if not model.tie_word_embeddings:
            yield ("lm_head",)
        return
    for layer in range(model.num_hidden_layers):
        if part == "attention" or model.is_sparse(layer) is (part != "mlp"):
            yield tuple(f"layers.{layer}.{name}" for name in _MODULES[part])


def _is_ignored(names: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    return any(_matches(name, pattern) for name in names for pattern in patterns)


def _matches(name: str, pattern: str) -> bool:
    """Whether a pattern of any method means the module, or one that it is in.

    Methods write whole names, names with wildcards, parts of names, or ``re:`` and a regular expression; models put
    different words before ``layers``.
    """
    if pattern.startswith("re:"):
        return re.search(pattern.removeprefix("re:"), f"model.{name}") is not None
    at = pattern.find("layers.")
    pattern = pattern[at:] if at > 0 and "*" not in pattern[:at] else pattern
    return any(fnmatchcase(name, way) for way in (pattern, f"{pattern}.*", f"*.{pattern}", f"*.{pattern}.*"))
