"""``accelsim optics array``: when light over an array of cores pays."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from accelsim.cli import checks, output
from accelsim.cli import options as o
from accelsim.errors import ConfigError


def array(
    chip: Annotated[str, typer.Argument(help="Chip: a mesh of cores with stations of light.")] = "sram-array-light",
    cores: Annotated[
        str, typer.Option("--cores", help="Cores of the lines that are summed over.")
    ] = "16,32,64,128,256",
    elements: Annotated[str, typer.Option("--elements", help="Elements that each core holds.")] = "1,8,64,512",
    transceivers: Annotated[str, typer.Option("--transceivers", help="Wavelengths that a station sends.")] = "4",
    set_: o.SetOption = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the gain over the elements into FILE.", callback=checks.picture)
    ] = None,
    json_: o.JsonOption = None,
) -> None:
    """Sums over every row of a square of cores, by the mesh alone and with light: time, energy, power of the lasers."""
    from accelsim.case.read import read_overrides
    from accelsim.hardware.system import load_chip
    from accelsim.study.light import line_sums

    loaded = load_chip(chip, read_overrides(set_ or ()))
    found = line_sums(
        loaded, _counts("cores", cores), _counts("elements", elements), _counts("transceivers", transceivers)
    )
    rows = [{**asdict(one), "speedup": one.speedup} for one in found]
    if plot is not None:
        _draw(rows, plot)
    output.write_or_print({"chip": loaded.name, "rows": rows}, json_, _print_array)


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    from accelsim.results.plots.optics import plot_gain
    from accelsim.results.plots.picture import save_picture

    curves: dict[str, list[float]] = {}
    for row in rows:
        curves.setdefault(f"{row['cores']} cores, {row['transceivers']} wavelengths", []).append(row["speedup"])
    elements = list(dict.fromkeys(row["elements"] for row in rows))
    save_picture(plot_gain(elements, curves), path)


def _counts(option: str, text: str) -> list[int]:
    """The whole numbers of ``1,8,64``.

    Raises:
        ConfigError: One of them is none, or 0.
    """
    items = [item.strip() for item in text.split(",")]
    for item in items:
        if not item.isdigit() or int(item) < 1:
            raise ConfigError(f"--{option}: {item!r} is no whole number above 0. Write e.g. --{option} 1,8.")
    return [int(item) for item in items]


def _print_array(content: dict[str, Any]) -> None:
    from accelsim.cli.tables import make_console, make_table
    from accelsim.results.format import joules_text, seconds_text
    from accelsim.units import format_quantity

    names = ("cores", "elements", "sent", "mesh", "light", "faster", "mesh J", "light J", "lasers")
    table = make_table(f"a sum over every line of a square of cores of {content['chip']}", names, names)
    for row in content["rows"]:
        table.add_row(
            *(str(row[key]) for key in ("cores", "elements", "transceivers")),
            *(seconds_text(row[key]) for key in ("mesh_s", "light_s")),
            f"{row['speedup']:.2f}x",
            *(joules_text(row[key]) for key in ("mesh_j", "light_j")),
            format_quantity(row["light_w"], "watt") if row["light_w"] else "none",
        )
    make_console().print(table)
