"""The file of a model by its name, its path, or its id at Hugging Face."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from accelsim.catalog import Catalog
from accelsim.config.loader import load_document
from accelsim.errors import ConfigError
from accelsim.registry import did_you_mean

_ID = re.compile(r"[\w-]+/[\w.-]+")
#: Key of a model's file that lists its ids.
IDS = "hf_ids"


def find_model(name_or_path: str | Path, catalog: Catalog) -> Path:
    """The file that a catalog name, a path or an id such as ``meta-llama/Meta-Llama-3-70B`` stands for.

    Args:
        name_or_path: As of :func:`accelsim.load_model`.
        catalog: Where names are looked up.

    Raises:
        ConfigError: There is none.
    """
    try:
        return catalog.find("models", name_or_path)
    except ConfigError as error:
        wanted = str(name_or_path)
        known = dict(_ids(catalog))
        if wanted.lower() in known:
            return known[wanted.lower()]
        owner, slash, last = wanted.partition("/")
        if (
            not slash
            or "/" in last
            or "." in owner
            or Path(owner).exists()
            or last.endswith((".yaml", ".yml", ".json"))
        ):
            raise
        near = did_you_mean(last, [*catalog.names("models"), *known])
        raise ConfigError(
            f"{wanted}: no such file, and no shipped model has this id (accelsim show models). Download its "
            f"config.json and name that file or its folder.{near}"
        ) from error


def _ids(catalog: Catalog) -> Iterator[tuple[str, Path]]:
    """Every id in small letters, with its file."""
    for name in catalog.names("models"):
        path = catalog.find("models", name)
        listed = load_document(path).root.children.get(IDS)
        for one in listed.children.values() if listed is not None else ():
            yield one.text.lower(), path
