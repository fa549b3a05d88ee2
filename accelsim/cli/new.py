"""``accelsim new KIND NAME``: a commented file to start from, which loads and runs as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from accelsim.cli import checks
from accelsim.cli.command import add_command
from accelsim.errors import ConfigError

TEMPLATES = Path(__file__).parent / "templates"
#: Kind -> where the catalog has files of it, and a command that uses a new one.
KINDS = {
    "chip": ("chips", "accelsim run llama3-8b --on {file} --plan tp=1"),
    "system": ("systems", "accelsim run llama3-8b --on {file}"),
    "model": ("models", "accelsim run {file} --on nvidia-h100-sxm"),
    "optics": ("optics", "accelsim optics budget {file} --length 10m"),
    "case": ("", "accelsim run {file}"),
}
_IN_PLACE_OF_STUDIES = (
    "Write a case (accelsim new case NAME), and let accelsim compare run it with lists: --on A,B --batch 1,8,max."
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "new", new)


def new(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS) + ".")],
    name: Annotated[str, typer.Argument(help="Its name; the file is called NAME.yaml.")],
    like: Annotated[str | None, typer.Option("--like", help="Start from a shipped file of the kind.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; default: NAME.yaml.", callback=checks.file)
    ] = None,
) -> None:
    """Write a commented YAML to start from; it loads and runs as it is, every value to be replaced.

    With --like it is a copy of a shipped file under the new name; a chip then takes its calibration over from that
    chip, which results say.
    """
    from accelsim.files import check_writable, write_atomic

    if kind not in KINDS:
        from accelsim.registry import did_you_mean

        if kind == "study":
            raise ConfigError(f"{kind}: no command reads a file of many runs yet. {_IN_PLACE_OF_STUDIES}")
        raise ConfigError(f"unknown kind {kind!r}. Known: {', '.join(KINDS)}.{did_you_mean(kind, [*KINDS])}")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name. Use letters, digits, '-', '_' and '.'.")
    target = out or Path(f"{name}.yaml")
    if target.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{target}: the file must end in .yaml.")
    if target.exists():
        raise ConfigError(f"{target}: exists already. Name another with --out, or remove it.")
    check_writable(target)
    text = _template(kind, name) if like is None else _copy(kind, name, like)
    write_atomic(target, text.replace("THIS_FILE", str(target)))
    typer.echo(f"wrote {target}; next: {KINDS[kind][1].format(file=target)}")


def _template(kind: str, name: str) -> str:
    return (TEMPLATES / f"{kind}.yaml").read_text(encoding="utf-8").replace("NAME", name, 2)


def _copy(kind: str, name: str, like: str) -> str:
    """The text of a shipped file under another name.

    Raises:
        ConfigError: There is no such file.
    """
    from accelsim.catalog import Catalog
    from accelsim.reading import read_text

    if not KINDS[kind][0]:
        raise ConfigError(f"--like is of chips, systems, models and optics; a {kind} is short. Leave it out.")
    path = Catalog().find(KINDS[kind][0], like)
    text = re.sub(r"(?m)^name: .*$", f"name: {name}", read_text(path), count=1)
    text = f"# {name}: started from {path.stem}; correct what differs, and its sources\n#\n{text}"
    if kind == "model":
        return _without(text, "hf_ids")
    return _calibrated_as(text, path.stem) if kind == "chip" else text


def _without(text: str, key: str) -> str:
    """The text of a file without one of its sections."""
    return re.sub(rf"(?m)^{key}:.*\n(?:(?:[ \t]+.*)?\n)*?(?=\S|\Z)", "", text, count=1)


def _calibrated_as(text: str, chip: str) -> str:
    """A chip's text with each of its calibration sections taken over from that chip, as numbers fitted to another.

    One that takes them over itself, or extends another chip, stays as it is.
    """
    from accelsim.config.loader import parse_document

    stated = parse_document(text).root.children
    if "calibration" not in stated or "calibration_from" in stated or "extends" in stated:
        return text
    sections = [one for one in stated["calibration"].children if not one.endswith("_range")]
    taken = ", ".join(f"{section}: {chip}" for section in sections)
    note = "# fitted to that chip, which every result says; accelsim calibrate fits it to measurements of this one"
    return f"{_without(text, 'calibration').rstrip()}\n\n{note}\ncalibration_from: {{{taken}}}\n"
