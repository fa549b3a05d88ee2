"""Loads models: a catalog name, our YAML, or an unchanged Hugging Face ``config.json``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from accelsim.catalog import Catalog
from accelsim.config.document import MAX_KEPT
from accelsim.config.loader import Document, Loaded, load_document, resolve_extends, validate
from accelsim.config.messages import describe
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean
from accelsim.warning import warn
from accelsim.workload.families.base import FAMILIES, Family
from accelsim.workload.features.base import inherited
from accelsim.workload.features.ends import Ends
from accelsim.workload.features.feed_forward import ACTIVATIONS, FeedForward
from accelsim.workload.features.grouped import GroupedHeads
from accelsim.workload.formats._keys import HARMLESS, UNSUPPORTED
from accelsim.workload.formats._quantised import CONFIG_KEYS, SIDECAR_NAME, stored_of
from accelsim.workload.model import Model

CONFIG_NAME = "config.json"

#: Keys every family takes under the name of the model's field.
_SHARED_KEYS = (
    *(key for one in (GroupedHeads, FeedForward, Ends) for key in inherited(one, "config_keys")),
    "torch_dtype",
)
_NESTED_EXPERTS = re.compile(r".*(expert|moe).*")
_HARMLESS = re.compile("|".join(f"(?:{pattern})" for pattern in HARMLESS))


def load_model(name_or_path: str | Path, catalog: Catalog | None = None) -> Model:
    """Model of a catalog name, a YAML, a Hugging Face ``config.json`` or the folder that holds one.

    Args:
        name_or_path: E.g. ``"llama3-8b"`` or ``"path/to/config.json"``.
        catalog: Where names are looked up; default: the packaged models and ``ACCELSIM_PATH``.

    Raises:
        ConfigError: There is no such model, the file is wrong, or it describes what is not modelled.
    """
    return load_model_file(name_or_path, catalog).spec


def load_model_file(
    name_or_path: str | Path, catalog: Catalog | None = None, overrides: Iterable[tuple[str, str]] = ()
) -> Loaded[Model]:
    """Like :func:`load_model`, with the document and the sources of its values, and with keys overridden.

    With an override the model is another one, and its file's published figures (``checks``) are not held against it.

    Args:
        name_or_path: As of :func:`load_model`.
        catalog: As of :func:`load_model`.
        overrides: Key paths and texts.

    Raises:
        ConfigError: As :func:`load_model`; an override names no key.
    """
    catalog = catalog or Catalog()
    if Path(name_or_path).is_dir() and (Path(name_or_path) / CONFIG_NAME).is_file():
        name_or_path = Path(name_or_path) / CONFIG_NAME
    document = load_document(catalog.find("models", name_or_path))
    document = resolve_extends(document, lambda name, _: catalog.find("models", name))
    document = _with_sidecar(document)
    overrides = tuple(overrides)
    for path, text in overrides:
        document = document.apply_override(path, text, f"--set model.{path}={text}")
    if overrides:  # a changed model need not have the published figures
        document = _without_checks(document, {path for path, _ in overrides})
    if "kind" in document.root.children:
        return validate(document, Model)
    if "model_type" in document.root.children or "architectures" in document.root.children:
        return _read_config(document)
    raise ConfigError(
        f"{document.root.where}: not a model. Write 'kind: model', or give a Hugging Face config.json with model_type."
    )


@lru_cache(MAX_KEPT)
def _read_config(document: Document) -> Loaded[Model]:
    return Loaded(read_config(document), document.sources(), document)


def _with_sidecar(document: Document) -> Document:
    """The config with what a file beside it says of its quantisation, unless it says so itself."""
    path = document.path.parent / SIDECAR_NAME
    if document.path.name != CONFIG_NAME or "quantization_config" in document.root.children or not path.is_file():
        return document
    beside = load_document(path)
    if "quantization" not in beside.root.children:
        raise ConfigError(f"{beside.root.where}: missing key 'quantization'.")
    root = document.root.with_child("quantization_config", beside.root.children["quantization"])
    derived = document.derived(root, SIDECAR_NAME, beside.fingerprint)
    return replace(derived, parents=(*derived.parents, (beside.path, beside.sha256)))


def _without_checks(document: Document, stated: set[str]) -> Document:
    """The document without its published figures, but for those among the overrides themselves."""
    checks = document.root.children.get("checks")
    for name in checks.children if checks is not None else ():
        path = f"checks.{name}"
        if path not in stated:
            document = document.apply_override(path, "null", "overridden model")
    return document


def read_config(document: Document) -> Model:
    """Model of a parsed Hugging Face ``config.json``.

    Every key is read, known to be harmless (:data:`~accelsim.workload.formats._keys.HARMLESS`), refused because it
    announces what is not modelled, or named in ``Model.warnings``.  A missing ``torch_dtype`` is bf16.

    Raises:
        ConfigError: Unsupported family or feature, a missing key, or an impossible value; all found are reported.
    """
    config = document.data
    assert isinstance(config, dict)  # load_document refuses anything else
    family_name, family = _family(document, config)
    problems = [
        _at(document, key, text) for key, text in (*_unsupported(config, family), *_wrong_switches(config, family))
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    # null means absent, except for a window, where it means none
    config = {key: value for key, value in config.items() if value is not None or key == "sliding_window"}
    fields = {**family.defaults, **family.structure, **_stated(config, family)}
    try:
        family.finish(config, fields)
    except ConfigError as err:
        raise ConfigError(f"{document.root.where}: {err}") from err
    problems = _check_activation(document, family, fields)
    fields["name"] = _name(document, config)
    fields["description"] = f"Hugging Face config of family {family_name}."
    fields["warnings"] = _warnings(config, family)
    try:
        model = Model.model_validate(fields, strict=True)
    except ValidationError as err:
        problems += [_problem(document, family, detail) for detail in err.errors(include_url=False)]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return _quantised(document, config, model)


def _quantised(document: Document, config: Mapping[str, Any], model: Model) -> Model:
    """The model with the formats its checkpoint is stored in.

    Raises:
        ConfigError: A way to quantise that is not read.
    """
    for key in CONFIG_KEYS:
        if isinstance(config.get(key), Mapping):
            try:
                stored, warnings = stored_of(model, config[key])
            except ConfigError as error:
                raise ConfigError(_at(document, key, str(error))) from error
            return model.model_copy(update={"stored": stored, "warnings": (*model.warnings, *warnings)})
    return model


def _family(document: Document, config: Mapping[str, Any]) -> tuple[str, type[Family]]:
    name = config.get("model_type")
    if name is None:
        raise ConfigError(f"{document.root.where}: missing key 'model_type'. Supported: {', '.join(FAMILIES)}.")
    if isinstance(name, str) and name in FAMILIES:
        return name, FAMILIES.get(name)
    lines = [f"{_at(document, 'model_type', f'family {name!r} is not supported')}. Supported: {', '.join(FAMILIES)}."]
    unsupported = _unsupported(config)
    if not unsupported:  # a family with other features is no misspelling
        lines[0] += did_you_mean(str(name), list(FAMILIES))
    lines += [_at(document, key, text) for key, text in unsupported]
    raise ConfigError("\n".join(lines))


def _unsupported(config: Mapping[str, Any], family: type[Family] | None = None) -> list[tuple[str, str]]:
    """Keys that announce a feature we do not model, with the words to say so."""
    found = []
    known = frozenset() if family is None else family.supports | family.notes.keys() | _fields_of(family)
    for key, value in config.items():
        if key in known:
            continue
        feature = UNSUPPORTED.get(key) or ("mixture of experts" if _NESTED_EXPERTS.fullmatch(key) else None)
        if feature is not None and (value is True or value not in (None, 0, 1)):
            found.append((key, f"{feature} is not modelled"))
    kinds = None if "layer_types" in known else config.get("layer_types")
    if isinstance(kinds, list) and len({str(kind) for kind in kinds}) > 1:
        found.append(("layer_types", "layers of different kinds are not modelled"))
    return found


def _fields_of(family: type[Family]) -> frozenset[str]:
    """Keys of mixtures that the family gives defaults for, or sets itself: it reads them."""
    return frozenset(key for key in _own_keys(family) if key in family.defaults) | family.renames.keys()


def _own_keys(family: type[Family]) -> tuple[str, ...]:
    """Keys of the features that not all families have, under the name of the model's field."""
    return tuple(key for one in family.features for key in one.config_keys)


