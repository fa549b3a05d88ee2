"""The model that a Hugging Face ``config.json`` describes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from accelsim.config.document import MAX_KEPT
from accelsim.config.loader import Document, Loaded
from accelsim.config.messages import describe
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean, known_names
from accelsim.warning import warn
from accelsim.workload.families.base import FAMILIES, Family
from accelsim.workload.features.base import inherited
from accelsim.workload.features.ends import Ends
from accelsim.workload.features.feed_forward import ACTIVATIONS, FeedForward
from accelsim.workload.features.grouped import GroupedHeads
from accelsim.workload.formats._keys import AGREEING, HARMLESS
from accelsim.workload.formats._refusals import announces, is_on, unmodelled, unsupported
from accelsim.workload.formats._text_part import TOWERS, text_part, towers_of
from accelsim.workload.formats.quantised import CONFIG_KEYS, stored_of
from accelsim.workload.model import Model

CONFIG_NAME = "config.json"

#: Keys every family takes under the name of the model's field.
_SHARED_KEYS = (
    *(key for one in (GroupedHeads, FeedForward, Ends) for key in inherited(one, "config_keys")),
    "torch_dtype",
)
#: Keys of Meta's and Mistral's own ``params.json``, of which all are there, and the family that reads them.
_PARAMS_KEYS = frozenset({"dim", "n_layers", "n_heads"})
_PARAMS_FAMILY = "params_json"
#: What the name of an architecture says beside the family.
_ENDING = re.compile(r"(LMHead|DoubleHeads)?Model$|For[A-Z]\w*$|LMHead$")
_WITH_HEAD = re.compile(r"ForCausalLM|LMHead|DoubleHeads|ForConditionalGeneration|ForImageTextToText|ForMaskedLM")
_WITHOUT_HEAD = re.compile(r"Model$|For\w*(Classification|QuestionAnswering|Embedding|Encoding|RewardModel|Score)$")


def is_config(document: Document) -> bool:
    """Whether a file is a config of Hugging Face, or a ``params.json``.

    Args:
        document: The file.
    """
    keys = document.root.children.keys()
    return "model_type" in keys or "architectures" in keys or keys >= _PARAMS_KEYS


@lru_cache(MAX_KEPT)
def load_config(document: Document) -> Loaded[Model]:
    """The model of a file, with the document and the sources of its values.

    Args:
        document: The file.

    Raises:
        ConfigError: As :func:`read_config`.
    """
    return Loaded(read_config(document), document.sources(), document)


def read_config(document: Document) -> Model:
    """Model of a parsed Hugging Face ``config.json``; of a multimodal one, its language model.

    Every key is read, known to be harmless (:data:`~accelsim.workload.formats._keys.HARMLESS`), refused because it
    announces what is not modelled, or named in ``Model.warnings``.  A missing ``torch_dtype`` is bf16, which is said.

    Args:
        document: The file.

    Raises:
        ConfigError: Unsupported family or feature, a missing key, or an impossible value; all found are reported.
    """
    whole, towers = document, tuple(towers_of(document))
    document = text_part(whole)
    config = document.data
    assert isinstance(config, dict)  # load_document refuses anything else
    name, family = _family(document, config)
    problems = [_at(document, *found) for found in (*unsupported(config, family), *_wrong_switches(config, family))]
    if problems:
        raise ConfigError("\n".join(problems))
    # null means absent, except for a window, where it means none
    config = {key: value for key, value in config.items() if value is not None or key == "sliding_window"}
    fields = {**family.defaults, **family.structure, **_stated(config, family)}
    fields |= {name: fields[other] for name, other in family.follows.items()}
    try:
        family.finish(config, fields)
    except ConfigError as err:
        raise ConfigError(f"{document.root.where}: {err}") from err
    problems = _check_activation(document, family, fields)
    fields["name"] = _name(document, config)
    fields["description"] = f"Hugging Face config of family {name}."
    fields["has_lm_head"] = _has_head(config, family)
    fields["tower_params"] = None if towers or document is not whole else 0
    notices = _notices(config, name, fields["has_lm_head"], towers)
    fields["warnings"] = (*_warnings(config, family, fields), *notices)
    return _quantised(document, config, fields, _model(document, family, fields, problems))


def _model(document: Document, family: type[Family], fields: dict[str, Any], problems: list[str]) -> Model:
    """The model of the fields.

    Raises:
        ConfigError: Problems found so far, and those of the fields.
    """
    try:
        model = Model.model_validate(fields, strict=True)
    except ValidationError as err:
        problems += [_problem(document, family, detail) for detail in err.errors(include_url=False)]
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    return model


def _quantised(document: Document, config: Mapping[str, Any], fields: dict[str, Any], model: Model) -> Model:
    """The model with the formats its checkpoint is stored in.

    Raises:
        ConfigError: A way to quantise that is not read, or what is no section with keys.
    """
    for key in CONFIG_KEYS:
        if config.get(key) is not None:
            try:
                stored, warnings = stored_of(model, config[key])
            except ConfigError as error:
                raise ConfigError(_at(document, key, str(error))) from error
            return Model.model_validate({**fields, "stored": stored, "warnings": (*model.warnings, *warnings)})
    return model


#: Where the families that are read are listed.
_LISTS = "accelsim show families"
_FAMILIES = f"Families that are read: {_LISTS}"


def _family(document: Document, config: Mapping[str, Any]) -> tuple[str, type[Family]]:
    """Name and family: as ``model_type`` says, else as ``architectures`` does.

    Raises:
        ConfigError: There is none; every feature that no family models is named, before it.
    """
    name = config.get("model_type")
    if isinstance(name, str) and name in FAMILIES:
        return name, FAMILIES.get(name)
    if (named := _family_of_architecture(config)) is not None:
        return named, FAMILIES.get(named)
    if config.keys() >= _PARAMS_KEYS:
        return _PARAMS_FAMILY, FAMILIES.get(_PARAMS_FAMILY)
    if name is None:
        raise ConfigError(f"{document.root.where}: missing key 'model_type'. {_FAMILIES}.")
    reasons = [_at(document, *found) for found in unmodelled(config)]
    is_like_others = not reasons and not any(announces(key, True) for key in config)
    text = f"family {name!r} is not supported"
    if is_like_others:  # other features are no misspelling
        text += f".{did_you_mean(str(name), list(FAMILIES))} {known_names(str(name), list(FAMILIES), _LISTS)}"
    else:
        text += f". {_FAMILIES}."
    raise ConfigError("\n".join([*reasons, _at(document, "model_type", text)]))


def _family_of_architecture(config: Mapping[str, Any]) -> str | None:
    """Family whose class the file names: ``DeepseekV3ForCausalLM`` is one of deepseek_v3."""
    known = {name.replace("_", "").lower(): name for name in FAMILIES}
    stems = (_ENDING.sub("", architecture) for architecture in _architectures(config))
    return next((known[stem.lower()] for stem in stems if stem.lower() in known), None)


def _architectures(config: Mapping[str, Any]) -> tuple[str, ...]:
    stated = config.get("architectures")
    return tuple(name for name in stated if isinstance(name, str)) if isinstance(stated, list) else ()


def _has_head(config: Mapping[str, Any], family: type[Family]) -> bool:
    """Whether the architecture has a language-model head; one of an unknown kind, or none stated, has."""
    names = _architectures(config)
    if any(_WITH_HEAD.search(name) or name in family.with_head for name in names):
        return True
    return not any(_WITHOUT_HEAD.search(name) for name in names)


def _wrong_switches(config: Mapping[str, Any], family: type[Family]) -> list[tuple[str, str]]:
    """Switches whose value has the wrong type, with the words to say so."""
    words = {bool: "true or false", int: "a whole number", str: "a name", list: "a list of layers", dict: "keys"}
    return [
        (key, f"expected {words[kind]}, got {config[key]!r}.")
        for key, kind in family.switches.items()
        if config.get(key) is not None and type(config[key]) is not kind
    ]


def _own_keys(family: type[Family]) -> tuple[str, ...]:
    """Keys of the features that not all families have, under the name of the model's field."""
    return tuple(key for one in family.features for key in one.config_keys)


