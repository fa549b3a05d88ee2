"""``accelsim explain WORD``: what a field of a configuration, a word of a result, an option or a warning means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from accelsim.cli.command import add_command
from accelsim.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import BaseModel

Rows = list[tuple[str, str]]
_MOST_SOURCES = 12
#: Columns of the labels.
_LABELS = 8


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "explain", explain_word)


def explain_word(
    word: Annotated[
        str,
        typer.Argument(
            help="E.g. chip.clock, system.levels.link.bandwidth, model.head_dim, plan.tp, dtype.mxfp4, "
            "chip.calibration.gemm, MFU, hbm, idle-chips."
        ),
    ],
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="The sources of all files.")] = False,
) -> None:
    """Meaning, unit, range, default and sources of a field; of a word that results print; of an option; of a warning.

    A warning comes with its remedy.
    """
    from accelsim.cli.tables import make_console, print_entry

    console = make_console()
    for name, value in _shortened(_help_of(word.strip()), verbose):
        print_entry(console, name, value, _LABELS)


def _shortened(rows: Rows, verbose: bool) -> Rows:
    sources = [row for row in rows if row[0] == "source"]
    if verbose or len(sources) <= _MOST_SOURCES:
        return rows
    kept = [row for row in rows if row[0] != "source"]
    return [*kept, *sources[:_MOST_SOURCES], ("", f"and {len(sources) - _MOST_SOURCES} files more, see -v")]


def _help_of(word: str) -> Rows:
    """All that the word stands for.

    Raises:
        ConfigError: It stands for nothing; suggests the nearest word.
    """
    found = [*_of_warning(word), *_of_option(word), *_of_term(word), *_of_link(word), *_of_plan(word)]
    found += _of_type(word) or _of_calibration(word) or _of_member(word)
    if found and "." not in word:
        return [*found, *_of_same_fields(word)]
    return found or _of_field(word)


def _of_warning(word: str) -> Rows:
    from accelsim.warning import WARNINGS

    if word not in WARNINGS:
        return []
    return [("warning", word), ("meaning", WARNINGS[word].meaning), ("remedy", WARNINGS[word].remedy)]


def _of_term(word: str) -> Rows:
    from accelsim.results.terms import TERMS

    name = word.lower()
    term = TERMS.get(name) or TERMS.get(name.replace("_", " ")) or TERMS.get(name.removesuffix("s"))
    return [] if term is None else [("word", name), ("kind", term.kind), ("meaning", term.meaning)]


def _of_link(word: str) -> Rows:
    """A level of systems of that name: what joins chips there."""
    from accelsim.catalog import Catalog
    from accelsim.config.loader import load_document

    catalog = Catalog()
    having: list[str] = []
    for name in catalog.names("systems"):
        data: Any = load_document(catalog.find("systems", name)).data
        if word.lower() in (data.get("levels") or {}):
            having.append(name)
    if not having:
        return []
    meaning = "links that join chips (system.levels); as a cause, their bandwidth or latency decides"
    return [("word", word.lower()), ("meaning", meaning), ("in", ", ".join(having))]


def _of_plan(word: str) -> Rows:
    from accelsim.mapping.plan import explain_key

    root, _, key = word.partition(".")
    of_plan = explain_key(key if root == "plan" else word)
    return [] if of_plan is None else [("plan key", key if root == "plan" else word), *of_plan.items()]


def _of_member(word: str) -> Rows:
    """Placers, executions, topologies, algorithms ... of that name, as ``show placers`` lists them."""
    from accelsim.cli.registries import named

    return [row for kind, name, meaning in named(word) for row in (("name", name), ("of", kind), ("meaning", meaning))]


def _of_type(word: str) -> Rows:
    from accelsim.dtypes import DType, Format

    root, _, key = word.partition(".")
    if root == "dtype" and key:
        return [*Format.parse(key).explain().items()]
    return [*Format.parse(word).explain().items()] if word in [dtype.value for dtype in DType] else []


def _of_calibration(word: str) -> Rows:
    """A section of a chip's calibration, or a number in one."""
    from accelsim.cost.needs import calibration_sections, section_keys
    from accelsim.registry import known_names

    stated = word.removeprefix("chip.").removeprefix("calibration").removeprefix(".")
    if not stated:
        return []
    sections, (name, _, key) = calibration_sections(), stated.partition(".")
    is_path = word.startswith(("chip.calibration.", "calibration."))
    if name not in sections:
        if is_path:
            raise ConfigError(f"unknown section chip.calibration.{name}. {known_names(name, [*sections])}")
        return []
    keys = section_keys(sections[name])
    if not key:
        need = [f"{one} (required)" if required else one for one, (_, required) in keys.items()]
        first = (sections[name].__doc__ or "").strip().partition("\n")[0]
        return [("section", f"chip.calibration.{name}"), ("meaning", first), ("keys", ", ".join(need))]
    if key not in keys:
        raise ConfigError(f"unknown field chip.calibration.{name}.{key}. {known_names(key, [*keys])}")
    meaning, required = keys[key]
    rows = [("field", f"chip.calibration.{name}.{key}"), ("meaning", meaning)]
    return [*rows, ("default", "required" if required else "stated by the cost model"), *_stated(name, key)]