def _wrong_switches(config: Mapping[str, Any], family: type[Family]) -> list[tuple[str, str]]:
    """Switches whose value has the wrong type, with the words to say so."""
    words = {bool: "true or false", int: "a whole number", str: "a name", list: "a list of layers"}
    return [
        (key, f"expected {words[kind]}, got {config[key]!r}.")
        for key, kind in family.switches.items()
        if config.get(key) is not None and type(config[key]) is not kind
    ]


def _stated(config: Mapping[str, Any], family: type[Family]) -> dict[str, Any]:
    """Fields whose key is in the config; null means absent."""
    names = {**{key: key for key in (*_SHARED_KEYS, *_own_keys(family))}, "dtype": "torch_dtype", **family.renames}
    return {names[key]: value for key, value in config.items() if key in names and value is not None}


def _check_activation(document: Document, family: type[Family], fields: dict[str, Any]) -> list[str]:
    name = fields.get("hidden_act")
    if isinstance(name, str) and name in ACTIVATIONS:
        fields["hidden_act"] = ACTIVATIONS[name]
        return []
    fields["hidden_act"] = "gelu"  # so that the other fields are still checked
    known = ", ".join(ACTIVATIONS)
    return [_at(document, _key_of(document, family, "hidden_act"), f"unknown activation {name!r}. Known: {known}.")]


