"""``accelsim cost``: the time of each operator row of a table, as one more column."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from accelsim.case.read import read_overrides
from accelsim.cli import options as o
from accelsim.cli.command import add_command
from accelsim.cli.wrap import tell

if TYPE_CHECKING:
    from accelsim.hardware.chip import Chip


def register(app: typer.Typer) -> None:
    """Add the command."""
    add_command(app, "cost", cost)


def cost(
    data: Annotated[Path, typer.Option("--data", help="CSV with a row per operator: op, dtype, and its extents.")],
    chip: Annotated[
        str | None, typer.Option("--chip", help="Chip that runs every row; default: each row's hardware.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="CSV to write; default: stdout.")] = None,
    set_: o.SetOption = None,
    strict: o.StrictOption = False,
) -> None:
    """Predict the time of each row as column predicted_s; the other columns and the order are kept."""
    from accelsim.validation.machines import Machines
    from accelsim.validation.predict import predict, refuse_notes
    from accelsim.validation.table import PREDICTED, check_table, read_table

    only = _chip(chip, read_overrides(set_ or ()))
    table = read_table(data)
    check_table(table, measured=False, hardware=only is None)
    prediction = predict(table, Machines(chip=only))
    if strict:
        refuse_notes(str(note) for note in prediction.notes)
    cells = ["" if seconds != seconds else f"{seconds:.9g}" for seconds in prediction.seconds.tolist()]
    text = table.with_column(PREDICTED, cells).csv()
    if output is None:
        sys.stdout.write(text)
    else:
        from accelsim.files import write_atomic

        write_atomic(output, text)
    for note in prediction.notes:
        tell(f"note: {note}")
    if prediction.num_unpriced:
        tell(f"note: {prediction.num_unpriced} of {len(table)} rows have no prediction")


def _chip(name: str | None, overrides: tuple[tuple[str, str], ...]) -> Chip | None:
    from accelsim.errors import ConfigError
    from accelsim.hardware.system import load_chip

    if name is not None:
        return load_chip(name, overrides)
    if overrides:
        raise ConfigError("--set needs --chip: say which chip to change.")
    return None