def _stated(section: str, key: str) -> Iterator[tuple[str, str]]:
    from accelsim.hardware.system import provenance

    for file, sources in provenance().items():
        source = sources.get(f"calibration.{section}.{key}")
        if source is not None:
            yield "source", f"{file}: {source.value_text} ({source.kind}) {source.source or ''}".rstrip()


def _roots() -> dict[str, type[BaseModel]]:
    from accelsim.hardware.chip import Chip
    from accelsim.hardware.system import SystemSpec
    from accelsim.workload.model import Model

    return {"chip": Chip, "system": SystemSpec, "model": Model}


def _of_same_fields(word: str) -> Rows:
    """Fields of files that end like a word that means something else, too."""
    from accelsim.config.explain import field_paths

    ends = [path for path in field_paths(_roots()) if path.rpartition(".")[2] == word.lower()]
    return [("fields", ", ".join(ends))] if ends else []


def _of_field(field: str) -> Rows:
    from accelsim.config.explain import explain, field_paths
    from accelsim.hardware.system import provenance

    roots = _roots()
    if field.partition(".")[0] not in roots and not any(p.endswith(f".{field}") for p in field_paths(roots)):
        raise ConfigError(_unknown(field))
    help_ = explain(field, roots, provenance())
    rows = [
        ("field", help_.path),
        ("meaning", help_.meaning),
        ("kind", help_.kind),
        ("unit", help_.unit),
        ("range", help_.range),
        ("default", help_.default),
        ("keys", ", ".join(help_.keys)),
    ]
    for file, source in (help_.sources or {}).items():
        rows.append(("source", f"{file}: {source.value_text} ({source.kind}) {source.source or ''}".rstrip()))
    return [(name, value) for name, value in rows if value]


def _unknown(word: str) -> str:
    """That a word is unknown, with the nearest of all kinds of words, where one is near."""
    from difflib import get_close_matches

    from accelsim.config.explain import field_paths
    from accelsim.mapping.plan_keys import known_keys
    from accelsim.results.terms import TERMS
    from accelsim.warning import WARNINGS

    paths = field_paths(_roots())
    known = [*paths, *(p.rpartition(".")[2] for p in paths), *TERMS, *WARNINGS, *known_keys()]
    near = get_close_matches(word.lower(), dict.fromkeys(known), n=1, cutoff=0.75)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"unknown word {word!r}. Known: fields (chip.clock, system.levels, model.head_dim, plan.tp, dtype.fp8, "
        f"chip.calibration.gemm), options, warnings, what accelsim show lists (snake, spatial, ring) and what results "
        f"print (MFU, hbm, launch). Operators of a model: accelsim show graph MODEL.{hint}"
    )


def _of_option(name: str) -> Rows:
    """What an option of a case, or a size of a phase, means; empty if there is none of that name."""
    from accelsim.case.case import OPTIONS
    from accelsim.workload.phase import PHASES

    flag = name.removeprefix("--").replace("-", "_")
    for one in OPTIONS:
        if flag in (one.name, one.flag.removeprefix("--")):
            default = "" if one.is_required else str(one.plain(one.read(one.default)))
            return [("option", one.name), ("flag", one.flag), ("meaning", one.help), ("default", default)]
    having = {kind: {size.name: size for size in of.fields()} for kind, of in PHASES.items()}
    kinds = [kind for kind, sizes in having.items() if flag in sizes]
    if not kinds:
        return []
    size = having[kinds[0]][flag]
    default = "" if size.default is None else str(size.default)
    return [("size", flag), ("of", ", ".join(kinds)), ("meaning", size.help), ("default", default)]