def _stated(config: Mapping[str, Any], family: type[Family]) -> dict[str, Any]:
    """Fields whose key is in the config; null means absent."""
    names = {**{key: key for key in (*_SHARED_KEYS, *_own_keys(family))}, "dtype": "torch_dtype", **family.renames}
    stated = {names[key]: value for key, value in config.items() if key in names and value is not None}
    if stated.get("torch_dtype") == "auto":
        del stated["torch_dtype"]
    return stated


def _check_activation(document: Document, family: type[Family], fields: dict[str, Any]) -> list[str]:
    name = fields.get("hidden_act")
    if isinstance(name, str) and name in ACTIVATIONS:
        fields["hidden_act"] = ACTIVATIONS[name]
        return []
    fields["hidden_act"] = "gelu"  # so that the other fields are still checked
    known = ", ".join(ACTIVATIONS)
    return [_at(document, _key_of(document, family, "hidden_act"), f"unknown activation {name!r}. Known: {known}.")]


def _warnings(config: Mapping[str, Any], family: type[Family], fields: Mapping[str, Any]) -> Iterator[str]:
    """What the family leaves out, and keys that nobody knows."""
    read = {*_SHARED_KEYS, *CONFIG_KEYS, "dtype", "layer_types", *_own_keys(family), *family.supports}
    read |= {*family.renames, *family.switches, *family.notes}
    yield from (warn("left-out", text) for text in family.leaves_out)
    for key, text in family.notes.items():
        if is_on(config.get(key)):
            yield warn("left-out", f"{key}: {text}")
    for key, value in config.items():
        agrees = key in AGREEING and value == fields.get(AGREEING[key], False)
        is_known = key in read or agrees or HARMLESS.fullmatch(key) or TOWERS.fullmatch(key)
        if value is not None and not is_known and not announces(key, value):
            yield warn("unknown-key", f"{key!r} of config.json is not modelled")


def _notices(config: Mapping[str, Any], family: str, has_head: bool, towers: tuple[str, ...]) -> Iterator[str]:
    """What is taken for granted, beyond single keys."""
    name = config.get("model_type")
    if family != name and name is not None:
        yield warn("family-assumed", f"model_type {name!r} is read as {family}, as architectures says")
    if family == _PARAMS_FAMILY:
        yield warn("family-assumed", "read as a params.json of Meta or Mistral, which leaves the positions open")
    if all(config.get(key) in (None, "auto") for key in ("torch_dtype", "dtype")):
        yield warn("type-assumed", "the config states no torch_dtype; bf16 is taken for what is not quantised")
    if not has_head:
        names = ", ".join(_architectures(config))
        yield warn("no-head", f"{names} has no language-model head: no logits are computed, and no other head is")
    for tower in towers:
        yield warn("left-out", f"{tower}: what encodes images or sound is left out; the language model runs alone")


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
