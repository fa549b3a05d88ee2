"""Writes a system as files, so that a run on a machine made in Python can be repeated from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelsim.arguments import checked_call
from accelsim.catalog import Catalog
from accelsim.config.file_form import file_form, yaml_text
from accelsim.config.loader import parse_document, validate
from accelsim.errors import ConfigError
from accelsim.files import write_atomic
from accelsim.hardware.chip import Chip
from accelsim.hardware.cut import cut_levels
from accelsim.hardware.level import Level, SystemLevel
from accelsim.hardware.optical.load import with_optics
from accelsim.hardware.system import System, SystemSpec, load_chip

#: Keys of a link that decide its numbers, where it names optics.
_OPTICAL_KEYS = ("optical", "length", "through")


@checked_call('save_system(load_system("nvidia-dgx-h100:8"), "mine.yaml")', system=System, path=(str, Path))
def save_system(
    system: System, path: Path | str, links: Path | str | None = None, catalog: Catalog | None = None
) -> list[Path]:
    """Write ``system`` to a YAML file that :func:`load_system` and ``--on FILE`` read.

    The chip is named where the catalog has it, or its file; a chip that was changed or made in Python is written
    beside the file, as ``STEM-chip.yaml``. What a level is stays exact; sources of values are not written.

    Args:
        system: Any system; ``load_system(path)`` is equal to it but for where its values come from.
        path: The YAML file.
        links: Name of a text file beside it for the links of a graph; None writes them into the YAML.
        catalog: Where the chip's name is looked up.

    Returns:
        The files written.

    Raises:
        ConfigError: A file cannot be written, there are no links of a graph to write, or the machine is a part of one
            that a file cannot describe.
    """
    path = Path(path)
    levels = {name: _level_form(level.spec, path.parent) for name, level in system.levels.items()}
    texts = {} if links is None else {path.parent / links: _moved_to(levels, str(links))}
    reference, chip_text = _chip_of(system, path, catalog or Catalog())
    if chip_text:
        texts[path.parent / reference] = chip_text
    texts[path] = yaml_text(
        {
            "schema_version": 1,
            "kind": "system",
            "name": system.name,
            "description": f"{system}",
            "chip": reference,
            "levels": levels,
            **({} if system.host is None else {"host": file_form(system.host)}),
            "default_chips": system.num_chips,
        }
    )
    _check(system, texts[path], catalog or Catalog())
    for file, text in texts.items():
        write_atomic(file, text)
    return list(texts)


def _level_form(level: Level, folder: Path) -> dict[str, Any]:
    form = file_form(level)
    if "file" in level.options:
        form["options"]["file"] = os.path.relpath(str(level.options["file"]), folder)
    if level.link.optical is not None:
        form["link"] = {key: value for key, value in form["link"].items() if key in _OPTICAL_KEYS}
    return form


def _moved_to(levels: Mapping[str, dict[str, Any]], file: str) -> str:
    """Text of the links of the levels, which then name the file."""
    holding = [level["options"] for level in levels.values() if level.get("options", {}).get("links")]
    if len(holding) != 1:
        raise ConfigError(f"links={file!r}: {len(holding)} levels hold links of a graph; one file is for one. Drop it.")
    lines = holding[0].pop("links")
    holding[0]["file"] = file
    return "# node node [bandwidth [latency]]; numbers are chips\n" + "\n".join(lines) + "\n"


def _chip_of(system: System, path: Path, catalog: Catalog) -> tuple[str, str]:
    """What the file calls the chip, and the text of a file for it where there is none."""
    if system.chip.name in catalog.names("chips") and load_chip(system.chip.name, catalog=catalog) == system.chip:
        return system.chip.name, ""
    of_chip = next((Path(file) for file, _ in system.files), None)
    if of_chip is not None and not system.overrides and of_chip.is_file():
        return os.path.relpath(of_chip, path.parent), ""
    form = {key: value for key, value in file_form(system.chip).items() if key != "checks"}  # a what-if fails them
    text = yaml_text(form)
    changed = validate(parse_document(text), Chip).spec
    if changed != system.chip.model_copy(update={"checks": changed.checks}):
        raise ConfigError(f"chip {system.chip.name}: has no file form. Write its YAML and name that file.")
    return f"{path.stem}-chip.yaml", text


def _check(system: System, text: str, catalog: Catalog) -> None:
    """Refuse to write what would be read as another machine."""
    spec = validate(with_optics(parse_document(text), (), catalog), SystemSpec).spec
    levels = cut_levels(spec.name, spec.levels, system.num_chips).values()
    if [*map(_but_links, levels)] != [*map(_but_links, system.levels.values())] or spec.host != system.host:
        shape = "x".join(str(extent) for level in system.levels.values() for extent in level.shape)
        raise ConfigError(
            f"{system}: is a part of a machine that the default of a file cannot name, or was changed in Python. "
            f"Write its YAML at full size and name 'FILE:{shape}'."
        )


def _but_links(level: SystemLevel) -> SystemLevel:
    """The level without the links of a graph, which are text that may stand in either file."""
    options = {key: value for key, value in level.spec.options.items() if key not in ("file", "links")}
    return replace(level, spec=level.spec.model_copy(update={"options": options}))
