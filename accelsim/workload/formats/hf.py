"""Loads models: a catalog name, our YAML, or an unchanged Hugging Face ``config.json``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from accelsim.arguments import checked_call
from accelsim.catalog import Catalog
from accelsim.config.loader import Document, Loaded, load_document, resolve_extends, validate
from accelsim.errors import ConfigError
from accelsim.workload.formats._ids import find_model
from accelsim.workload.formats.config_json import CONFIG_NAME, is_config, load_config
from accelsim.workload.model import Model

#: Beside a config: how its checkpoint is quantised.
SIDECAR_NAME = "hf_quant_config.json"


@checked_call('load_model("llama3-8b")', name_or_path=(str, Path))
def load_model(name_or_path: str | Path, catalog: Catalog | None = None) -> Model:
    """Model of a catalog name, a YAML, a Hugging Face ``config.json`` or the folder that holds one.

    Args:
        name_or_path: E.g. ``"llama3-8b"``, ``"path/to/config.json"``, or the id at Hugging Face of a shipped model.
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
    document = load_document(find_model(name_or_path, catalog))
    document = resolve_extends(document, lambda name, _: catalog.find("models", name))
    document = _with_sidecar(document)
    overrides = tuple(overrides)
    for key, text in overrides:
        document = document.apply_override(key, text, f"--set model.{key}={text}")
    if overrides:  # a changed model need not have the published figures
        document = _without_checks(document, {key for key, _ in overrides})
    if "kind" in document.root.children:
        return validate(document, Model)
    if is_config(document):
        return load_config(document)
    raise ConfigError(
        f"{document.root.where}: not a model. Write 'kind: model', or give a Hugging Face config.json with model_type."
    )


def _with_sidecar(document: Document) -> Document:
    """The config with what a file beside it says of its quantisation, unless it says so itself."""
    path = document.path.parent / SIDECAR_NAME
    own = document.root.children.get("quantization_config")
    if document.path.name != CONFIG_NAME or (own is not None and own.value is not None) or not path.is_file():
        return document
    beside = load_document(path)
    stated = beside.root if "quant_algo" in beside.root.children else beside.root.children.get("quantization")
    if stated is None:
        raise ConfigError(f"{beside.root.where}: missing key 'quantization'.")
    root = document.root.with_child("quantization_config", stated)
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