def _warnings(config: Mapping[str, Any], family: type[Family]) -> tuple[str, ...]:
    read = {
        *_SHARED_KEYS,
        *CONFIG_KEYS,
        "dtype",
        "layer_types",
        *family.renames,
        *family.switches,
        *UNSUPPORTED,
        *family.notes,
        *_own_keys(family),
        *family.supports,
    }
    unknown = [key for key in config if key not in read and not _HARMLESS.fullmatch(key)]
    asked = [(key, text) for key, text in family.notes.items() if config.get(key) not in (None, 0, False)]
    left_out = [warn("left-out", f"{key}: {text}") for key, text in asked]
    return (*left_out, *(warn("unknown-key", f"{key!r} of config.json is not modelled") for key in unknown))


def _name(document: Document, config: Mapping[str, Any]) -> str:
    stated = config.get("_name_or_path")
    if isinstance(stated, str) and stated.strip("./"):
        return stated.rstrip("/").rsplit("/", 1)[-1]
    path = document.path
    return (path.resolve().parent.name or path.stem) if path.name == CONFIG_NAME else path.stem


def _key_of(document: Document, family: type[Family], name: str) -> str:
    """Key of the config that field ``name`` was read from."""
    for key, renamed in {**family.renames, "dtype": "torch_dtype"}.items():
        if renamed == name and key in document.root.children:
            return key
    if name in family.origins:
        return family.origins[name]
    return next((key for key, renamed in family.renames.items() if renamed == name), name)


def _problem(document: Document, family: type[Family], detail: Any) -> str:
    location = detail["loc"]
    key = _key_of(document, family, str(location[0])) if location else ""
    node = document.unwrapped().children.get(key)
    if detail["type"] == "missing":
        return f"{document.root.where}: missing key {key!r}."
    if not key or node is None:
        node = document.root
    return _at(document, key, describe(detail, node, [Model.model_fields[str(location[0])].annotation] if key else []))


def _at(document: Document, key: str, text: str) -> str:
    node = document.root.children.get(key, document.root)
    return f"{node.where}: {key}: {text}" if key else f"{node.where}: {text}"
