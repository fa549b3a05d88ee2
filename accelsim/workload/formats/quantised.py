"""Types of a quantised checkpoint: what its config says of its linear layers, layer by layer.

The method (:mod:`accelsim.workload.formats.quantisation`) gives the format of the weights; the list of modules that the
section leaves alone takes some out of it.  Embedding, norms and routers are never quantised, the head only where the
list of a method for all linear layers does not name it.  A part of the model has one format, that of most of its
weights: where other layers have another one, a warning says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from accelsim.dtypes import DType, Format
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.warning import warn
from accelsim.workload.formats._modules import HEAD_NAMES, Module, modules_of
from accelsim.workload.formats._patterns import Patterns
from accelsim.workload.formats.quantisation.base import METHODS, Group, Scheme, Stated
from accelsim.workload.model import Model
from accelsim.workload.stored import Stored, write_ranges

#: Keys that hold the same under another name.
CONFIG_KEYS = ("quantization_config", "compression_config")
_IGNORED_KEYS = (
    "ignore",
    "exclude",
    "exclude_modules",
    "modules_to_not_convert",
    "ignored_layers",
    "llm_int8_skip_modules",
)
_CACHES = {None: None, "FP8": DType.FP8, "INT8": DType.INT8}
_REMEDY = "To run it without, --set model.quantization_config=null."


def stored_of(model: Model, stated: Stated) -> tuple[Stored, tuple[str, ...]]:
    """Formats by part, products that some layers leave wide, and warnings.

    Args:
        model: The model, for its layers and its own type.
        stated: The section of the config.

    Raises:
        ConfigError: A method or a number of bits that no format has; says which there are.  No section with keys.
    """
    if not isinstance(stated, Mapping):
        raise ConfigError(f"expected keys such as quant_method or quant_algo, got {stated!r}. {_REMEDY}")
    scheme = _scheme(stated)
    ignored = Patterns((*_ignored(stated), *scheme.ignored))
    groups = [(group, Patterns(group.targets)) for group in scheme.groups]
    found = [(module, _group(module.names, groups, ignored)) for module in modules_of(model, model.sample)]
    fields: dict[str, Any] = {"inputs": _inputs(scheme, model), "kv": _kv(stated)}
    wide: dict[str, list[int]] = {}
    warnings: list[str] = []
    for part in scheme.parts:
        own = [(module, group) for module, group in found if module.part == part]
        formats = _by_format(own)
        if not formats:
            continue
        fields[part], *others = (format_ for format_, _ in formats.most_common())
        for module, group in own:
            if group is None:
                for product in module.products:
                    wide.setdefault(product, []).append(module.layer)
        if others:
            text = f"{part} stored as {', '.join(map(str, others))} in some layers is taken for {fields[part]}"
            warnings.append(warn("left-out", f"quantization_config: {text}"))
    if "head" in scheme.parts and not model.tie_word_embeddings:
        head = _group(HEAD_NAMES, groups, ignored)
        fields["head"] = head and head.weights
    left_wide = tuple(f"{product} {write_ranges(layers)}" for product, layers in wide.items())
    return Stored(**fields, left_wide=left_wide), tuple(warnings)


def _scheme(stated: Stated) -> Scheme:
    method = _method(stated)
    if method not in METHODS:
        raise ConfigError(
            f"quant_method {stated.get('quant_method')!r} is not read. Known: {', '.join(METHODS)}."
            f"{did_you_mean(method, [*METHODS])} {_REMEDY}"
        )
    try:
        return METHODS.get(method)(stated)
    except ConfigError as error:
        raise ConfigError(f"{error} {_REMEDY}") from error


def _method(stated: Stated) -> str:
    """The method; a section with an algorithm of Model Optimizer is one of its own, whatever it calls itself."""
    method = stated.get("quant_method")
    if "quant_algo" in stated and method != "compressed-tensors" and (stated["quant_algo"] or method is None):
        return "modelopt" if not str(method).startswith("modelopt") else str(method)
    if method is None and "config_groups" in stated:
        return "compressed-tensors"
    return str(method)


def _group(names: tuple[str, ...], groups: list[tuple[Group, Patterns]], ignored: Patterns) -> Group | None:
    """How modules are stored; None: not quantised."""
    if any(ignored.match(name) for name in names):
        return None
    for group, targets in groups:
        if not targets or any(targets.match(name) for name in names):
            return group
    return None


def _by_format(found: list[tuple[Module, Group | None]]) -> Counter[Format]:
    """Elements by format."""
    elements: Counter[Format] = Counter()
    for module, group in found:
        if group is not None:
            elements[group.weights] += module.elements
    return elements


def _inputs(scheme: Scheme, model: Model) -> Format | None:
    """What linear layers are multiplied by, where it is not their formats' own way."""
    if not scheme.groups:
        return None
    first = scheme.groups[0]
    if all(group.weight_only for group in scheme.groups) and first.weights.quantises_inputs:
        return Format.plain(model.wide)
    return first.inputs


def _kv(stated: Stated) -> DType | None:
    scheme = stated.get("kv_cache_quant_algo") or stated.get("kv_cache_scheme")
    if isinstance(scheme, Mapping):
        scheme = f"{'FP' if scheme.get('type') == 'float' else 'INT'}{scheme.get('num_bits')}"
    if isinstance(scheme, str):
        scheme = scheme.upper()
    if not isinstance(scheme, str | None) or scheme not in _CACHES:
        raise ConfigError(
            f"a KV cache quantised to {scheme!r} is not read. Known: FP8, INT8. Remove its key and use --kv-dtype."
        )
    return _CACHES[scheme]


def _ignored(stated: Stated) -> tuple[str, ...]:
    """Patterns of modules that are left alone.

    Raises:
        ConfigError: They are no list of names.
    """
    found: list[str] = []
    for key in _IGNORED_KEYS:
        names = stated.get(key) or []
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ConfigError(f"{key}: expected names or patterns of modules, got {names!r}.")
        found += names
    return tuple(found)
